//! Stages in order; each sees the results of the one before it.

use super::{
    Demand, End, Event,
    around::Around,
    node::{Node, Operation},
    path::{Path, Word, index, number},
};
use crate::{plan::Plan, prompt::Context};

#[derive(Debug)]
pub(super) struct Seq {
    stages: Vec<Node>,
    stage: usize,
    /// What the current stage sees, unless it is the first, which sees what the whole sees.
    previous: Option<Context>,
    end: Option<End>,
}

impl Seq {
    pub(super) fn new(stages: Vec<Plan>) -> Self {
        let stages = stages.into_iter().map(Node::new).collect();
        let mut seq = Self {
            stages,
            stage: 0,
            previous: None,
            end: None,
        };
        seq.advance();
        seq
    }

    /// Goes on to the first stage that has not ended.
    fn advance(&mut self) {
        loop {
            match self
                .stages
                .get(self.stage)
                .map(|stage| stage.end().cloned())
            {
                Some(None) => return,
                None => {
                    let last = self.stages.last().and_then(Operation::end).cloned();
                    self.end = Some(last.unwrap_or(End::Succeeded { refs: Vec::new() }));
                    return;
                }
                Some(Some(End::Succeeded { refs })) => {
                    self.previous = Some(Context::Previous(refs.into()));
                    self.stage += 1;
                }
                Some(Some(bad @ (End::Failed { .. } | End::Cancelled))) => {
                    self.end = Some(bad);
                    return;
                }
            }
        }
    }
}

impl Operation for Seq {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let Some(stage) = self.stages.get_mut(self.stage) else {
            return;
        };
        let i = number(self.stage);
        path.at(i, Some(Word::Stage(i)), |path| match &self.previous {
            Some(previous) => stage.demands(path, &around.telling(vec![previous.clone()]), out),
            None => stage.demands(path, around, out),
        });
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        if let Some(stage) = self.stages.get_mut(self.stage) {
            let i = number(self.stage);
            path.at(i, Some(Word::Stage(i)), |path| stage.cancel(path, out));
        }
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Some((&at, rest)) = path.split_first() else {
            return false;
        };
        if self.end.is_some() || index(at) != self.stage {
            return false;
        }
        let applied = self
            .stages
            .get_mut(self.stage)
            .is_some_and(|stage| stage.apply(rest, event));
        if applied {
            self.advance();
        }
        applied
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
