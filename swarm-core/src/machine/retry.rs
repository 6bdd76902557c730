//! The body again, until it succeeds or the attempts are spent.

use std::num::NonZeroU32;

use super::{
    Demand, End, Event, Failure,
    around::Around,
    node::{Node, Operation},
    path::{Path, Word},
};
use crate::{
    plan::Plan,
    prompt::{Context, PriorError},
};

#[derive(Debug)]
pub(super) struct Retry {
    plan: Plan,
    body: Box<Node>,
    /// From 1.
    attempt: u32,
    attempts: u32,
    errors: Vec<Vec<PriorError>>,
    end: Option<End>,
}

impl Retry {
    pub(super) fn new(plan: Plan, attempts: NonZeroU32) -> Self {
        let body = Box::new(Node::new(plan.clone()));
        let end = body.end().cloned();
        Self {
            plan,
            body,
            attempt: 1,
            attempts: attempts.get(),
            errors: Vec::new(),
            end,
        }
    }

    fn conclude(&mut self) {
        match self.body.end() {
            None => {}
            Some(End::Failed { failures, .. })
                if self.attempt < self.attempts
                    && failures.iter().all(Failure::is_worth_a_retry) =>
            {
                self.errors.push(failures.iter().map(prior_error).collect());
                self.attempt += 1;
                *self.body = Node::new(self.plan.clone());
            }
            Some(end) => self.end = Some(end.clone()),
        }
    }
}

/// What a later attempt is told. The words of an agent stay in its record: there they can be encrypted.
fn prior_error(failure: &Failure) -> PriorError {
    match (&failure.judged_by, &failure.result) {
        (Some(id), _) => PriorError::Judged {
            judged_by: id.clone(),
            error: failure.error.clone(),
        },
        (None, Some(id)) => PriorError::Recorded { id: id.clone() },
        (None, None) => PriorError::Message(failure.error.clone()),
    }
}

impl Operation for Retry {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let around = around.adding(Context::Attempt {
            number: self.attempt,
            of: self.attempts,
            errors: self.errors.clone().into(),
        });
        path.at(self.attempt, Some(Word::Attempt(self.attempt)), |path| {
            self.body.demands(path, &around, out);
        });
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        path.at(self.attempt, Some(Word::Attempt(self.attempt)), |path| {
            self.body.cancel(path, out);
        });
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Some((&at, rest)) = path.split_first() else {
            return false;
        };
        if self.end.is_some() || at != self.attempt || !self.body.apply(rest, event) {
            return false;
        }
        self.conclude();
        true
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
