//! The way through a pipeline so far.

use serde::Serialize;

use crate::{
    ids::{RefId, StepId},
    machine::Failure,
};

/// The way through a pipeline so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineTrace {
    /// What it is called.
    pub name: Option<String>,
    /// The digest of the program that it follows now.
    pub digest: String,
    /// How far it got.
    pub state: PipelineState,
    /// Why it ended where it did; none if it came to its last step.
    pub reason: Option<String>,
    /// How many steps it has.
    pub total_steps: u32,
    /// Every step that was entered or left out, in the order in which that happened.
    pub visits: Vec<Visit>,
}

/// How far a pipeline got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineState {
    /// Not to its end.
    Running,
    /// To its end, or to where a governor ended it well.
    Done,
    /// To a failure that nothing was said about, or to where a governor gave it up.
    Broken,
    /// It was stopped from outside.
    Killed,
}

/// One time that a step was entered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Visit {
    /// The step.
    pub step: StepId,
    /// How often it was entered until then, this time included.
    pub number: u32,
    /// How it was come to.
    pub entered: Entered,
    /// How it ended, once it has.
    pub end: Option<VisitEnd>,
    /// What came of it.
    pub refs: Vec<RefId>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What a governor decided after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

impl Visit {
    /// The results of all agents that count for it, those that failed included.
    pub fn results(&self) -> impl Iterator<Item = &RefId> {
        let failed = self.failures.iter().filter_map(|f| f.result.as_ref());
        self.refs.iter().chain(failed)
    }
}

/// How a step was come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entered {
    /// It is the first, or the one after the one before.
    InOrder,
    /// `next` of the step before says so.
    Next,
    /// `on_fail` of the step before says so.
    OnFail,
    /// `retry_if` of the step before says so.
    RetryIf,
    /// A governor says so.
    Governor,
    /// Somebody went on from here after the end.
    Resumed,
}

impl Entered {
    /// Whether that counts against `max_retries`.
    pub const fn is_jump(self) -> bool {
        match self {
            Self::InOrder | Self::Resumed => false,
            Self::Next | Self::OnFail | Self::RetryIf | Self::Governor => true,
        }
    }
}

/// How the visit of a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitEnd {
    /// Well.
    Succeeded,
    /// Not well.
    Failed,
    /// It was stopped.
    Cancelled,
    /// It was left out, since the step before it did not fail.
    Skipped,
}
