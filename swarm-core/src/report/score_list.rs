//! The answer to `score_list`.

use serde::Serialize;

use super::Scored;
use crate::{
    ids::{RefId, RunId},
    money::Usd,
};

/// The answer to `score_list`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreListReport {
    /// The run.
    pub run_id: RunId,
    /// Who judged, as it was written.
    pub evaluator: String,
    /// How many were judged.
    pub total: usize,
    /// How many of them were to be kept; all if zero.
    pub top_k: u32,
    /// What the run did cost.
    pub total_cost: Usd,
    /// Those that were kept, the best first.
    pub winners: Vec<RefId>,
    /// All of them, the best first.
    pub ranked: Vec<Scored>,
}

impl ScoreListReport {
    pub(super) fn new(
        run_id: RunId,
        evaluator: &str,
        top_k: u32,
        ranked: Vec<Scored>,
        total_cost: Usd,
    ) -> Self {
        let winners = ranked.iter().filter(|scored| !scored.pruned);
        Self {
            run_id,
            evaluator: evaluator.to_owned(),
            total: ranked.len(),
            top_k,
            total_cost,
            winners: winners.filter_map(|scored| scored.result.clone()).collect(),
            ranked,
        }
    }
}
