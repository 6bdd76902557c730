//! The answers to `filter` and `validate`.

use serde::Serialize;

use super::{AgentReport, Scored};
use crate::{
    evaluate::{Score, Verdict},
    ids::{RefId, RunId},
    machine::Ranking,
    money::Usd,
    refs::{RefError, RefStore},
};

/// The answer to `filter`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilterReport {
    /// The run.
    pub run_id: RunId,
    /// Who judged, as it was written.
    pub evaluator: String,
    /// How many were judged.
    pub total: usize,
    /// How many of them are valid.
    pub valid: usize,
    /// How many are not, or could not be judged.
    pub invalid: usize,
    /// What the run did cost, those who judged included.
    pub total_cost: Usd,
    /// Those that are valid, in their order.
    pub results: Vec<AgentReport>,
    /// The others.
    pub rejected: Vec<AgentReport>,
    /// How each of them was judged, in their order.
    pub judged: Vec<Scored>,
}

impl FilterReport {
    pub(super) async fn new(
        run_id: RunId,
        evaluator: &str,
        ranking: Option<&Ranking>,
        total_cost: Usd,
        store: &dyn RefStore,
    ) -> Result<Self, RefError> {
        let judged = Scored::all(ranking, store).await?;
        let (mut results, mut rejected) = (Vec::new(), Vec::new());
        for scored in &judged {
            if let Some(found) = scored.found(evaluator, None, store).await? {
                let side = if scored.pruned {
                    &mut rejected
                } else {
                    &mut results
                };
                side.push(found);
            }
        }
        let valid = judged.iter().filter(|scored| !scored.pruned).count();
        Ok(Self {
            run_id,
            evaluator: evaluator.to_owned(),
            total: judged.len(),
            valid,
            invalid: judged.len() - valid,
            total_cost,
            results,
            rejected,
            judged,
        })
    }
}

/// The answer to `validate` of one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValidateReport {
    /// The run.
    pub run_id: RunId,
    /// What it is to be.
    pub declared_type: String,
    /// The result that was judged; null if it was a text.
    #[serde(rename = "ref")]
    pub validated: Option<RefId>,
    /// Whether it is that.
    pub verdict: Verdict,
    /// By how much.
    pub score: Score,
    /// What there is to mend.
    pub issues: Vec<String>,
    /// What the run did cost.
    pub total_cost: Usd,
    /// The agent that judged.
    pub result: Option<AgentReport>,
}

impl ValidateReport {
    pub(super) fn new(
        run_id: RunId,
        evaluator: &str,
        scored: Scored,
        total_cost: Usd,
        judge: Option<AgentReport>,
    ) -> Self {
        Self {
            run_id,
            declared_type: evaluator
                .strip_prefix("validate:")
                .unwrap_or(evaluator)
                .to_owned(),
            validated: scored.result,
            verdict: scored.verdict,
            score: scored.score,
            issues: scored.issues,
            total_cost,
            result: judge,
        }
    }
}
