//! What can be said of a plan without running it.

use super::{Plan, Seeds, Selection, Strategy};
use crate::{evaluate::MAX_SEEDS, spec::AgentSpec};

/// How many operations of one run there may be at the same time.
pub const MAX_AT_ONCE: usize = 200_000;

impl Plan {
    /// Every agent that is described, in the order of the plan; those of a retry or of a template once.
    pub fn agents(&self) -> Vec<&AgentSpec> {
        let mut agents = Vec::new();
        self.visit(&mut |agent| agents.push(agent));
        agents
    }

    /// How many agents run if none has to be attempted again, nothing is found to work on, and every step of a pipeline is
    /// entered once.
    pub fn agent_count(&self) -> usize {
        match self {
            Self::Run { .. } => 1,
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => plans.iter().map(Self::agent_count).sum(),
            Self::Map {
                template, inputs, ..
            } => template.agent_count().saturating_mul(inputs.len()),
            Self::Retry { body, .. } | Self::Limit { body, .. } => body.agent_count(),
            Self::Reduce { body, reducer, .. } => {
                body.as_ref().map_or(0, |body| body.agent_count()) + reducer.agent_count()
            }
            Self::Judge { given, body, .. } => {
                let body = body.as_ref();
                let made = body.map_or(0, |body| body.agent_count() + body.result_count());
                given.len() + made
            }
            Self::Iterate { body, .. } => body.agent_count() + body.result_count(),
            Self::FanOut { template, .. } => 1 + template.agent_count(),
            Self::Hunt { strategies, .. } => strategies.iter().map(Strategy::agent_count).sum(),
            Self::Guard { .. } | Self::Approve { .. } => 0,
            Self::Pipeline { program } => {
                let steps = program.steps.iter();
                steps.map(|step| step.work.agent_count()).sum()
            }
        }
    }

    /// How many results it has if everything succeeds, as far as that is known.
    pub fn result_count(&self) -> usize {
        match self {
            Self::Run { .. }
            | Self::Race { .. }
            | Self::Iterate { .. }
            | Self::Judge {
                select: Selection::Best { .. },
                ..
            } => 1,
            Self::Seq { stages } => stages.last().map_or(0, Self::result_count),
            Self::Par { branches, .. } => branches.iter().map(Self::result_count).sum(),
            Self::Map {
                template, inputs, ..
            } => template.result_count().saturating_mul(inputs.len()),
            Self::Retry { body, .. } | Self::Limit { body, .. } => body.result_count(),
            Self::Reduce { reducer, .. } => reducer.result_count(),
            Self::Judge { given, body, .. } => {
                given.len() + body.as_ref().map_or(0, |body| body.result_count())
            }
            Self::FanOut { template, .. } => template.result_count(),
            Self::Hunt { strategies, .. } => strategies.iter().map(Strategy::result_count).sum(),
            Self::Guard { refs, .. } => refs.len(),
            Self::Approve { .. } => 0,
            Self::Pipeline { program } => {
                let last = program.steps.last();
                last.map_or(0, |step| step.work.result_count())
            }
        }
    }

    /// Whether a part of it has limits of its own.
    pub(crate) fn has_limits(&self) -> bool {
        match self {
            Self::Limit { .. } => true,
            Self::Pipeline { program } => {
                !program.limits.is_empty()
                    || program.steps.iter().any(|step| step.work.has_limits())
            }
            Self::Run { .. } | Self::Guard { .. } | Self::Approve { .. } => false,
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => plans.iter().any(Self::has_limits),
            Self::Retry { body, .. }
            | Self::Iterate { body, .. }
            | Self::Map { template: body, .. }
            | Self::FanOut { template: body, .. } => body.has_limits(),
            Self::Reduce { body, reducer, .. } => {
                reducer.has_limits() || body.as_ref().is_some_and(|body| body.has_limits())
            }
            Self::Judge { body, .. } => body.as_ref().is_some_and(|body| body.has_limits()),
            Self::Hunt { strategies, .. } => strategies.iter().any(|s| s.template.has_limits()),
        }
    }

    /// How many operations may be under way, or waiting for their turn, at the same time: each takes memory. No more than
    /// [`MAX_AT_ONCE`] can be run.
    pub fn most_at_once(&self) -> usize {
        let sum = |plans: &[Self]| {
            let each = plans.iter().map(Self::most_at_once);
            each.fold(0, usize::saturating_add)
        };
        let judged = |body: usize| body.saturating_mul(2);
        match self {
            Self::Run { .. } | Self::Guard { .. } | Self::Approve { .. } => 1,
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => sum(plans),
            Self::Map {
                template, inputs, ..
            } => template.most_at_once().saturating_mul(inputs.len()),
            Self::Retry { body, .. } | Self::Limit { body, .. } => body.most_at_once(),
            Self::Reduce { body, reducer, .. } => {
                let body = body.as_ref().map_or(0, |body| body.most_at_once());
                body.saturating_add(reducer.most_at_once())
            }
            Self::Judge { given, body, .. } => {
                let body = body.as_ref().map_or(0, |body| body.most_at_once());
                judged(body).saturating_add(given.len())
            }
            Self::Iterate { body, .. } => judged(body.most_at_once()),
            Self::FanOut { template, .. } => template.most_at_once().saturating_mul(MAX_SEEDS),
            Self::Hunt { strategies, .. } => {
                let each = strategies.iter().map(|strategy| {
                    let seeds = match &strategy.seeds {
                        Seeds::Listed(seeds) => seeds.len(),
                        Seeds::Fetched(_) => MAX_SEEDS,
                    };
                    judged(strategy.template.most_at_once().saturating_mul(seeds))
                });
                each.fold(0, usize::saturating_add)
            }
            // One step at a time.
            Self::Pipeline { program } => {
                let each = program.steps.iter().map(|step| step.work.most_at_once());
                each.max().unwrap_or(0)
            }
        }
    }

    fn visit<'p>(&'p self, see: &mut impl FnMut(&'p AgentSpec)) {
        match self {
            Self::Run { agent } => see(agent),
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => plans.iter().for_each(|plan| plan.visit(see)),
            Self::Retry { body: plan, .. }
            | Self::Limit { body: plan, .. }
            | Self::Map { template: plan, .. } => plan.visit(see),
            Self::Reduce { body, reducer, .. } => {
                if let Some(body) = body {
                    body.visit(see);
                }
                reducer.visit(see);
            }
            Self::Judge {
                body, evaluator, ..
            } => {
                if let Some(body) = body {
                    body.visit(see);
                }
                see(&evaluator.agent);
            }
            Self::Iterate {
                body, evaluator, ..
            } => {
                body.visit(see);
                see(&evaluator.agent);
            }
            Self::FanOut {
                source, template, ..
            } => {
                see(source);
                template.visit(see);
            }
            Self::Hunt { strategies, .. } => {
                for strategy in strategies {
                    if let Seeds::Fetched(source) = &strategy.seeds {
                        see(source);
                    }
                    strategy.template.visit(see);
                    see(&strategy.evaluator.agent);
                }
            }
            Self::Guard { .. } | Self::Approve { .. } => {}
            Self::Pipeline { program } => {
                for step in &program.steps {
                    step.work.visit(see);
                }
                for governor in program.governors.values() {
                    see(&governor.agent);
                }
            }
        }
    }
}

impl Strategy {
    fn seed_count(&self) -> usize {
        match &self.seeds {
            Seeds::Listed(seeds) => seeds.len(),
            Seeds::Fetched(_) => 1,
        }
    }

    fn result_count(&self) -> usize {
        self.template
            .result_count()
            .saturating_mul(self.seed_count())
    }

    fn agent_count(&self) -> usize {
        let fetchers = usize::from(matches!(self.seeds, Seeds::Fetched(_)));
        let agents = self
            .template
            .agent_count()
            .saturating_mul(self.seed_count());
        fetchers + agents + self.result_count()
    }
}
