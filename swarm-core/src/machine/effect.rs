//! What has to be done besides running agents, and one such thing under way.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cursor, Demand, Do, Event, Scope, path::Path};
use crate::{
    ids::{AgentId, RefId},
    plan::Program,
    refs::{Check, Judged},
};

/// Something that is no agent's work, and that whoever runs the plan does.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write down with results what was judged of them. Doing it again changes nothing.
    Stamp(Arc<[(RefId, Judged)]>),
    /// Look for words in the texts of results.
    Search {
        /// The results.
        refs: Arc<[RefId]>,
        /// The words, in the order of their importance; letters count as they are.
        keywords: Arc<[String]>,
    },
    /// Check results.
    Guard {
        /// The results.
        refs: Arc<[RefId]>,
        /// What must hold of each.
        checks: Arc<[Check]>,
    },
    /// Ask a person.
    Approve {
        /// What.
        question: Arc<str>,
        /// What it is about.
        refs: Arc<[RefId]>,
    },
    /// Put what governors want remembered where the agents of the run find it.
    Remember {
        /// Their decisions, the oldest first.
        decisions: Arc<[RefId]>,
    },
    /// Check a pipeline that a governor wants changed.
    Patch {
        /// As it is.
        program: Arc<Program>,
        /// The change, by RFC 7396, of its definition.
        patch: Arc<Value>,
    },
}

impl Effect {
    /// What comes of it where nothing is in the way: no word is found, every guard and person agrees, nothing is changed.
    pub fn goes_well(&self) -> EffectOutcome {
        match self {
            Self::Stamp(_) | Self::Remember { .. } => EffectOutcome::Done,
            Self::Search { .. } => EffectOutcome::Found { keyword: None },
            Self::Guard { refs, .. } | Self::Approve { refs, .. } => EffectOutcome::Passed {
                refs: refs.to_vec(),
            },
            Self::Patch { .. } => EffectOutcome::Objected {
                objection: "nobody here changes pipelines".to_owned(),
            },
        }
    }
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EffectOutcome {
    /// It was done, or could not be done and is not worth stopping for.
    Done,
    /// The search has ended.
    Found {
        /// Which of the words was there: the first in their order.
        keyword: Option<u32>,
    },
    /// The results passed, or were approved.
    Passed {
        /// The results.
        refs: Vec<RefId>,
    },
    /// They did not.
    Objected {
        /// Why not.
        objection: String,
    },
    /// The changed pipeline is in order.
    Patched {
        /// As it is from here on.
        program: Box<Program>,
    },
    /// It was not done before the deadline.
    TooLate {
        /// What was not done.
        problem: String,
    },
    /// Nobody wanted it any more.
    Cancelled,
}

/// What came of one effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectDone {
    /// Where in the plan.
    pub at: Cursor,
    /// Its name in the run.
    pub name: AgentId,
    /// What came of it.
    pub outcome: EffectOutcome,
}

/// An effect under way.
#[derive(Debug, Default)]
pub(super) struct Errand {
    asked: bool,
    cancelling: bool,
    outcome: Option<EffectOutcome>,
}

impl Errand {
    /// Asks for the effect that `make` says, unless it was asked for.
    pub(super) fn demand(
        &mut self,
        path: &Path,
        out: &mut Vec<Demand>,
        make: impl FnOnce() -> Effect,
    ) {
        self.demand_within(path, None, out, make);
    }

    /// The same, for one that may take so long that limits matter.
    pub(super) fn demand_within(
        &mut self,
        path: &Path,
        scope: Option<&Arc<Scope>>,
        out: &mut Vec<Demand>,
        make: impl FnOnce() -> Effect,
    ) {
        if !self.asked && self.outcome.is_none() {
            self.asked = true;
            out.push(Demand::Do(Do {
                at: path.cursor(),
                name: path.agent(),
                effect: make(),
                scope: scope.cloned(),
            }));
        }
    }

    pub(super) fn cancel(&mut self, path: &Path, out: &mut Vec<Demand>) {
        if !self.cancelling && self.outcome.is_none() {
            self.cancelling = true;
            out.push(Demand::Cancel {
                at: path.cursor(),
                agent: path.agent(),
                is_agent: false,
            });
        }
    }

    /// What came of it, if `event` is about this.
    pub(super) fn apply<'e>(
        &mut self,
        path: &[u32],
        event: Event<'e>,
    ) -> Option<&'e EffectOutcome> {
        match event {
            Event::Effect(done) if path.is_empty() && self.outcome.is_none() => {
                self.outcome = Some(done.outcome.clone());
                Some(&done.outcome)
            }
            Event::Effect(_) | Event::Agent(_) => None,
        }
    }
}
