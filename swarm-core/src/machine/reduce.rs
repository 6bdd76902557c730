//! Whatever of the body succeeded, brought together by one more plan.

use super::{
    Demand, End, Event,
    around::Around,
    node::{Node, Operation},
    path::{Path, Word},
};
use crate::{
    plan::Plan,
    prompt::{Context, Input},
};

const BODY: u32 = 0;
const REDUCER: u32 = 1;

#[derive(Debug)]
pub(super) struct Reduce {
    /// What was given; comes before what the body makes.
    given: Vec<Input>,
    body: Option<Box<Node>>,
    body_word: Option<Word>,
    reducer: Box<Node>,
    /// What the reducer sees; set once the body has ended with something to reduce.
    reducing: Option<Context>,
    end: Option<End>,
}

impl Reduce {
    pub(super) fn new(given: Vec<Input>, body: Option<Plan>, reducer: Plan) -> Self {
        // Agents of a map keep their short names; a reducer below must not share ours.
        let body = body.map(Node::new);
        let is_apart = |body: &Node| body.has_names_of_its_own() || matches!(body, Node::Judge(_));
        let body_word = body
            .as_ref()
            .and_then(|body| (!is_apart(body)).then_some(Word::Body));
        let mut reduce = Self {
            given,
            body: body.map(Box::new),
            body_word,
            reducer: Box::new(Node::new(reducer)),
            reducing: None,
            end: None,
        };
        reduce.conclude();
        reduce
    }

    fn conclude(&mut self) {
        if self.reducing.is_none() {
            let made = match self.body.as_ref().map(|body| body.end()) {
                Some(None) => return,
                None => &[][..],
                Some(Some(End::Succeeded { refs })) => refs,
                Some(Some(End::Failed { succeeded, .. })) if !succeeded.is_empty() => succeeded,
                Some(Some(end @ (End::Failed { .. } | End::Cancelled))) => {
                    self.end = Some(end.clone());
                    return;
                }
            };
            let mut inputs = std::mem::take(&mut self.given);
            inputs.extend(made.iter().cloned().map(Input::Ref));
            self.reducing = Some(Context::Inputs(inputs.into()));
        }
        self.end = self.reducer.end().cloned();
    }
}

impl Operation for Reduce {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        if let Some(inputs) = &self.reducing {
            let mut seen = vec![inputs.clone()];
            match self.body {
                // What came before the body is the body's affair; which attempt this is, is everybody's.
                Some(_) => seen.extend(
                    around
                        .context
                        .iter()
                        .filter(|c| c.is_of_this_attempt())
                        .cloned(),
                ),
                None => seen
                    .splice(0..0, around.context.iter().cloned())
                    .for_each(drop),
            }
            let seen = around.telling(seen);
            path.at(REDUCER, Some(Word::Reducer), |path| {
                self.reducer.demands(path, &seen, out);
            });
        } else if let Some(body) = &mut self.body {
            path.at(BODY, self.body_word.clone(), |path| {
                body.demands(path, around, out);
            });
        }
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        if self.reducing.is_some() {
            path.at(REDUCER, Some(Word::Reducer), |path| {
                self.reducer.cancel(path, out);
            });
        } else if let Some(body) = &mut self.body {
            path.at(BODY, self.body_word.clone(), |path| body.cancel(path, out));
        }
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        if self.end.is_some() {
            return false;
        }
        let applied = match (path, &self.reducing, &mut self.body) {
            ([BODY, rest @ ..], None, Some(body)) => body.apply(rest, event),
            ([REDUCER, rest @ ..], Some(_), _) => self.reducer.apply(rest, event),
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
