//! Who judges results.

mod exec;
mod parse;

use serde::{Deserialize, Serialize};

pub use self::parse::{EvaluatorError, Judges};
use crate::{evaluate::Reading, spec::AgentSpec};

/// An agent that judges one result at a time. It counts like any other.
///
/// [`Judges::evaluator`] makes one of a text such as `score:clarity`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluator {
    /// As it was asked for, such as `score:clarity`; of a long text the beginning.
    pub name: String,
    /// Who judges. What is judged is put [where it belongs](crate::evaluate::Around::of) in its prompt, or is all that it reads if
    /// its exit status counts.
    pub agent: Box<AgentSpec>,
    /// Whether its answer counts ([`Reading::Judgement`]), or its exit status ([`Reading::ExitStatus`]).
    pub reading: Reading,
}

impl Evaluator {
    /// An agent of its own that judges. Its answer is read like that of every other evaluator.
    pub fn new(name: impl Into<String>, agent: AgentSpec) -> Self {
        Self {
            name: name.into(),
            agent: Box::new(agent),
            reading: Reading::Judgement,
        }
    }
}

/// What becomes of results that were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "select", rename_all = "snake_case")]
pub enum Selection {
    /// Every one must be valid, or it all fails.
    All,
    /// Those that are valid, in their order.
    Valid,
    /// The one with the highest score, if that is more than zero.
    Best {
        /// Whether the others are named with it.
        keep_losers: bool,
    },
    /// Those with the highest scores, the highest first.
    Top {
        /// How many; all if zero.
        count: u32,
    },
}
