//! One agent.

use std::sync::Arc;

use super::{AgentEnded, Demand, End, Failure, node::Operation, path::Path};
use crate::{outcome::ExitReason, prompt::Context, spec::AgentSpec};

#[derive(Debug)]
pub(super) struct Run {
    spec: Arc<AgentSpec>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Running,
    Cancelling,
    Ended(End),
}

impl Run {
    pub(super) fn new(spec: AgentSpec) -> Self {
        Self {
            spec: Arc::new(spec),
            state: State::Idle,
        }
    }
}

impl Operation for Run {
    fn demands(&mut self, path: &mut Path, context: &[Context], out: &mut Vec<Demand>) {
        if matches!(self.state, State::Idle) {
            self.state = State::Running;
            out.push(Demand::Start {
                at: path.cursor(),
                agent: path.agent(),
                spec: Arc::clone(&self.spec),
                context: context.to_vec(),
            });
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        if matches!(self.state, State::Idle | State::Running) {
            self.state = State::Cancelling;
            out.push(Demand::Cancel {
                at: path.cursor(),
                agent: path.agent(),
            });
        }
    }

    fn apply(&mut self, path: &[u32], event: &AgentEnded) -> bool {
        if !path.is_empty() || matches!(self.state, State::Ended(_)) {
            return false;
        }
        self.state = State::Ended(end_of(event));
        true
    }

    fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::Idle | State::Running | State::Cancelling => None,
        }
    }
}

fn end_of(event: &AgentEnded) -> End {
    let outcome = &event.outcome;
    match (&outcome.exit, &outcome.result) {
        (ExitReason::Cancelled, _) => End::Cancelled,
        (ExitReason::Completed, Some(result)) => End::Succeeded {
            refs: vec![result.clone()],
        },
        (exit, result) => End::Failed {
            succeeded: Vec::new(),
            failures: vec![Failure {
                agent: event.agent.clone(),
                exit: exit.clone(),
                error: outcome.error.clone().unwrap_or_else(|| exit.to_string()),
                result: result.clone(),
            }],
        },
    }
}
