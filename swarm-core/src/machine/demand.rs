//! What the machine wants done.

use std::sync::Arc;

use super::{Cursor, Effect, Scope};
use crate::{
    evaluate::Reading,
    ids::{AgentId, RefId},
    prompt::Context,
    spec::AgentSpec,
};

/// Something that is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Start this agent.
    Start(Start),
    /// Do something that is no agent's work.
    Do(Do),
    /// Stop what is under way there, or see to it that it never starts: its result is no longer wanted.
    Cancel {
        /// Where in the plan.
        at: Cursor,
        /// Its name in the run.
        agent: AgentId,
        /// Whether it is an agent.
        is_agent: bool,
    },
}

/// An agent that is to be started.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Where in the plan.
    pub at: Cursor,
    /// Its name in the run.
    pub agent: AgentId,
    /// Its work.
    pub spec: Arc<AgentSpec>,
    /// What it is told besides.
    pub context: Vec<Context>,
    /// What of an earlier agent's list takes the place of `{input}` in its work.
    pub item: Option<Item>,
    /// What is to be read out of its answer.
    pub reading: Option<Reading>,
    /// The limits that it has to keep besides those of the run, the innermost first.
    pub scope: Option<Arc<Scope>>,
    /// Whether it sees the shared folder of the run.
    pub shared: bool,
    /// Which one it is of several that are asked the same because several answers are wanted, such as the candidates of a beam:
    /// from 0, one number for each such group that it is in, the outermost first.
    pub alternative: Vec<u32>,
}

/// One item of a list that an agent has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whose list.
    pub of: RefId,
    /// Which item, from 0.
    pub index: u32,
}

/// Something to be done that is no agent's work.
#[derive(Clone, Debug, PartialEq)]
pub struct Do {
    /// Where in the plan.
    pub at: Cursor,
    /// Its name in the run.
    pub name: AgentId,
    /// What.
    pub effect: Effect,
    /// The limits that it has to keep besides those of the run, the innermost first. Only what may take long has any.
    pub scope: Option<Arc<Scope>>,
}
