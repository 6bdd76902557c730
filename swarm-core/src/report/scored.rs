//! One result that was judged, in an answer.

use serde::Serialize;

use super::{
    AgentReport,
    agent::{Words, words},
};
use crate::{
    evaluate::{Score, Verdict},
    ids::RefId,
    machine::{Ranked, Ranking, validated},
    refs::{RefError, RefStore, SearchStamp, ValidatedStamp},
};

/// The longest reason that is told, in characters.
const REASON: usize = 400;

/// One result that was judged. Its words come from the record of who judged it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Its place, from 1.
    pub rank: u32,
    /// The result; null if it was a text.
    #[serde(rename = "ref")]
    pub result: Option<RefId>,
    /// How good it is.
    pub score: Score,
    /// Whether it is what it is meant to be.
    pub verdict: Verdict,
    /// What there is to mend.
    pub issues: Vec<String>,
    /// Why, in short.
    pub reason: String,
    /// Whether it is not among those that were chosen.
    pub pruned: bool,
    /// The result of who judged; null if nobody could.
    pub validation_ref: Option<RefId>,
}

impl Scored {
    pub(super) async fn new(ranked: &Ranked, store: &dyn RefStore) -> Result<Self, RefError> {
        let words = match &ranked.error {
            Some(error) => Words::saying(error),
            None => words(ranked.by.as_ref(), store).await?,
        };
        Ok(Self {
            rank: ranked.rank,
            result: ranked.result.clone(),
            score: ranked.score,
            verdict: ranked.verdict,
            issues: words.issues(ranked.score),
            reason: words.lines.join("; ").chars().take(REASON).collect(),
            pruned: ranked.pruned,
            validation_ref: ranked.by.clone(),
        })
    }

    /// All that were judged, in their order.
    pub(super) async fn all(
        ranking: Option<&Ranking>,
        store: &dyn RefStore,
    ) -> Result<Vec<Self>, RefError> {
        let mut all = Vec::new();
        for ranked in ranking.iter().flat_map(|ranking| &ranking.ranked) {
            all.push(Self::new(ranked, store).await?);
        }
        Ok(all)
    }

    /// The result itself, with the stamps of this judgement: another run may have put its own there since.
    pub(super) async fn found(
        &self,
        evaluator: &str,
        search: Option<SearchStamp>,
        store: &dyn RefStore,
    ) -> Result<Option<AgentReport>, RefError> {
        let Some(id) = &self.result else {
            return Ok(None);
        };
        let mut found = AgentReport::of_ref(id, store).await?;
        if let AgentReport::Kept(found) = &mut found {
            found.stamps.validated = self.stamp(evaluator);
            if search.is_some() {
                found.stamps.search = search;
            }
        }
        Ok(Some(found))
    }

    fn stamp(&self, evaluator: &str) -> Option<ValidatedStamp> {
        let by = self.validation_ref.as_ref();
        let stamp = validated(evaluator, self.verdict, self.score, by);
        stamp.map(|stamp| ValidatedStamp {
            validation_issues: self.issues.clone(),
            ..stamp
        })
    }
}
