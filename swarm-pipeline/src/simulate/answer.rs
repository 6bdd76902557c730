//! What an agent does in a simulation.

use std::time::Duration;

use swarm_core::{
    evaluate::{Action, Finding, Reading, Score, Verdict, unable_to_judge},
    money::Usd,
    outcome::ExitReason,
};

/// What an agent does, as far as somebody has said that.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) exit: Option<ExitReason>,
    pub(super) says: Option<String>,
    pub(super) cost: Option<Usd>,
    pub(super) takes: Option<Duration>,
    pub(super) score: Option<Score>,
    pub(super) lists: Option<u32>,
    pub(super) decides: Option<(Action, Score)>,
    /// Why a person or a guard objects; an empty text if they agree.
    pub(super) objects: Option<String>,
}

impl Answer {
    /// What this says, and `other` where it says nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            exit: self.exit.or(other.exit),
            says: self.says.or(other.says),
            cost: self.cost.or(other.cost),
            takes: self.takes.or(other.takes),
            score: self.score.or(other.score),
            lists: self.lists.or(other.lists),
            decides: self.decides.or(other.decides),
            objects: self.objects.or(other.objects),
        }
    }

    /// Without what is only about agents that do the work of a step.
    pub(super) fn without_work(self) -> Self {
        Self {
            exit: None,
            says: None,
            cost: None,
            takes: None,
            ..self
        }
    }

    /// What is read out of its answer. Without a word about it, all goes well.
    pub(super) fn finding(&self, reading: Option<Reading>, exit: &ExitReason) -> Option<Finding> {
        let is_over = exit.is_success()
            || (reading == Some(Reading::ExitStatus)
                && matches!(
                    exit,
                    ExitReason::Failed { .. } | ExitReason::TimedOut { .. }
                ));
        if !is_over {
            return None;
        }
        Some(match reading? {
            Reading::ExitStatus if !exit.is_success() => {
                match (self.score, unable_to_judge(exit)) {
                    (None, Some(problem)) => Finding::Unreadable { problem },
                    (score, _) => judgement(score.unwrap_or(Score::ZERO)),
                }
            }
            Reading::Judgement | Reading::ExitStatus => judgement(self.score.unwrap_or(Score::ONE)),
            Reading::Items => Finding::Items {
                count: self.lists.unwrap_or(1),
            },
            Reading::Decision => {
                let next = (Action::Next, Score::ONE);
                let (action, confidence) = self.decides.clone().unwrap_or(next);
                Finding::Decision {
                    action,
                    confidence,
                    remembers: false,
                    reason: String::new(),
                }
            }
        })
    }
}

fn judgement(score: Score) -> Finding {
    Finding::Judgement {
        verdict: Verdict::of_score(score),
        score,
    }
}
