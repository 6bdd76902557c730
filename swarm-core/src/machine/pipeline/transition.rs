//! Which step is next.

use std::sync::Arc;

use super::{Entered, Governing, Phase, Pipeline, PipelineState};
use crate::{
    evaluate::Action,
    machine::{EffectOutcome, effect::Errand, path::index},
    outcome::ExitReason,
    plain_text::one_line,
    plan::{Ask, OnFail, Step},
    suggest::{did_you_mean, nearest},
};

use super::governing::Governed;

/// How much is shown of the name of a step that is not there, in characters.
pub(super) const MAX_SHOWN: usize = 80;

/// What happens next.
#[derive(Debug)]
pub(super) enum Move {
    /// Something that is under way has to end first.
    Wait,
    /// This step is entered.
    Go(usize, Entered),
    /// It is over.
    Finish(PipelineState, Option<String>),
}

impl Pipeline {
    fn current(&self) -> Option<&Step> {
        self.program.steps.get(self.step())
    }

    fn failed(&self) -> bool {
        self.previous
            .as_ref()
            .is_some_and(|previous| !previous.failures.is_empty())
    }

    /// After the work of a step has ended.
    pub(super) fn after_work(&mut self) -> Move {
        if !self.failed() {
            let ask = self.current().and_then(|step| step.on_success.clone());
            return match ask {
                Some(ask) => self.ask(&ask),
                None => self.after_success(),
            };
        }
        if let Some(reason) = self.out_of_means() {
            return Move::Finish(PipelineState::Broken, Some(reason));
        }
        match self.current().and_then(|step| step.on_fail.clone()) {
            None => Move::Finish(PipelineState::Broken, None),
            Some(OnFail::Goto(step)) => Move::Go(index(step), Entered::OnFail),
            Some(OnFail::Ask(ask)) => self.ask(&ask),
        }
    }

    /// Why no step could do anything any more, if that is so.
    fn out_of_means(&self) -> Option<String> {
        // A part with limits of its own that has used them up says nothing of the others.
        if self.current()?.work.has_limits() {
            return None;
        }
        let failures = &self.previous.as_ref()?.failures;
        let out_of_means = |exit: &ExitReason| {
            matches!(
                exit,
                ExitReason::BudgetExhausted | ExitReason::DeadlineExceeded
            )
        };
        failures
            .iter()
            .all(|failure| out_of_means(&failure.exit))
            .then(|| failures.first().map(|failure| failure.error.clone()))?
    }

    fn ask(&mut self, ask: &Ask) -> Move {
        match Governing::new(self, ask) {
            Ok(governing) => {
                self.phase = Phase::Govern(Box::new(governing));
                Move::Wait
            }
            Err(problem) => self.not_governed(problem),
        }
    }

    /// After a success that no governor says anything about.
    fn after_success(&mut self) -> Move {
        let has_words = self.current().is_some_and(|step| !step.retry_if.is_empty());
        let has_results = self
            .previous
            .as_ref()
            .is_some_and(|previous| !previous.refs.is_empty());
        if has_words && has_results {
            self.phase = Phase::Search(Errand::default());
            Move::Wait
        } else {
            self.onwards()
        }
    }

    /// To `next`, or to the step that comes after this one.
    fn onwards(&self) -> Move {
        match self.current().and_then(|step| step.next) {
            Some(next) => Move::Go(index(next), Entered::Next),
            None => self.in_order(),
        }
    }

    fn in_order(&self) -> Move {
        Move::Go(self.step().saturating_add(1), Entered::InOrder)
    }

    /// After words were looked for. A word that leads to a step that may not be entered any more leads nowhere.
    pub(super) fn searched(&self, outcome: &EffectOutcome) -> Move {
        let EffectOutcome::Found {
            keyword: Some(found),
        } = outcome
        else {
            return if *outcome == EffectOutcome::Cancelled {
                Move::Finish(PipelineState::Killed, None)
            } else {
                self.onwards()
            };
        };
        let words = self.current().map(|step| &step.retry_if);
        let target = words.and_then(|words| words.get(index(*found)));
        let Some(target) = target.map(|retry| index(retry.step)) else {
            return self.onwards();
        };
        let may_enter = self
            .program
            .steps
            .get(target)
            .zip(self.jumps.get(target))
            .is_some_and(|(step, jumps)| *jumps < step.max_retries);
        if may_enter {
            Move::Go(target, Entered::RetryIf)
        } else {
            self.onwards()
        }
    }

    /// After something happened to the governor that is asked.
    pub(super) fn governed(&mut self) -> Move {
        let Phase::Govern(governing) = &mut self.phase else {
            return Move::Wait;
        };
        let governed = governing.governed();
        if let (Some(visit), Some(decision)) = (self.visits.last_mut(), governing.decision()) {
            visit.decision = Some(decision);
        }
        match governed {
            Governed::Undecided => Move::Wait,
            Governed::Cancelled => Move::Finish(PipelineState::Killed, None),
            Governed::Failed(problem) => self.not_governed(problem),
            Governed::Decided(action, remembered) => {
                let governor = governing.governor().to_owned();
                let why = governing.why();
                self.memory.extend(remembered);
                self.act(action, &governor, &why)
            }
            Governed::Patched(program, remembered) => {
                self.memory.extend(remembered);
                self.patch(*program)
            }
        }
    }

    /// Without a governor a failure ends the pipeline, and a success goes on.
    fn not_governed(&mut self, problem: String) -> Move {
        if self.failed() {
            return Move::Finish(PipelineState::Broken, Some(problem));
        }
        if let Some(visit) = self.visits.last_mut() {
            visit.decision = Some(format!("ignored: {problem}"));
        }
        self.after_success()
    }

    fn act(&mut self, action: Action, governor: &str, why: &str) -> Move {
        match action {
            Action::Next | Action::Patch { .. } => self.in_order(),
            Action::Jump { target } => match self.program.step(&target) {
                Some(step) => Move::Go(index(step), Entered::Governor),
                // It is as good as no decision: the pipeline must not end because somebody cannot spell.
                None => self.not_governed(format!(
                    "the governor `{governor}` wants to jump to a step `{}`, and there is none{}",
                    one_line(&target, MAX_SHOWN),
                    did_you_mean(self.nearest_step(&target))
                )),
            },
            Action::Halt => Move::Finish(
                PipelineState::Done,
                Some(format!("a governor ended it here{why}")),
            ),
            Action::Broken => Move::Finish(
                PipelineState::Broken,
                Some(format!("a governor gave it up{why}")),
            ),
        }
    }

    fn nearest_step(&self, target: &str) -> Option<&str> {
        let steps = self.program.steps.iter();
        nearest(target, steps.map(|step| step.id.as_str()))
    }

    /// Goes on after the present step in a changed pipeline. Steps are known by their names, and have used up what they
    /// have used up.
    fn patch(&mut self, program: crate::plan::Program) -> Move {
        let id = self.visits.last().map(|visit| visit.step.as_str());
        let here = id.and_then(|id| program.step(id));
        self.patches += 1;
        let Some(here) = here.filter(|_| self.patches <= super::MAX_PATCHES) else {
            return self.not_governed(
                "a governor changed the pipeline too often, or removed the step after which it was asked".to_owned(),
            );
        };
        let used = |id: &str| {
            let before = self.program.step(id)?;
            self.jumps.get(index(before)).copied()
        };
        let jumps = program.steps.iter();
        self.jumps = jumps
            .map(|step| used(step.id.as_str()).unwrap_or(0))
            .collect();
        self.program = Arc::new(program);
        Move::Go(index(here).saturating_add(1), Entered::InOrder)
    }
}
