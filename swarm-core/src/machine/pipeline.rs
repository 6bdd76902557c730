//! Steps that say themselves which one is next.
//!
//! The way through a pipeline is bounded: every jump enters a step, which may be entered by jumps only so often, and what
//! follows without a jump comes later in the list. So it ends, whatever agents and governors say.

mod governing;
mod trace;
mod transition;

use std::sync::Arc;

use governing::Governing;
pub use trace::{Entered, PipelineState, PipelineTrace, Visit, VisitEnd};
use transition::Move;

use super::{
    Account, Demand, Effect, End, Event, Failure,
    around::Around,
    effect::Errand,
    node::{Node, Operation},
    path::{Path, Word, index, number},
};
use crate::{
    ids::{AgentId, RefId, StepId},
    outcome::ExitReason,
    plan::Program,
    prompt::{Context, StepResult},
};

const WORK: u32 = 0;
const SEARCH: u32 = 1;
const GOVERN: u32 = 2;

/// How often governors may change a pipeline.
const MAX_PATCHES: u32 = 100;

#[derive(Debug)]
pub(super) struct Pipeline {
    program: Arc<Program>,
    /// How often each step was entered by a jump.
    jumps: Vec<u32>,
    patches: u32,
    visits: Vec<Visit>,
    phase: Phase,
    /// What the step under way is told of.
    previous: Option<StepResult>,
    /// The same for each visit, for whoever goes on from there.
    told: Vec<Option<StepResult>>,
    /// Decisions of governors that want something remembered.
    memory: Vec<RefId>,
    state: PipelineState,
    reason: Option<String>,
    end: Option<End>,
}

/// What the visit under way does.
#[derive(Debug)]
enum Phase {
    Work(Box<Node>),
    Search(Errand),
    Govern(Box<Governing>),
    Over,
}

impl Pipeline {
    pub(super) fn new(program: Arc<Program>) -> Self {
        let given = (!program.given.is_empty()).then(|| StepResult {
            step: None,
            refs: program.given.clone().into(),
            failures: Vec::new().into(),
        });
        let entry = index(program.entry);
        let mut pipeline = Self {
            jumps: vec![0; program.steps.len()],
            program,
            patches: 0,
            visits: Vec::new(),
            phase: Phase::Over,
            previous: given,
            told: Vec::new(),
            memory: Vec::new(),
            state: PipelineState::Running,
            reason: None,
            end: None,
        };
        pipeline.go(Move::Go(entry, Entered::InOrder));
        pipeline
    }

    /// Goes on from `step` after the end, with all jumps allowed anew.
    pub(super) fn restart(&mut self, step: u32, program: Option<&Program>) -> bool {
        let program = program.map_or_else(|| Arc::clone(&self.program), |new| new.clone().into());
        let Some(id) = program.steps.get(index(step)).map(|step| step.id.clone()) else {
            return false;
        };
        if self.end.take().is_none() {
            return false;
        }
        let visit = self.visits.iter().rposition(|visit| visit.step == id);
        let told = visit.and_then(|visit| self.told.get(visit).cloned());
        self.jumps = vec![0; program.steps.len()];
        self.program = program;
        self.previous = told.flatten();
        self.state = PipelineState::Running;
        self.reason = None;
        self.go(Move::Go(index(step), Entered::Resumed));
        true
    }

    /// As it is now.
    pub(super) const fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The results that a step was given when it was entered last.
    pub(super) fn given_to(&self, step: &StepId) -> Option<Vec<RefId>> {
        let visit = self.visits.iter().rposition(|visit| visit.step == *step)?;
        let told = self.told.get(visit)?.as_ref();
        Some(told.map(|told| told.refs.to_vec()).unwrap_or_default())
    }

    /// The step of the visit under way, as an index.
    fn step(&self) -> usize {
        let id = self.visits.last().map(|visit| &visit.step);
        let steps = self.program.steps.iter();
        steps
            .clone()
            .position(|step| Some(&step.id) == id)
            .unwrap_or_else(|| steps.len())
    }

    /// Makes `next` true, and everything that follows from it without an agent.
    fn go(&mut self, mut next: Move) {
        loop {
            next = match next {
                Move::Wait => return,
                Move::Finish(state, reason) => return self.finish(state, reason),
                Move::Go(step, entered) => match self.enter(step, entered) {
                    Some(next) => next,
                    None => return,
                },
            };
        }
    }

    /// Enters a step; what to do instead, or at once after it, if there is nothing to wait for.
    fn enter(&mut self, at: usize, entered: Entered) -> Option<Move> {
        let program = Arc::clone(&self.program);
        let Some(step) = program.steps.get(at) else {
            return Some(Move::Finish(PipelineState::Done, None));
        };
        if entered.is_jump() {
            let jumps = self.jumps.get_mut(at)?;
            if *jumps >= step.max_retries {
                let reason = format!(
                    "Exceeded max retries ({}) of step `{}`",
                    step.max_retries, step.id
                );
                return Some(Move::Finish(PipelineState::Broken, Some(reason)));
            }
            *jumps += 1;
        }
        let after_success = self
            .previous
            .as_ref()
            .is_some_and(|previous| previous.step.is_some() && previous.failures.is_empty());
        let skipped = step.only_after_error && after_success;
        let before = self.visits.iter().filter(|visit| visit.step == step.id);
        self.visits.push(Visit {
            step: step.id.clone(),
            number: number(before.count()).saturating_add(1),
            entered,
            end: skipped.then_some(VisitEnd::Skipped),
            refs: Vec::new(),
            failures: Vec::new(),
            decision: None,
        });
        self.told.push(self.previous.clone());
        if skipped {
            return Some(Move::Go(at + 1, Entered::InOrder));
        }
        let work = Node::new(step.work.clone());
        let end = work.end().cloned();
        self.phase = Phase::Work(Box::new(work));
        end.map(|end| self.worked(&end))
    }

    /// Takes note of how the work of a step ended.
    fn worked(&mut self, end: &End) -> Move {
        let (how, refs, failures) = match end {
            End::Cancelled => {
                self.close_visit(VisitEnd::Cancelled, &[], &[]);
                return Move::Finish(PipelineState::Killed, None);
            }
            End::Succeeded { refs } => (VisitEnd::Succeeded, refs.as_slice(), &[][..]),
            End::Failed {
                succeeded,
                failures,
            } => (VisitEnd::Failed, succeeded.as_slice(), failures.as_slice()),
        };
        self.close_visit(how, refs, failures);
        let step = self.visits.last().map(|visit| visit.step.clone());
        self.previous = Some(StepResult {
            step,
            refs: refs.into(),
            failures: failures.into(),
        });
        self.after_work()
    }

    fn close_visit(&mut self, end: VisitEnd, refs: &[RefId], failures: &[Failure]) {
        if let Some(visit) = self.visits.last_mut() {
            visit.end = Some(end);
            visit.refs = refs.to_vec();
            visit.failures = failures.to_vec();
        }
    }

    fn finish(&mut self, state: PipelineState, reason: Option<String>) {
        let refs = |result: &StepResult| result.refs.to_vec();
        let last = self.previous.as_ref();
        let failures = last.map(|last| last.failures.to_vec()).unwrap_or_default();
        self.end = Some(match state {
            PipelineState::Killed => End::Cancelled,
            PipelineState::Done | PipelineState::Running => End::Succeeded {
                refs: last.map(refs).unwrap_or_default(),
            },
            PipelineState::Broken => End::Failed {
                succeeded: last.map(refs).unwrap_or_default(),
                failures: match &reason {
                    // What is the reason already is told once: the budget, the deadline.
                    Some(reason) if failures.iter().any(|known| known.error == *reason) => failures,
                    Some(reason) => {
                        let name = self.visits.last().map_or("pipeline", |v| v.step.as_str());
                        let name = AgentId::from_checked(name.to_owned());
                        let own = Failure::without_agent(name, ExitReason::Rejected, reason);
                        failures.into_iter().chain([own]).collect()
                    }
                    None => failures,
                },
            },
        });
        self.state = state;
        self.reason = reason.or_else(|| match &self.end {
            Some(End::Failed { failures, .. }) => {
                let last = failures.last();
                last.map(|failure| format!("{}: {}", failure.agent, failure.error))
            }
            _ => None,
        });
        self.phase = Phase::Over;
    }

    /// Does `work` at the visit under way.
    fn at_visit<T>(
        visits: &[Visit],
        path: &mut Path,
        work: impl FnOnce(&mut Path) -> T,
    ) -> Option<T> {
        let visit = visits.last()?;
        let name = Word::Named(Arc::from(visit.step.as_str()));
        let at = number(visits.len() - 1);
        let again = (visit.number > 1).then_some(Word::Again(visit.number));
        Some(path.at(at, Some(name), |path| path.at(0, again, work)))
    }

    /// What the step under way is told.
    fn surroundings(&self, path: &Path, around: &Around) -> Around {
        let mut inside = around.within(path, &self.program.limits);
        inside.shared = true;
        match &self.previous {
            None => inside,
            Some(previous) => inside.telling(vec![Context::Step(previous.clone())]),
        }
    }
}

impl Operation for Pipeline {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        let around = self.surroundings(path, around);
        let program = &self.program;
        let step = self.step();
        let phase = &mut self.phase;
        let previous = self.previous.as_ref();
        Self::at_visit(&self.visits, path, |path| match phase {
            Phase::Work(node) => path.at(WORK, None, |path| node.demands(path, &around, out)),
            Phase::Search(errand) => path.at(SEARCH, Some(Word::Fixed("search")), |path| {
                let words = program.steps.get(step).map(|step| &step.retry_if);
                let words = words.into_iter().flatten();
                errand.demand(path, out, || Effect::Search {
                    refs: previous.map(|p| Arc::clone(&p.refs)).unwrap_or_default(),
                    keywords: words.map(|retry| retry.keyword.clone()).collect(),
                });
            }),
            Phase::Govern(governing) => path.at(GOVERN, Some(Word::Fixed("governor")), |path| {
                governing.demands(path, &around, out);
            }),
            Phase::Over => {}
        });
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        let phase = &mut self.phase;
        Self::at_visit(&self.visits, path, |path| match phase {
            Phase::Work(node) => path.at(WORK, None, |path| node.cancel(path, out)),
            Phase::Search(errand) => path.at(SEARCH, Some(Word::Fixed("search")), |path| {
                errand.cancel(path, out);
            }),
            Phase::Govern(governing) => path.at(GOVERN, Some(Word::Fixed("governor")), |path| {
                governing.cancel(path, out);
            }),
            Phase::Over => {}
        });
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let [visit, 0, phase, rest @ ..] = path else {
            return false;
        };
        if self.end.is_some() || index(*visit).checked_add(1) != Some(self.visits.len()) {
            return false;
        }
        let next = match (&mut self.phase, *phase) {
            (Phase::Work(node), WORK) => {
                if !node.apply(rest, event) {
                    return false;
                }
                let end = node.end().cloned();
                end.map_or(Move::Wait, |end| self.worked(&end))
            }
            (Phase::Search(errand), SEARCH) => match errand.apply(rest, event).cloned() {
                None => return false,
                Some(outcome) => self.searched(&outcome),
            },
            (Phase::Govern(governing), GOVERN) => {
                if !governing.apply(rest, event) {
                    return false;
                }
                self.governed()
            }
            _ => return false,
        };
        self.go(next);
        true
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn account(&self) -> Option<Account> {
        Some(Account::Pipeline(PipelineTrace {
            name: self.program.name.clone(),
            digest: self.program.digest.clone(),
            state: self.state,
            reason: self.reason.clone(),
            total_steps: number(self.program.steps.len()),
            visits: self.visits.clone(),
        }))
    }
}

#[cfg(test)]
mod tests;
