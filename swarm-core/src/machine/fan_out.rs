//! One template over what an agent lists.

use std::num::NonZeroUsize;

use super::{
    Demand, End, Event, Failure,
    around::Around,
    node::{Node, Operation},
    par::{Par, Words},
    path::{Path, Word},
    run::{Ended, Run},
};
use crate::{
    evaluate::{Finding, Reading},
    ids::RefId,
    outcome::ExitReason,
    plan::Plan,
    spec::AgentSpec,
};

const SOURCE: u32 = 0;
const ITEMS: u32 = 1;

#[derive(Debug)]
pub(super) struct FanOut {
    source: Run,
    template: Plan,
    limit: Option<NonZeroUsize>,
    /// One branch for each item, once it is known how many there are.
    items: Option<Box<Par>>,
    end: Option<End>,
}

impl FanOut {
    pub(super) fn new(source: AgentSpec, template: Plan, limit: Option<NonZeroUsize>) -> Self {
        Self {
            source: Run::read(source.into(), Reading::Items, None),
            template,
            limit,
            items: None,
            end: None,
        }
    }

    /// How many items there are, once that is known.
    pub(super) fn found(&self) -> Option<u32> {
        match self.source.ended()?.finding {
            Some(Finding::Items { count }) => Some(count),
            _ => None,
        }
    }

    /// What was done with each item, and whose list it is of, once that is known.
    pub(super) fn items(&self) -> Option<(&RefId, &Par)> {
        let list = self.source.ended()?.result.as_ref()?;
        Some((list, self.items.as_deref()?))
    }

    fn conclude(&mut self) {
        if self.items.is_none() {
            let Some(ended) = self.source.ended() else {
                return;
            };
            match (&ended.end, &ended.finding, &ended.result) {
                (End::Succeeded { .. }, Some(Finding::Items { count }), Some(list))
                    if *count > 0 =>
                {
                    let nodes = (0..*count).map(|_| Node::new(self.template.clone()));
                    let items = Par::of_nodes(nodes, self.limit, Words::Each(Word::Agent));
                    self.items = Some(Box::new(items.over(list.clone())));
                }
                (End::Succeeded { .. }, finding, _) => {
                    self.end = Some(nothing_found(ended, finding.as_ref()));
                }
                (end, ..) => self.end = Some(end.clone()),
            }
        }
        if let Some(items) = &self.items {
            self.end = items.end().cloned();
        }
    }
}

fn nothing_found(ended: &Ended, finding: Option<&Finding>) -> End {
    let error = match finding {
        Some(Finding::Unreadable { problem }) => problem.clone(),
        Some(Finding::Items { .. }) => "no seeds produced".to_owned(),
        _ => "its answer was not read as a list".to_owned(),
    };
    End::Failed {
        succeeded: Vec::new(),
        failures: vec![Failure {
            agent: ended.agent.clone(),
            exit: ExitReason::InvalidOutput,
            error,
            result: ended.result.clone(),
            judged_by: None,
            has_no_judge: false,
        }],
    }
}

impl Operation for FanOut {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        match &mut self.items {
            Some(items) => path.at(ITEMS, None, |path| items.demands(path, around, out)),
            None => path.at(SOURCE, Some(Word::Fixed("fetch")), |path| {
                self.source.demands(path, around, out);
            }),
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        match &mut self.items {
            Some(items) => path.at(ITEMS, None, |path| items.cancel(path, out)),
            None => path.at(SOURCE, Some(Word::Fixed("fetch")), |path| {
                self.source.cancel(path, out);
            }),
        }
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let applied = match (path, &mut self.items) {
            ([SOURCE, rest @ ..], None) => self.source.apply(rest, event),
            ([ITEMS, rest @ ..], Some(items)) => items.apply(rest, event),
            _ => false,
        };
        if applied {
            self.conclude();
        }
        applied
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }
}
