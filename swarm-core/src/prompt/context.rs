//! What an agent is told besides its task.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    evaluate::Score,
    ids::{RefId, StepId},
    machine::{Attempt, Failure, Visit},
};

/// Something that an agent is told besides its task.
#[derive(Clone, Debug, PartialEq)]
pub enum Context {
    /// Results of the stage before it.
    Previous(Arc<[RefId]>),
    /// Results that it is to bring together.
    Inputs(Arc<[Input]>),
    /// This is one of several attempts.
    Attempt {
        /// From 1.
        number: u32,
        /// How many there may be in all.
        of: u32,
        /// What went wrong in each of those before.
        errors: Arc<[Vec<PriorError>]>,
    },
    /// This is one of several attempts, of which the best counts.
    Iterations {
        /// Those before it.
        attempts: Arc<[Attempt]>,
        /// The score to beat.
        best: Score,
    },
    /// What it is to judge.
    Artifact {
        /// The thing itself.
        input: Input,
        /// Whether it stands between marks behind the task; else it is all that the agent reads.
        is_marked: bool,
    },
    /// What came of the step before it.
    Step(StepResult),
    /// How a pipeline stands that it is to govern.
    Situation(Arc<PipelineSituation>),
}

impl Context {
    /// The results of what came before.
    pub fn results(&self) -> impl Iterator<Item = RefId> {
        let refs = match self {
            Self::Previous(refs) => refs.to_vec(),
            Self::Step(step) => step.refs.to_vec(),
            Self::Inputs(inputs) => {
                let refs = inputs.iter().filter_map(|input| match input {
                    Input::Ref(id) => Some(id.clone()),
                    Input::Text(_) => None,
                });
                refs.collect()
            }
            Self::Attempt { .. }
            | Self::Iterations { .. }
            | Self::Artifact { .. }
            | Self::Situation(_) => Vec::new(),
        };
        refs.into_iter()
    }

    /// Whether it is about this being one of several attempts.
    pub const fn is_of_this_attempt(&self) -> bool {
        matches!(self, Self::Attempt { .. } | Self::Iterations { .. })
    }
}

/// What came of a step of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// Which step; none for what was there before the first.
    pub step: Option<StepId>,
    /// What worked.
    pub refs: Arc<[RefId]>,
    /// What did not.
    pub failures: Arc<[Failure]>,
}

/// How a pipeline stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSituation {
    /// What it is called.
    pub pipeline: Option<String>,
    /// What it was made from.
    pub definition: Arc<Value>,
    /// What `{input}` stands for in it, if it stands in a template.
    pub input: Option<String>,
    /// The way through it so far; the last visit is what has just ended.
    pub visits: Vec<Visit>,
    /// Decisions that are to be remembered.
    pub memory: Vec<RefId>,
}

/// Why something failed, as a later attempt is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PriorError {
    /// The agent left a record, which has the error; it is read when it is needed.
    Recorded {
        /// The record.
        #[serde(rename = "ref")]
        id: RefId,
    },
    /// It did its task, but somebody who judged was not content; what there is to mend is in the record of who judged.
    Judged {
        /// That record.
        judged_by: RefId,
        /// The verdict.
        error: String,
    },
    /// This message.
    Message(String),
}

/// One input of a reduction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A result, read when it is needed.
    Ref(RefId),
    /// A text as it is.
    Text(String),
}
