//! What can be said of a plan without running it, and its inputs filled in.

use super::{Evaluator, Plan, Program, Seeds, Selection, Strategy, run};
use crate::spec::AgentSpec;

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
            Self::Run { .. } | Self::Race { .. } | Self::Iterate { .. } => 1,
            Self::Seq { stages } => stages.last().map_or(0, Self::result_count),
            Self::Par { branches, .. } => branches.iter().map(Self::result_count).sum(),
            Self::Map {
                template, inputs, ..
            } => template.result_count().saturating_mul(inputs.len()),
            Self::Retry { body, .. } | Self::Limit { body, .. } => body.result_count(),
            Self::Reduce { reducer, .. } => reducer.result_count(),
            Self::Judge {
                select: Selection::Best { .. },
                ..
            } => 1,
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

    /// The same with `{input}` replaced in the prompt and in the command of every agent.
    #[must_use]
    pub fn with_input(&self, input: &str) -> Self {
        let each = |plans: &[Self]| plans.iter().map(|plan| plan.with_input(input)).collect();
        let boxed = |plan: &Self| Box::new(plan.with_input(input));
        match self {
            Self::Run { agent } => run(agent.with_input(input)),
            Self::Seq { stages } => Self::Seq {
                stages: each(stages),
            },
            Self::Par { branches, limit } => Self::Par {
                branches: each(branches),
                limit: *limit,
            },
            // Its template has inputs of its own.
            Self::Map {
                template,
                inputs,
                limit,
            } => Self::Map {
                template: template.clone(),
                inputs: inputs
                    .iter()
                    .map(|inner| inner.replace("{input}", input))
                    .collect(),
                limit: *limit,
            },
            Self::Race { branches } => Self::Race {
                branches: each(branches),
            },
            Self::Retry { body, attempts } => Self::Retry {
                body: boxed(body),
                attempts: *attempts,
            },
            Self::Reduce {
                inputs,
                body,
                reducer,
            } => Self::Reduce {
                inputs: inputs.clone(),
                body: body.as_deref().map(boxed),
                reducer: boxed(reducer),
            },
            Self::Judge {
                given,
                body,
                evaluator,
                select,
                limit,
            } => Self::Judge {
                given: given.clone(),
                body: body.as_deref().map(boxed),
                evaluator: evaluator.with_input(input),
                select: *select,
                limit: *limit,
            },
            Self::Iterate {
                body,
                evaluator,
                max_iterations,
                success_threshold,
                patience,
            } => Self::Iterate {
                body: boxed(body),
                evaluator: evaluator.with_input(input),
                max_iterations: *max_iterations,
                success_threshold: *success_threshold,
                patience: *patience,
            },
            // Its template has inputs of its own, as that of a map.
            Self::FanOut {
                source,
                template,
                limit,
            } => Self::FanOut {
                source: Box::new(source.with_input(input)),
                template: template.clone(),
                limit: *limit,
            },
            Self::Hunt {
                strategies,
                top,
                limit,
            } => Self::Hunt {
                strategies: strategies.iter().map(|s| s.with_input(input)).collect(),
                top: *top,
                limit: *limit,
            },
            Self::Limit { body, limits } => Self::Limit {
                body: boxed(body),
                limits: limits.clone(),
            },
            Self::Guard { .. } => self.clone(),
            Self::Approve { question } => Self::Approve {
                question: question.replace("{input}", input),
            },
            Self::Pipeline { program } => Self::Pipeline {
                program: program.with_input(input).into(),
            },
        }
    }
}

impl Evaluator {
    fn with_input(&self, input: &str) -> Self {
        Self {
            agent: Box::new(self.agent.with_input(input)),
            ..self.clone()
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

    fn with_input(&self, input: &str) -> Self {
        let mut strategy = self.clone();
        strategy.seeds = match strategy.seeds {
            Seeds::Listed(seeds) => {
                let seeds = seeds.iter().map(|seed| seed.replace("{input}", input));
                Seeds::Listed(seeds.collect())
            }
            Seeds::Fetched(source) => Seeds::Fetched(Box::new(source.with_input(input))),
        };
        strategy
    }
}

impl Program {
    fn with_input(&self, input: &str) -> Self {
        let mut program = self.clone();
        for step in &mut program.steps {
            step.work = step.work.with_input(input);
        }
        program
    }
}
