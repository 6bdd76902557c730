//! Branches side by side; all run to their end.
//!
//! A step costs no more for ten thousand branches than for ten: only branches that something happened to
//! are looked at, and counters stand in for counting.

use std::{num::NonZeroUsize, sync::Arc};

use super::{
    Demand, End, Event, Item,
    around::Around,
    node::{Node, Operation},
    path::{Path, Word, index, number},
};
use crate::{ids::RefId, plan::Plan};

#[derive(Debug)]
pub(super) struct Par {
    branches: Vec<Branch>,
    limit: usize,
    /// Branches before this one were started.
    next: usize,
    /// Started and not ended.
    live: usize,
    ended: usize,
    /// Branches that something happened to since they were last asked.
    touched: Vec<usize>,
    words: Words,
    /// A list of which each branch has one item.
    list: Option<RefId>,
    /// Whether all are asked the same, and each answer is wanted.
    are_alternatives: bool,
    end: Option<End>,
}

/// What branches are called.
#[derive(Debug)]
pub(super) enum Words {
    Each(fn(u32) -> Word),
    Named(Vec<Arc<str>>),
    Nameless,
}

impl Words {
    fn at(&self, i: u32) -> Option<Word> {
        match self {
            Self::Each(word) => Some(word(i)),
            Self::Named(names) => names.get(index(i)).cloned().map(Word::Named),
            Self::Nameless => None,
        }
    }
}

#[derive(Debug)]
struct Branch {
    node: Node,
    started: bool,
}

impl Par {
    pub(super) fn new(branches: Vec<Plan>, limit: Option<NonZeroUsize>) -> Self {
        Self::of_nodes(
            branches.into_iter().map(Node::new),
            limit,
            Words::Each(Word::Agent),
        )
    }

    /// Branches that are called what `words` says.
    pub(super) fn of_nodes(
        nodes: impl Iterator<Item = Node>,
        limit: Option<NonZeroUsize>,
        words: Words,
    ) -> Self {
        let branches: Vec<Branch> = nodes
            .map(|node| {
                // A branch without any agent has ended before it started.
                let started = node.end().is_some();
                Branch { node, started }
            })
            .collect();
        let ended = branches.iter().filter(|branch| branch.started).count();
        let mut par = Self {
            branches,
            limit: limit.map_or(usize::MAX, NonZeroUsize::get),
            next: 0,
            live: 0,
            ended,
            touched: Vec::new(),
            words,
            list: None,
            are_alternatives: false,
            end: None,
        };
        par.join();
        par
    }

    /// The same, but each branch works on one item of `list`.
    pub(super) fn over(mut self, list: RefId) -> Self {
        self.list = Some(list);
        self
    }

    /// The same, but all are asked the same, and each is to give an answer of its own.
    pub(super) fn of_alternatives(mut self) -> Self {
        self.are_alternatives = true;
        self
    }

    /// The branches, in their order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.branches.iter().map(|branch| &branch.node)
    }

    fn join(&mut self) {
        if self.ended == self.branches.len() {
            self.end = Some(all(self
                .branches
                .iter()
                .filter_map(|branch| branch.node.end())));
        }
    }
}

/// What branches come to that have all ended.
pub(super) fn all<'e>(ends: impl Iterator<Item = &'e End>) -> End {
    let mut refs = Vec::new();
    let mut failures = Vec::new();
    let mut cancelled = false;
    for end in ends {
        match end {
            End::Succeeded { refs: more } => refs.extend(more.iter().cloned()),
            End::Failed {
                succeeded,
                failures: more,
            } => {
                refs.extend(succeeded.iter().cloned());
                failures.extend(more.iter().cloned());
            }
            End::Cancelled => cancelled = true,
        }
    }
    if cancelled {
        End::Cancelled
    } else if failures.is_empty() {
        End::Succeeded { refs }
    } else {
        End::Failed {
            succeeded: refs,
            failures,
        }
    }
}

impl Operation for Par {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let (words, list, are_alternatives) = (&self.words, &self.list, self.are_alternatives);
        let mut ask = |branch: &mut Branch, i: usize| {
            let i = number(i);
            path.at(i, words.at(i), |path| {
                if list.is_none() && !are_alternatives {
                    return branch.node.demands(path, around, out);
                }
                let mut around = around.clone();
                if let Some(list) = list {
                    around.item = Some(Item {
                        of: list.clone(),
                        index: i,
                    });
                }
                if are_alternatives {
                    around.alternative.push(i);
                }
                branch.node.demands(path, &around, out);
            });
        };
        for i in self.touched.drain(..) {
            if let Some(branch) = self.branches.get_mut(i) {
                ask(branch, i);
            }
        }
        while self.live < self.limit {
            let Some(branch) = self.branches.get_mut(self.next) else {
                break;
            };
            if !branch.started {
                branch.started = true;
                self.live += 1;
                ask(branch, self.next);
            }
            self.next += 1;
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        for (i, branch) in self.branches.iter_mut().enumerate() {
            if branch.node.end().is_none() {
                let i = number(i);
                path.at(i, self.words.at(i), |path| {
                    branch.node.cancel(path, out);
                });
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
        if branch.node.end().is_some() || !branch.node.apply(rest, event) {
            return false;
        }
        // After a restart a branch is heard of before it is asked for.
        if !branch.started {
            branch.started = true;
            self.live += 1;
        }
        if branch.node.end().is_some() {
            self.live -= 1;
            self.ended += 1;
            self.join();
        } else {
            self.touched.push(index(at));
        }
        true
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
