//! The fold itself: one event after the other, so that a long log is never in memory as a whole.

use std::collections::BTreeMap;

use super::{AgentView, Answered, Approval, RunState, RunView, WaitingAgent};
use crate::{
    ids::RunId,
    journal::{Recorded, RunEvent},
    machine::{AgentEnded, Machine, UnexpectedEvent},
    money::Usd,
    plan::Plan,
};

/// A [`RunView`] that is being put together.
#[derive(Debug)]
pub struct RunFold {
    view: RunView,
    /// `None` once an event did not fit.
    machine: Option<Machine>,
}

impl RunFold {
    /// With the first event of `run`; `None` if that is none with which a run begins.
    pub fn begin(run: &RunId, first: &Recorded, event: &RunEvent) -> Option<Self> {
        let RunEvent::Started {
            plan,
            limits,
            runtime,
        } = event
        else {
            return None;
        };
        let view = RunView {
            run: run.clone(),
            plan: plan.clone(),
            limits: *limits,
            runtime: runtime.clone(),
            state: RunState::Open {
                cancel_requested: false,
                interrupted: false,
            },
            agents: BTreeMap::new(),
            waiting: BTreeMap::new(),
            approvals: BTreeMap::new(),
            answers: Vec::new(),
            account: None,
            program: None,
            spent: Usd::ZERO,
            started: first.at,
            updated: first.at,
        };
        Some(Self {
            view,
            machine: Some(Machine::new(plan.clone())),
        })
    }

    /// With the next event.
    pub fn apply(&mut self, recorded: &Recorded, event: &RunEvent) {
        self.view.updated = recorded.at;
        self.view.apply(event);
        self.machine
            .take_if(|machine| follow(machine, event).is_err());
    }

    /// What is known after the events so far.
    pub fn finish(self) -> RunView {
        let mut view = self.view;
        if let Some(machine) = self.machine {
            view.account = machine.account();
            view.program = machine.program().cloned();
        }
        view
    }
}

/// The machine of a run as its log leaves it, whether or not it is to be stopped.
///
/// # Errors
///
/// The first event that does not belong to the plan.
pub fn replay<'e>(
    plan: &Plan,
    events: impl IntoIterator<Item = &'e RunEvent>,
) -> Result<Machine, UnexpectedEvent> {
    let mut machine = Machine::new(plan.clone());
    for event in events {
        follow(&mut machine, event)?;
    }
    Ok(machine)
}

fn follow(machine: &mut Machine, event: &RunEvent) -> Result<(), UnexpectedEvent> {
    match event {
        RunEvent::AgentEnded(ended) => machine.apply(ended),
        RunEvent::EffectDone(done) => machine.apply(done),
        RunEvent::Restarted { step, program, .. } => machine.restart(*step, program.as_deref()),
        _ => Ok(()),
    }
}

impl RunView {
    fn apply(&mut self, event: &RunEvent) {
        let now = self.updated;
        match event {
            RunEvent::Started { .. } => {}
            RunEvent::AgentStarted {
                at,
                agent,
                reserved,
            } => {
                self.waiting.remove(at);
                let view = self
                    .agents
                    .entry(at.clone())
                    .and_modify(|lost| {
                        // It was started before, and nobody knows what that did cost.
                        self.spent = self.spent + lost.reserved;
                        lost.counted = lost.counted + lost.reserved;
                    })
                    .or_insert_with(|| AgentView::new(agent, now));
                view.outcome = None;
                view.reserved = *reserved;
            }
            RunEvent::AgentWaits {
                at,
                agent,
                kind,
                until,
            } => {
                let waiting = WaitingAgent {
                    agent: agent.clone(),
                    kind: kind.clone(),
                    until: *until,
                };
                self.waiting.insert(at.clone(), waiting);
            }
            RunEvent::AgentEnded(ended) => self.ended(ended),
            RunEvent::EffectDone(done) => {
                self.approvals.remove(&done.at);
            }
            RunEvent::ApprovalAsked {
                at,
                name,
                question,
                refs,
            } => {
                let approval = Approval {
                    name: name.clone(),
                    question: question.clone(),
                    refs: refs.clone(),
                    asked: now,
                    approved: None,
                };
                self.approvals.insert(at.clone(), approval);
            }
            RunEvent::ApprovalAnswered { at, approved, note } => {
                // Who comes first counts.
                if let Some(approval) = self.approvals.get_mut(at)
                    && approval.approved.is_none()
                {
                    approval.approved = Some(*approved);
                    self.answers.push(Answered {
                        name: approval.name.clone(),
                        question: approval.question.clone(),
                        approved: *approved,
                        note: note.clone(),
                    });
                }
            }
            RunEvent::Restarted { limits, .. } => {
                self.limits = *limits;
                self.state = RunState::Open {
                    cancel_requested: false,
                    interrupted: false,
                };
            }
            RunEvent::LimitsChanged { limits } => self.limits = *limits,
            RunEvent::CancelRequested => self.open(|cancel_requested, _| *cancel_requested = true),
            RunEvent::Interrupted => self.open(|_, interrupted| *interrupted = true),
            RunEvent::Resumed => self.open(|_, interrupted| *interrupted = false),
            RunEvent::Ended { end } => self.state = RunState::Ended(end.clone()),
        }
    }

    fn ended(&mut self, ended: &AgentEnded) {
        let now = self.updated;
        self.waiting.remove(&ended.at);
        let view = self
            .agents
            .entry(ended.at.clone())
            .or_insert_with(|| AgentView::new(&ended.agent, now));
        let outcome = &ended.outcome;
        let cost = outcome.cost.unwrap_or(view.reserved);
        let counted = match outcome.result {
            Some(_) => cost,
            // It was started by a process that died, and then not wanted any more: nobody knows what it did cost.
            None => cost.max(view.reserved),
        };
        self.spent = self.spent + counted;
        view.counted = view.counted + counted;
        view.outcome = Some(ended.outcome.clone());
    }

    fn open(&mut self, change: impl FnOnce(&mut bool, &mut bool)) {
        if let RunState::Open {
            cancel_requested,
            interrupted,
        } = &mut self.state
        {
            change(cancel_requested, interrupted);
        }
    }
}
