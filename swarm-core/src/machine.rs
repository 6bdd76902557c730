//! The state of a running [`Plan`], without any I/O.
//!
//! The machine never runs anything. It says what to do next ([`Machine::demands`]) and is told what
//! happened ([`Machine::apply`]). The same events always lead to the same state, so a log of events is a
//! complete record of a run, and replaying it is how a run resumes.
//!
//! The invariant that makes this true: **only `apply` ends a node**. `demands` merely marks what has been
//! asked for, and what has been asked for is asked again after a replay.

mod node;
mod par;
mod path;
mod race;
mod reduce;
mod retry;
mod run;
mod seq;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::{
    node::{Node, Operation as _},
    path::Path,
};
use crate::{
    ids::{AgentId, RefId},
    outcome::{AgentOutcome, ExitReason},
    plan::Plan,
    prompt::Context,
    spec::AgentSpec,
};

/// The place of one agent in a plan: branch, stage and attempt numbers from the root. The same after
/// every restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Vec<u32>);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        for (i, part) in self.0.iter().enumerate() {
            write!(f, "{}{part}", if i == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Start this agent.
    Start {
        /// Where in the plan.
        at: Cursor,
        /// Its name in the run.
        agent: AgentId,
        /// Its work.
        spec: Arc<AgentSpec>,
        /// What it is told besides.
        context: Vec<Context>,
    },
    /// Stop this agent, or see to it that it never starts: its result is no longer wanted.
    Cancel {
        /// Where in the plan.
        at: Cursor,
        /// Its name in the run.
        agent: AgentId,
    },
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
        events: impl IntoIterator<Item = &'e AgentEnded>,
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
            self.root.demands(&mut path, &[], &mut out);
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
    pub fn apply(&mut self, event: &AgentEnded) -> Result<(), UnexpectedEvent> {
        if self.root.apply(&event.at.0, event) {
            Ok(())
        } else {
            Err(UnexpectedEvent(event.at.clone()))
        }
    }

    /// How the plan ended, once it has.
    pub fn end(&self) -> Option<&End> {
        self.root.end()
    }
}

#[cfg(test)]
mod tests;
