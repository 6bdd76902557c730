//! The state of a running [`Plan`], without any I/O.
//!
//! The machine never runs anything. It says what to do next ([`Machine::demands`]) and is told what
//! happened ([`Machine::apply`]). The same events always lead to the same state, so a log of events is a
//! complete record of a run, and replaying it is how a run resumes.
//!
//! The invariant that makes this true: **only `apply` ends a node**. `demands` merely marks what has been
//! asked for, and what has been asked for is asked again after a replay.

mod account;
mod around;
mod demand;
mod effect;
mod fan_out;
mod gate;
mod hunt;
mod iterate;
mod judge;
mod limit;
mod node;
mod par;
mod path;
mod pipeline;
mod race;
mod reduce;
mod retry;
mod run;
mod scope;
mod seq;

use std::{fmt, sync::Arc};

pub use account::{Account, Attempt, Halted, Iteration, Leader, Ranked, Ranking, StrategyAccount};
pub use demand::{Demand, Do, Item, Start};
pub use effect::{Effect, EffectDone, EffectOutcome};
pub(crate) use judge::validated;
pub use pipeline::{Entered, PipelineState, PipelineTrace, Visit, VisitEnd};
pub use scope::{Scope, ScopeLimits};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::{
    around::Around,
    node::{Node, Operation as _},
    path::Path,
};
use crate::{
    ids::{AgentId, RefId, StepId},
    outcome::{AgentOutcome, ExitReason},
    plan::{Plan, Program},
};

/// The place of one agent in a plan: branch, stage and attempt numbers from the root. The same after
/// every restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Vec<u32>);

impl Cursor {
    /// The first of its numbers: of a pipeline, which visit of a step.
    pub fn first(&self) -> Option<u32> {
        self.0.first().copied()
    }

    /// Whether this is the place `root`, or one below it.
    pub fn is_within(&self, root: &Self) -> bool {
        self.0.starts_with(&root.0)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        for (i, part) in self.0.iter().enumerate() {
            write!(f, "{}{part}", if i == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// What happened to one agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentEnded {
    /// Where in the plan.
    pub at: Cursor,
    /// Its name in the run.
    pub agent: AgentId,
    /// How it ended.
    pub outcome: AgentOutcome,
}

/// Something that happened, as the machine is told.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// An agent ended.
    Agent(&'e AgentEnded),
    /// Something else was done.
    Effect(&'e EffectDone),
}

impl<'e> From<&'e AgentEnded> for Event<'e> {
    fn from(ended: &'e AgentEnded) -> Self {
        Self::Agent(ended)
    }
}

impl<'e> From<&'e EffectDone> for Event<'e> {
    fn from(done: &'e EffectDone) -> Self {
        Self::Effect(done)
    }
}

impl Event<'_> {
    /// Where in the plan.
    pub const fn at(&self) -> &Cursor {
        match self {
            Self::Agent(ended) => &ended.at,
            Self::Effect(done) => &done.at,
        }
    }
}

/// How a plan ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum End {
    /// With these results.
    Succeeded {
        /// The results, in the order of the plan.
        refs: Vec<RefId>,
    },
    /// Not all of it worked.
    Failed {
        /// What did work.
        succeeded: Vec<RefId>,
        /// What did not.
        failures: Vec<Failure>,
    },
    /// It was stopped before its end.
    Cancelled,
}

/// One agent that did not do its task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The agent.
    pub agent: AgentId,
    /// Why it ended.
    pub exit: ExitReason,
    /// What happened, for a person.
    pub error: String,
    /// Where its output so far is kept, and what it said about its failure.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub result: Option<RefId>,
    /// The result of who judged, if it did its task and that was not good enough. What there is to mend is said there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_by: Option<RefId>,
    /// Whether it did its task, and who was to judge that could not be started: another attempt would not be judged either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_no_judge: bool,
}

impl Failure {
    /// Whether another attempt could end differently.
    fn is_worth_a_retry(&self) -> bool {
        !self.has_no_judge && self.exit.is_worth_a_retry()
    }

    /// Something that went wrong without an agent's doing.
    fn without_agent(name: AgentId, exit: ExitReason, error: impl Into<String>) -> Self {
        Self {
            agent: name,
            exit,
            error: error.into(),
            result: None,
            judged_by: None,
            has_no_judge: false,
        }
    }
}

/// An event that cannot follow the events before it: the log belongs to another plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no agent is awaited at {0}")]
pub struct UnexpectedEvent(pub Cursor);

/// A plan under way.
#[derive(Debug)]
pub struct Machine {
    root: Node,
    cancelled: bool,
}

impl Machine {
    /// A plan of which nothing has run.
    pub fn new(plan: Plan) -> Self {
        Self {
            root: Node::new(plan),
            cancelled: false,
        }
    }

    /// A plan of which this much has already happened.
    ///
    /// # Errors
    ///
    /// The first event that does not belong to this plan.
    pub fn replay<'e>(
        plan: Plan,
        events: impl IntoIterator<Item: Into<Event<'e>>>,
    ) -> Result<Self, UnexpectedEvent> {
        let mut machine = Self::new(plan);
        for event in events {
            machine.apply(event)?;
        }
        Ok(machine)
    }

    /// Everything that may be done now and was not yet asked for.
    pub fn demands(&mut self) -> Vec<Demand> {
        let mut out = Vec::new();
        let mut path = Path::default();
        if self.cancelled {
            self.root.cancel(&mut path, &mut out);
        } else {
            self.root.demands(&mut path, &Around::default(), &mut out);
        }
        out
    }

    /// Wants nothing more: from now on everything that is under way is to be stopped.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Takes note of what happened.
    ///
    /// # Errors
    ///
    /// When no agent is awaited there; the machine is unchanged.
    pub fn apply<'e>(&mut self, event: impl Into<Event<'e>>) -> Result<(), UnexpectedEvent> {
        let event = event.into();
        if self.root.apply(&event.at().0, event) {
            Ok(())
        } else {
            Err(UnexpectedEvent(event.at().clone()))
        }
    }

    /// Goes on with a pipeline that is over, from one of its steps, perhaps as another program.
    ///
    /// # Errors
    ///
    /// If the plan is no pipeline, or has not ended, or has no such step.
    pub fn restart(&mut self, step: u32, program: Option<&Program>) -> Result<(), UnexpectedEvent> {
        let restarted = match &mut self.root {
            Node::Pipeline(pipeline) => pipeline.restart(step, program),
            _ => false,
        };
        self.cancelled &= !restarted;
        restarted
            .then_some(())
            .ok_or(UnexpectedEvent(Cursor(vec![])))
    }

    /// The pipeline that the plan is, as it is now, if it is one.
    pub fn program(&self) -> Option<&Arc<Program>> {
        match &self.root {
            Node::Pipeline(pipeline) => Some(pipeline.program()),
            _ => None,
        }
    }

    /// The results that a step of the pipeline was given when it was entered last; none if it never was.
    pub fn given_to(&self, step: &StepId) -> Option<Vec<RefId>> {
        match &self.root {
            Node::Pipeline(pipeline) => pipeline.given_to(step),
            _ => None,
        }
    }

    /// What there is to say of the plan besides how it ended: scores, iterations, the way through a pipeline.
    pub fn account(&self) -> Option<Account> {
        self.root.account()
    }

    /// How the plan ended, once it has.
    pub fn end(&self) -> Option<&End> {
        self.root.end()
    }
}

#[cfg(test)]
mod tests;
