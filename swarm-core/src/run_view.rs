//! What is known about a run: a fold over its events, and nothing else.

mod fold;

use std::{collections::BTreeMap, sync::Arc};

pub use fold::{RunFold, replay};

use serde::Serialize;

use crate::{
    evaluate::Finding,
    ids::{AgentId, RefId, RunId},
    journal::{Recorded, RunEvent, RunLimits},
    machine::{Account, Cursor, End},
    money::Usd,
    outcome::AgentOutcome,
    plan::{Plan, Program},
    time::Timestamp,
};

/// A run as its events tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// The run.
    pub run: RunId,
    /// What runs.
    pub plan: Plan,
    /// Within which limits.
    pub limits: RunLimits,
    /// Where its agents run.
    pub runtime: String,
    /// How far it got.
    pub state: RunState,
    /// Every agent that was started or will never be, in the order of the plan.
    pub agents: BTreeMap<Cursor, AgentView>,
    /// Agents that wait until the provider of their kind takes requests again.
    pub waiting: BTreeMap<Cursor, WaitingAgent>,
    /// Questions that no person has answered, or whose answer nobody has acted on.
    pub approvals: BTreeMap<Cursor, Approval>,
    /// What people have answered, in the order of the log.
    pub answers: Vec<Answered>,
    /// What there is to say besides how it ended, if it is more than that of each agent.
    pub account: Option<Account>,
    /// The pipeline that it follows now, if it is one.
    pub program: Option<Arc<Program>>,
    /// What it has cost. Agents whose end nobody saw count with what was set aside for them.
    pub spent: Usd,
    /// When it was asked for.
    pub started: Timestamp,
    /// When something last happened.
    pub updated: Timestamp,
}

/// How far a run got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Under way, or left behind by a process that died; the log alone cannot tell.
    Open {
        /// Whether somebody wants it to end.
        cancel_requested: bool,
        /// Whether the process that drove it said goodbye.
        interrupted: bool,
    },
    /// Over.
    Ended(End),
}

/// One agent of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentView {
    /// Its name in the run.
    pub agent: AgentId,
    /// How it ended, once it has.
    pub outcome: Option<AgentOutcome>,
    started: Timestamp,
    reserved: Usd,
    counted: Usd,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// What asks, such as the name of a step.
    pub name: AgentId,
    /// What they are asked.
    pub question: String,
    /// What it is about.
    pub refs: Vec<RefId>,
    /// When they were asked first.
    pub asked: Timestamp,
    /// Whether somebody agreed, if anybody has answered.
    pub approved: Option<bool>,
}

/// What a person has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// What had asked, such as the name of a step.
    pub name: AgentId,
    /// What they were asked.
    pub question: String,
    /// Whether they agreed.
    pub approved: bool,
    /// What they said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An agent that is not started yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingAgent {
    /// Its name in the run.
    pub agent: AgentId,
    /// Its kind.
    pub kind: String,
    /// When it will be tried.
    pub until: Timestamp,
}

impl AgentView {
    fn new(agent: &AgentId, started: Timestamp) -> Self {
        Self {
            agent: agent.clone(),
            outcome: None,
            started,
            reserved: Usd::ZERO,
            counted: Usd::ZERO,
        }
    }

    /// When it was started first, or when it was known that it never would be.
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// What was set aside for it when it was started last.
    pub fn reserved(&self) -> Usd {
        self.reserved
    }

    /// What counts for it in [`RunView::spent`]: what it cost, and what was set aside where nobody knows that.
    pub fn counted(&self) -> Usd {
        self.counted
    }
}

impl RunView {
    /// Folds `events` of `run`; `None` without a first event, since then there is no such run.
    pub fn fold(run: &RunId, events: &[(Recorded, RunEvent)]) -> Option<Self> {
        let mut events = events.iter();
        let (first, started) = events.next()?;
        let mut fold = RunFold::begin(run, first, started)?;
        for (recorded, event) in events {
            fold.apply(recorded, event);
        }
        Some(fold.finish())
    }

    /// Agents that were started and have not ended, as far as the log knows.
    pub fn in_flight(&self) -> impl Iterator<Item = (&Cursor, &AgentView)> {
        self.agents
            .iter()
            .filter(|(_, agent)| agent.outcome.is_none())
    }

    /// What was set aside for agents that have not said how they ended. Of a run that nobody drives, nobody knows how much
    /// of that was spent.
    pub fn unaccounted(&self) -> Usd {
        self.in_flight().map(|(_, agent)| agent.reserved).sum()
    }

    /// The budget that is surely enough to go on, if agents that were under way have to be started again and the
    /// present one does not cover that.
    pub fn budget_to_resume(&self) -> Option<Usd> {
        let again = self.in_flight().map(|(_, agent)| agent.reserved).max()?;
        let needed = self.spent + self.unaccounted() + again;
        self.limits
            .budget
            .filter(|limit| *limit < needed)
            .map(|_| needed)
    }

    /// How many agents ended well, ended otherwise, and were started without an end so far.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for agent in self.agents.values() {
            match &agent.outcome {
                None => counts.running += 1,
                Some(outcome) if has_done_its_task(outcome) => counts.succeeded += 1,
                Some(_) => counts.failed += 1,
            }
        }
        counts
    }

    /// What runs now: the plan, or the pipeline that has become of it.
    pub fn work(&self) -> Plan {
        match &self.program {
            Some(program) => Plan::Pipeline {
                program: Arc::clone(program),
            },
            None => self.plan.clone(),
        }
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&End> {
        match &self.state {
            RunState::Ended(end) => Some(end),
            RunState::Open { .. } => None,
        }
    }
}

/// A command that judges says with its status that something is not valid: it has not failed, no more than a model that says so.
fn has_done_its_task(outcome: &AgentOutcome) -> bool {
    outcome.exit.is_success() || matches!(outcome.finding, Some(Finding::Judgement { .. }))
}

/// Agents by how they fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ended well.
    pub succeeded: usize,
    /// Ended otherwise, or will never start.
    pub failed: usize,
    /// Started, without an end so far.
    pub running: usize,
}
