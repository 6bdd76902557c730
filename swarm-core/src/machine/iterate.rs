//! The body again, until its result is good enough or no longer gets better.

use std::num::NonZeroU32;

use super::{
    Account, Attempt, Demand, Effect, End, Event, Failure, Halted, Iteration,
    around::Around,
    effect::Errand,
    judge::{Judge, validated},
    node::{Node, Operation},
    path::{Path, Word},
};
use crate::{
    evaluate::{Score, Verdict},
    ids::AgentId,
    outcome::ExitReason,
    plan::{Evaluator, Plan},
    prompt::Context,
    refs::Judged,
};

const STAMP: u32 = 0;

#[derive(Debug)]
pub(super) struct Iterate {
    body: Plan,
    evaluator: Evaluator,
    most: u32,
    threshold: Score,
    patience: u32,
    current: Box<Judge>,
    attempts: Vec<Attempt>,
    /// The best attempt so far.
    best: Option<usize>,
    /// How many attempts in a row brought nothing better.
    stale: u32,
    /// What went wrong in the newest attempt.
    failures: Vec<Failure>,
    halted: Option<Halted>,
    stamp: Errand,
    end: Option<End>,
}

impl Iterate {
    pub(super) fn new(
        body: Plan,
        evaluator: Evaluator,
        most: NonZeroU32,
        threshold: Score,
        patience: NonZeroU32,
    ) -> Self {
        let current = Judge::silent(Node::new(body.clone()), evaluator.clone());
        let mut iterate = Self {
            body,
            evaluator,
            most: most.get(),
            threshold,
            patience: patience.get(),
            current: Box::new(current),
            attempts: Vec::new(),
            best: None,
            stale: 0,
            failures: Vec::new(),
            halted: None,
            stamp: Errand::default(),
            end: None,
        };
        iterate.conclude();
        iterate
    }

    /// From 1.
    fn number(&self) -> u32 {
        super::path::number(self.attempts.len()).saturating_add(1)
    }

    fn conclude(&mut self) {
        // More than once only if the body has no agents at all.
        while self.halted.is_none() && self.end.is_none() {
            let Some(end) = self.current.end().cloned() else {
                return;
            };
            match end {
                End::Cancelled => self.end = Some(End::Cancelled),
                End::Succeeded { .. } => self.take(&[]),
                End::Failed { failures, .. } => self.take(&failures),
            }
        }
    }

    /// Takes note of the attempt that has just ended, and says whether it was the last.
    fn take(&mut self, failures: &[Failure]) {
        let iteration = self.number();
        let best = self
            .current
            .ranking()
            .and_then(|ranking| ranking.ranked.first());
        let denied = denied(failures);
        let attempt = match best {
            Some(best) => Attempt {
                iteration,
                result: best.result.clone(),
                verdict: best.verdict,
                score: best.score,
                by: best.by.clone(),
                error: best.error.clone(),
            },
            None => Attempt {
                iteration,
                result: None,
                verdict: Verdict::Unknown,
                score: Score::ZERO,
                by: None,
                error: Some(failures.first().map_or_else(
                    || "there is no result".to_owned(),
                    |failure| failure.error.clone(),
                )),
            },
        };
        failures.clone_into(&mut self.failures);
        let is_better = attempt.result.is_some()
            && self
                .best_attempt()
                .is_none_or(|best| attempt.score > best.score);
        // What was never started is no attempt.
        if denied.is_none() || attempt.result.is_some() {
            if is_better {
                self.best = Some(self.attempts.len());
                self.stale = 0;
            } else {
                self.stale += 1;
            }
            self.attempts.push(attempt);
        }
        self.halted = self.reason_to_halt(denied);
        if self.halted.is_none() {
            let body = Node::new(self.body.clone());
            *self.current = Judge::silent(body, self.evaluator.clone());
        } else if self.stamps().is_empty() {
            self.finish();
        }
    }

    fn reason_to_halt(&self, denied: Option<Halted>) -> Option<Halted> {
        let is_good = self
            .best_attempt()
            .is_some_and(|best| best.by.is_some() && best.score >= self.threshold);
        if is_good {
            Some(Halted::SuccessThreshold)
        } else if denied.is_some() {
            denied
        } else if self.stale >= self.patience {
            Some(Halted::PatienceExhausted)
        } else if self.number() > self.most {
            Some(Halted::MaxIterations)
        } else {
            None
        }
    }

    fn best_attempt(&self) -> Option<&Attempt> {
        self.best.and_then(|best| self.attempts.get(best))
    }

    /// What results are told of how they were judged.
    fn stamps(&self) -> Vec<(crate::ids::RefId, Judged)> {
        let stamps = self.attempts.iter().filter_map(|attempt| {
            let validated = validated(
                &self.evaluator.name,
                attempt.verdict,
                attempt.score,
                attempt.by.as_ref(),
            )?;
            let judged = Judged {
                validated: Some(validated),
                search: None,
            };
            Some((attempt.result.clone()?, judged))
        });
        stamps.collect()
    }

    fn finish(&mut self) {
        // A score of zero is as good as none, unless zero is good enough.
        let best = self.best_attempt().filter(|best| {
            best.by.is_some() && (best.score > Score::ZERO || best.score >= self.threshold)
        });
        self.end = Some(match best.and_then(|best| best.result.clone()) {
            Some(best) => End::Succeeded { refs: vec![best] },
            None => End::Failed {
                succeeded: Vec::new(),
                failures: self.why(),
            },
        });
    }

    /// Why there is nothing good: what went wrong in the newest attempt, or that nothing did and it is worth nothing.
    fn why(&self) -> Vec<Failure> {
        if !self.failures.is_empty() {
            return self.failures.clone();
        }
        let last = self.attempts.last().map(|attempt| match &attempt.result {
            Some(result) => Failure {
                agent: result.agent.clone(),
                exit: ExitReason::Rejected,
                error: format!(
                    "{} says {}, score={:.2}",
                    self.evaluator.name,
                    attempt.verdict,
                    attempt.score.as_f64()
                ),
                result: Some(result.clone()),
                judged_by: attempt.by.clone(),
                has_no_judge: false,
            },
            // The body has no agents at all.
            None => Failure::without_agent(
                AgentId::from_checked(format!("iter-{}", attempt.iteration)),
                ExitReason::Rejected,
                attempt.error.clone().unwrap_or_default(),
            ),
        });
        last.into_iter().collect()
    }
}

/// What keeps anything more from being done, or from being judged, if something does.
fn denied(failures: &[Failure]) -> Option<Halted> {
    failures.iter().find_map(|failure| match failure.exit {
        ExitReason::BudgetExhausted => Some(Halted::BudgetExhausted),
        ExitReason::DeadlineExceeded => Some(Halted::WallTimeExhausted),
        // The next attempt would be paid for, and not be judged either.
        _ if failure.has_no_judge => Some(Halted::EvaluatorUnavailable),
        _ => None,
    })
}

impl Operation for Iterate {
    fn demands(&mut self, path: &mut Path, around: &Around, out: &mut Vec<Demand>) {
        if self.end.is_some() {
            return;
        }
        if self.halted.is_some() {
            let stamps = self.stamps();
            path.at(STAMP, Some(Word::Fixed("stamp")), |path| {
                self.stamp
                    .demand(path, out, || Effect::Stamp(stamps.into()));
            });
            return;
        }
        let number = self.number();
        let around = if self.attempts.is_empty() {
            around.clone()
        } else {
            around.adding(Context::Iterations {
                attempts: self.attempts.clone().into(),
                best: self
                    .best_attempt()
                    .map_or(Score::ZERO, |attempt| attempt.score),
            })
        };
        path.at(number, Some(Word::Iteration(number)), |path| {
            self.current.demands(path, &around, out);
        });
    }

    fn cancel(&mut self, path: &mut Path, out: &mut Vec<Demand>) {
        if self.end.is_some() {
            return;
        }
        if self.halted.is_some() {
            path.at(STAMP, Some(Word::Fixed("stamp")), |path| {
                self.stamp.cancel(path, out);
            });
            return;
        }
        let number = self.number();
        path.at(number, Some(Word::Iteration(number)), |path| {
            self.current.cancel(path, out);
        });
    }

    fn apply(&mut self, path: &[u32], event: Event<'_>) -> bool {
        let Some((&at, rest)) = path.split_first() else {
            return false;
        };
        if self.end.is_some() {
            return false;
        }
        if self.halted.is_some() {
            let applied = at == STAMP && self.stamp.apply(rest, event).is_some();
            if applied {
                self.finish();
            }
            return applied;
        }
        let applied = at == self.number() && self.current.apply(rest, event);
        if applied {
            self.conclude();
        }
        applied
    }

    fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn account(&self) -> Option<Account> {
        Some(Account::Iteration(Iteration {
            evaluator: self.evaluator.name.clone(),
            halted_because: self.halted,
            best: self.best,
            attempts: self.attempts.clone(),
        }))
    }
}
