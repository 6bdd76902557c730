//! One agent.

use std::sync::Arc;

use super::{
    Demand, End, Event, Failure, Item, Start, around::Around, node::Operation, path::Path,
};
use crate::{
    evaluate::{Finding, Reading},
    ids::{AgentId, RefId},
    outcome::{AgentOutcome, ExitReason},
    prompt::Context,
    spec::AgentSpec,
};

#[derive(Debug)]
pub(super) struct Run {
    spec: Arc<AgentSpec>,
    reading: Option<Reading>,
    /// What it is told, whatever is told around it.
    own: Option<Context>,
    /// What it is about, whatever those around it are about.
    item: Option<Item>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Running,
    Cancelling,
    Ended(Box<Ended>),
}

/// What came of an agent.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    pub(super) agent: AgentId,
    pub(super) result: Option<RefId>,
    pub(super) finding: Option<Finding>,
    pub(super) exit: ExitReason,
    pub(super) error: Option<String>,
}

impl Run {
    pub(super) fn new(spec: AgentSpec) -> Self {
        Self {
            spec: Arc::new(spec),
            reading: None,
            own: None,
            item: None,
            state: State::Idle,
        }
    }

    /// An agent whose answer is read, and that is told nothing but `own` if that is given.
    pub(super) fn read(spec: Arc<AgentSpec>, reading: Reading, own: Option<Context>) -> Self {
        Self {
            spec,
            reading: Some(reading),
            own,
            item: None,
            state: State::Idle,
        }
    }

    /// The same, about one item of a list.
    pub(super) fn about(self, item: Option<Item>) -> Self {
        Self { item, ..self }
    }

    /// What came of it, once it has ended.
    pub(super) const fn ended(&self) -> Option<&Ended> {
        match &self.state {
            State::Ended(ended) => Some(ended),
            State::Idle | State::Running | State::Cancelling => None,
        }
    }
}

impl Operation for Run {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        if matches!(self.state, State::Idle) {
            self.state = State::Running;
            out.push(Demand::Start(Start {
                at: path.cursor(),
                agent: path.agent(),
                spec: Arc::clone(&self.spec),
                context: match &self.own {
                    Some(own) => vec![own.clone()],
                    None => around.context.clone(),
                },
                item: self.item.clone().or_else(|| around.item.clone()),
                reading: self.reading,
                scope: around.scope.clone(),
                shared: around.shared,
                alternative: around.alternative.clone(),
            }));
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        if matches!(self.state, State::Idle | State::Running) {
            self.state = State::Cancelling;
            out.push(Demand::Cancel {
                at: path.cursor(),
                agent: path.agent(),
                is_agent: true,
            });
        }
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Event::Agent(event) = event else {
            return false;
        };
        if !path.is_empty() || matches!(self.state, State::Ended(_)) {
            return false;
        }
        let outcome = &event.outcome;
        self.state = State::Ended(Box::new(Ended {
            end: end_of(&event.agent, outcome),
            agent: event.agent.clone(),
            result: outcome.result.clone(),
            finding: outcome.finding.clone(),
            exit: outcome.exit.clone(),
            error: outcome.error.clone(),
        }));
        true
    }

    fn end(&self) -> Option<&End> {
        self.ended().map(|ended| &ended.end)
    }
}

fn end_of(agent: &AgentId, outcome: &AgentOutcome) -> End {
    match (&outcome.exit, &outcome.result) {
        (ExitReason::Cancelled, _) => End::Cancelled,
        (ExitReason::Completed, Some(result)) => End::Succeeded {
            refs: vec![result.clone()],
        },
        (exit, result) => End::Failed {
            succeeded: Vec::new(),
            failures: vec![Failure {
                agent: agent.clone(),
                exit: exit.clone(),
                error: outcome.error.clone().unwrap_or_else(|| exit.to_string()),
                result: result.clone(),
                judged_by: None,
                has_no_judge: false,
            }],
        },
    }
}
