//! Work as data: what should run, not how.

mod change;
mod combinators;
mod evaluator;
mod fill;
mod judging;
mod program;
mod strategies;
mod strategy;
mod walk;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
};

pub use combinators::{
    approve, chain, fan_out, guard, limit, map, map_reduce, par, race, reduce, retry, run,
};
pub use evaluator::{Evaluator, EvaluatorError, Judges, Selection};
pub use judging::{Patience, beam, filter, hunt, iterate, score_list, valid, validate};
pub use program::{Ask, Governor, OnFail, Patcher, Program, RetryIf, Step};
use serde::{Deserialize, Serialize};
pub use strategies::{Strategies, StrategyAgent, StrategyError};
pub use strategy::{Seeds, Strategy};
pub use walk::MAX_AT_ONCE;

use crate::{
    evaluate::Score, ids::RefId, machine::ScopeLimits, prompt::Input, refs::Check, spec::AgentSpec,
};

/// A description of agent work that can be stored, sent, drawn, priced and executed.
///
/// Build one with [`run`], [`par`], [`map`], [`chain`], [`reduce`], [`map_reduce`], [`race`], [`retry`], [`filter`], [`beam`],
/// [`iterate`], [`score_list`], [`hunt`], [`validate`], [`fan_out`], [`guard`], [`approve`] and [`limit`]; they compose freely.
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
    /// Results are judged, each by an agent of its own, and some are chosen.
    Judge {
        /// Results and texts that exist already.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        given: Vec<Input>,
        /// What makes the others. Whatever of it succeeded is judged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Box<Self>>,
        /// Who judges.
        evaluator: Evaluator,
        /// What becomes of them.
        select: Selection,
        /// How many may be judged at once; `None` leaves it to the resource pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<NonZeroUsize>,
    },
    /// The body again, until its result is good enough or no longer gets better; each sees those before it.
    Iterate {
        /// What to do.
        body: Box<Self>,
        /// Who judges what it makes.
        evaluator: Evaluator,
        /// How often at most.
        max_iterations: NonZeroU32,
        /// The score that is good enough.
        success_threshold: Score,
        /// How many iterations in a row may bring nothing better.
        patience: NonZeroU32,
    },
    /// One template over what an agent lists.
    FanOut {
        /// Who lists.
        source: Box<AgentSpec>,
        /// What is done for each item: `{input}` in its prompts and commands is replaced.
        template: Box<Self>,
        /// How many may be under way at once; `None` leaves it to the resource pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<NonZeroUsize>,
    },
    /// Several ways to look for something, side by side; what they find is judged, and the best of all is kept.
    Hunt {
        /// The ways.
        strategies: Vec<Strategy>,
        /// How many of all results are kept; all if zero.
        top: u32,
        /// How many strategies may be under way at once; `None` leaves it to the resource pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<NonZeroUsize>,
    },
    /// The body, within limits of its own.
    Limit {
        /// What to do.
        body: Box<Self>,
        /// The limits.
        limits: ScopeLimits,
    },
    /// Results are checked, and handed on if they pass.
    Guard {
        /// Results that exist already. Those of the stage before are checked as well.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refs: Vec<RefId>,
        /// What must hold of each.
        checks: Vec<Check>,
    },
    /// A person is asked; what the stage before made is handed on if they agree.
    Approve {
        /// What they are asked.
        question: String,
    },
    /// Steps that say themselves which one is next.
    Pipeline {
        /// The steps.
        program: Arc<Program>,
    },
}

impl Plan {
    /// The name of the outermost operation: that of the function that makes such a plan.
    pub fn op(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Seq { .. } => "chain",
            Self::Par { .. } => "par",
            Self::Map { .. } => "map",
            Self::Race { .. } => "race",
            Self::Retry { .. } => "retry",
            Self::Reduce { body: Some(_), .. } => "map_reduce",
            Self::Reduce { .. } => "reduce",
            Self::Judge { select, body, .. } => match (select, body) {
                (Selection::All, _) => "validate",
                (Selection::Valid, _) => "filter",
                (Selection::Best { .. }, Some(_)) => "beam",
                (Selection::Best { .. } | Selection::Top { .. }, _) => "score_list",
            },
            Self::Iterate { .. } => "iterate",
            Self::FanOut { .. } => "fan_out",
            Self::Hunt { .. } => "hunt",
            Self::Limit { body, .. } => body.op(),
            Self::Guard { .. } => "guard",
            Self::Approve { .. } => "approve",
            Self::Pipeline { .. } => "pipeline",
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
