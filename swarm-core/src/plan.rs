//! Work as data: what should run, not how.

mod combinators;

use std::num::{NonZeroU32, NonZeroUsize};

pub use combinators::{chain, map, map_reduce, par, race, reduce, retry, run};
use serde::{Deserialize, Serialize};

use crate::{prompt::Input, spec::AgentSpec};

/// A description of agent work that can be stored, sent, drawn, priced and executed.
///
/// Build one with [`run`], [`par`], [`map`], [`chain`], [`reduce`], [`map_reduce`], [`race`] and [`retry`];
/// they compose freely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Plan {
    /// One agent.
    Run {
        /// Its work.
        agent: Box<AgentSpec>,
    },
    /// Stages in order; each sees the results of the stage before it. The first failure ends it.
    Seq {
        /// The stages.
        stages: Vec<Self>,
    },
    /// Branches side by side; all run to their end, whatever happens to the others.
    Par {
        /// The branches.
        branches: Vec<Self>,
        /// How many may be under way at once; `None` leaves it to the resource pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<NonZeroUsize>,
    },
    /// One template over many inputs, side by side; all run to their end, whatever happens to the others.
    Map {
        /// What each is made from: `{input}` in its prompts and commands is replaced.
        template: Box<Self>,
        /// By these.
        inputs: Vec<String>,
        /// How many may be under way at once; `None` leaves it to the resource pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<NonZeroUsize>,
    },
    /// Branches side by side; the first to succeed wins, and the others are cancelled.
    Race {
        /// The branches.
        branches: Vec<Self>,
    },
    /// The body again, until it succeeds or the attempts are spent; each sees the errors before it.
    Retry {
        /// What to attempt.
        body: Box<Self>,
        /// How often in all.
        attempts: NonZeroU32,
    },
    /// Whatever of the body succeeded, and the given inputs before it, brought together by one more plan.
    Reduce {
        /// Inputs that exist already.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inputs: Vec<Input>,
        /// What makes the others. If nothing of it succeeds, nothing is reduced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Box<Self>>,
        /// What brings them together.
        reducer: Box<Self>,
    },
}

impl Plan {
    /// Every agent that is described, in the order of the plan; those of a retry or of a template once.
    pub fn agents(&self) -> Vec<&AgentSpec> {
        let mut agents = Vec::new();
        self.visit(&mut |agent| agents.push(agent));
        agents
    }

    /// How many agents run if none has to be attempted again.
    pub fn agent_count(&self) -> usize {
        let all = |plans: &[Self]| plans.iter().map(Self::agent_count).sum();
        match self {
            Self::Run { .. } => 1,
            Self::Seq { stages: plans }
            | Self::Par {
                branches: plans, ..
            }
            | Self::Race { branches: plans } => all(plans),
            Self::Map {
                template, inputs, ..
            } => template.agent_count().saturating_mul(inputs.len()),
            Self::Retry { body, .. } => body.agent_count(),
            Self::Reduce { body, reducer, .. } => {
                body.as_ref().map_or(0, |body| body.agent_count()) + reducer.agent_count()
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
            Self::Retry { body: plan, .. } | Self::Map { template: plan, .. } => plan.visit(see),
            Self::Reduce { body, reducer, .. } => {
                if let Some(body) = body {
                    body.visit(see);
                }
                reducer.visit(see);
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
        }
    }

    /// The name of the outermost operation: that of the function that makes such a plan.
    pub const fn op(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Seq { .. } => "chain",
            Self::Par { .. } => "par",
            Self::Map { .. } => "map",
            Self::Race { .. } => "race",
            Self::Retry { .. } => "retry",
            Self::Reduce { body: Some(_), .. } => "map_reduce",
            Self::Reduce { .. } => "reduce",
        }
    }
}

/// One agent is a plan.
impl From<AgentSpec> for Plan {
    fn from(agent: AgentSpec) -> Self {
        run(agent)
    }
}

/// A template is often used again.
impl From<&AgentSpec> for Plan {
    fn from(agent: &AgentSpec) -> Self {
        run(agent.clone())
    }
}

/// A template is often used again.
impl From<&Self> for Plan {
    fn from(plan: &Self) -> Self {
        plan.clone()
    }
}
