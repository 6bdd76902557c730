//! A part of a plan within limits of its own.

use super::{
    Account, Demand, End, Event, ScopeLimits,
    around::Around,
    node::{Node, Operation},
    path::Path,
};

#[derive(Debug)]
pub(super) struct Limit {
    body: Box<Node>,
    limits: ScopeLimits,
}

impl Limit {
    pub(super) fn new(body: Node, limits: ScopeLimits) -> Self {
        Self {
            body: Box::new(body),
            limits,
        }
    }

    pub(super) const fn body(&self) -> &Node {
        &self.body
    }
}

impl Operation for Limit {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let around = around.within(path, &self.limits);
        // One step down, or the limits of a limit within would be at the same place.
        path.at(0, None, |path| self.body.demands(path, &around, out));
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        path.at(0, None, |path| self.body.cancel(path, out));
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        match path {
            [0, rest @ ..] => self.body.apply(rest, event),
            _ => false,
        }
    }

    fn end(&self) -> Option<&End> {
        self.body.end()
    }

    fn account(&self) -> Option<Account> {
        self.body.account()
    }
}
