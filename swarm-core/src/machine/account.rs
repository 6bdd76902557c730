//! What there is to say of a plan besides how it ended.

use serde::Serialize;

use super::{Failure, PipelineTrace};
use crate::{
    evaluate::{Score, Verdict},
    ids::{AgentId, RefId, StepId},
    outcome::ExitReason,
};

/// What there is to say of a plan besides how it ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Account {
    /// Of results that were judged.
    Ranking(Ranking),
    /// Of one that was to get better.
    Iteration(Iteration),
    /// Of a hunt.
    Hunt {
        /// Each of its strategies.
        strategies: Vec<StrategyAccount>,
        /// The best of all that was found.
        leaderboard: Vec<Leader>,
    },
    /// Of a pipeline.
    Pipeline(PipelineTrace),
}

/// Results that were judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// Who judged, as it was written.
    pub evaluator: String,
    /// Each of them; the best first where they were compared, else in their order.
    pub ranked: Vec<Ranked>,
    /// What was to be judged and failed before.
    pub failures: Vec<Failure>,
}

/// One result that was judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Its place, from 1.
    pub rank: u32,
    /// The result; none if it was a text.
    #[serde(rename = "ref")]
    pub result: Option<RefId>,
    /// What was found.
    pub verdict: Verdict,
    /// By how much.
    pub score: Score,
    /// The result of who judged; what there is to mend is said there.
    pub by: Option<RefId>,
    /// Why it could not be judged.
    pub error: Option<String>,
    /// Whether it is not among those that were chosen.
    pub pruned: bool,
    /// Who judged: its name in the run, and how it ended.
    #[serde(skip)]
    pub judge: (AgentId, ExitReason),
    /// Whether who was to judge could not be started at all.
    #[serde(skip)]
    pub has_no_judge: bool,
}

impl Ranked {
    /// Whether anything is known of it.
    pub fn was_judged(&self) -> bool {
        self.by.is_some() && self.verdict != Verdict::Unknown
    }
}

/// How something was made better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Iteration {
    /// Who judged, as it was written.
    pub evaluator: String,
    /// Why it stopped, once it has.
    pub halted_because: Option<Halted>,
    /// The best attempt, as an index.
    pub best: Option<usize>,
    /// Every attempt.
    pub attempts: Vec<Attempt>,
}

/// Why an iteration stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Halted {
    /// The result is good enough.
    SuccessThreshold,
    /// The budget does not cover another attempt.
    BudgetExhausted,
    /// There is no time for another attempt.
    WallTimeExhausted,
    /// Who judges could not be started.
    EvaluatorUnavailable,
    /// Several attempts in a row brought nothing better.
    PatienceExhausted,
    /// There were as many attempts as there may be.
    MaxIterations,
}

impl Halted {
    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SuccessThreshold => "success_threshold",
            Self::BudgetExhausted => "budget_exhausted",
            Self::WallTimeExhausted => "wall_time_exhausted",
            Self::EvaluatorUnavailable => "evaluator_unavailable",
            Self::PatienceExhausted => "patience_exhausted",
            Self::MaxIterations => "max_iterations",
        }
    }
}

/// One attempt of an iteration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// From 1.
    pub iteration: u32,
    /// What it made.
    #[serde(rename = "ref")]
    pub result: Option<RefId>,
    /// How that was judged.
    pub verdict: Verdict,
    /// By how much.
    pub score: Score,
    /// The result of who judged; what there is to mend is said there.
    pub by: Option<RefId>,
    /// Why there is nothing to judge, or why it could not be judged.
    pub error: Option<String>,
}

/// One strategy of a hunt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategyAccount {
    /// Its name.
    pub name: StepId,
    /// How many seeds it had, once that is known.
    pub seeds: Option<u32>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What it found.
    pub ranking: Option<Ranking>,
}

/// One of the best results of a hunt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leader {
    /// Its place among all, from 1.
    pub global_rank: u32,
    /// Which strategy found it.
    pub strategy: StepId,
    /// What it is.
    #[serde(flatten)]
    pub found: Ranked,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_and_programs_are_told_the_same_reason() {
        for (halted, name) in [
            (Halted::SuccessThreshold, "success_threshold"),
            (Halted::BudgetExhausted, "budget_exhausted"),
            (Halted::WallTimeExhausted, "wall_time_exhausted"),
            (Halted::EvaluatorUnavailable, "evaluator_unavailable"),
            (Halted::PatienceExhausted, "patience_exhausted"),
            (Halted::MaxIterations, "max_iterations"),
        ] {
            assert_eq!(halted.name(), name);
            assert_eq!(json!(halted), name);
        }
    }
}
