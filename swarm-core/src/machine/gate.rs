//! Results are handed on if they pass a check, or if a person agrees.

use std::sync::Arc;

use super::{
    Demand, Effect, EffectOutcome, End, Event, Failure, around::Around, effect::Errand,
    node::Operation, path::Path,
};
use crate::{ids::RefId, outcome::ExitReason, prompt::Context, refs::Check};

#[derive(Debug)]
pub(super) struct Gate {
    kind: Kind,
    errand: Errand,
    end: Option<End>,
}

#[derive(Debug)]
enum Kind {
    Guard {
        refs: Vec<RefId>,
        checks: Arc<[Check]>,
    },
    Approve {
        question: Arc<str>,
    },
}

impl Gate {
    pub(super) fn guard(refs: Vec<RefId>, checks: Vec<Check>) -> Self {
        Self::new(Kind::Guard {
            refs,
            checks: checks.into(),
        })
    }

    pub(super) fn approve(question: String) -> Self {
        Self::new(Kind::Approve {
            question: question.into(),
        })
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            errand: Errand::default(),
            end: None,
        }
    }

    fn effect(&self, around: &Around) -> Effect {
        let told = around.context.iter().flat_map(Context::results);
        match &self.kind {
            Kind::Guard { refs, checks } => Effect::Guard {
                refs: refs.iter().cloned().chain(told).collect(),
                checks: Arc::clone(checks),
            },
            Kind::Approve { question } => Effect::Approve {
                question: Arc::clone(question),
                refs: told.collect(),
            },
        }
    }
}

impl Operation for Gate {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let effect = self.effect(around);
        let scope = around.scope.as_ref();
        self.errand.demand_within(path, scope, out, || effect);
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        self.errand.cancel(path, out);
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Event::Effect(done) = event else {
            return false;
        };
        let Some(outcome) = self.errand.apply(path, event) else {
            return false;
        };
        let failed = |exit, problem: &str| End::Failed {
            succeeded: Vec::new(),
            failures: vec![Failure::without_agent(done.name.clone(), exit, problem)],
        };
        let rejected = |objection: &str| failed(ExitReason::Rejected, objection);
        self.end = Some(match outcome {
            EffectOutcome::Passed { refs } => End::Succeeded { refs: refs.clone() },
            EffectOutcome::Objected { objection } => rejected(objection),
            EffectOutcome::TooLate { problem } => failed(ExitReason::DeadlineExceeded, problem),
            EffectOutcome::Cancelled => End::Cancelled,
            EffectOutcome::Done | EffectOutcome::Found { .. } | EffectOutcome::Patched { .. } => {
                rejected("it was not checked")
            }
        });
        true
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
