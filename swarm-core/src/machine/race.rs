//! Branches side by side; the first to succeed wins, and the others are cancelled.
//!
//! The race is over when the losers are gone, not when the winner is known.

use super::{
    Demand, End, Event,
    around::Around,
    node::{Node, Operation},
    par::all,
    path::{Path, Word, index, number},
};
use crate::plan::Plan;

#[derive(Debug)]
pub(super) struct Race {
    branches: Vec<Node>,
    winner: Option<End>,
    end: Option<End>,
}

impl Race {
    pub(super) fn new(branches: Vec<Plan>) -> Self {
        let branches: Vec<Node> = branches.into_iter().map(Node::new).collect();
        let winner = branches.iter().find_map(|branch| success(branch.end()));
        let mut race = Self {
            branches,
            winner,
            end: None,
        };
        race.join();
        race
    }

    fn join(&mut self) {
        if self.branches.iter().all(|branch| branch.end().is_some()) {
            let ends = || self.branches.iter().filter_map(Operation::end);
            self.end = Some(self.winner.clone().unwrap_or_else(|| all(ends())));
        }
    }
}

fn success(end: Option<&End>) -> Option<End> {
    end.filter(|end| matches!(end, End::Succeeded { .. }))
        .cloned()
}

impl Operation for Race {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        if self.winner.is_some() {
            return self.cancel(path, out);
        }
        for (i, branch) in self.branches.iter_mut().enumerate() {
            let i = number(i);
            path.at(i, Some(Word::Agent(i)), |path| {
                branch.demands(path, around, out);
            });
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        for (i, branch) in self.branches.iter_mut().enumerate() {
            if branch.end().is_none() {
                let i = number(i);
                path.at(i, Some(Word::Agent(i)), |path| branch.cancel(path, out));
            }
        }
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Some((&at, rest)) = path.split_first() else {
            return false;
        };
        let Some(branch) = self.branches.get_mut(index(at)) else {
            return false;
        };
        if branch.end().is_some() || !branch.apply(rest, event) {
            return false;
        }
        if self.winner.is_none() {
            self.winner = success(branch.end());
        }
        self.join();
        true
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
