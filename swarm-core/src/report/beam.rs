//! The answer to `beam`.

use serde::Serialize;

use super::{AgentReport, Scored};
use crate::{
    evaluate::Score,
    ids::{AgentId, RunId},
    machine::{Failure, Ranking},
    money::Usd,
    refs::{RefError, RefStore, SearchStamp},
};

/// The longest reason for not being chosen, in characters.
const REASON: usize = 120;

/// The answer to `beam`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BeamReport {
    /// The run.
    pub run_id: RunId,
    /// How many candidates there were to be.
    pub width: usize,
    /// Who judged, as it was written.
    pub evaluator: String,
    /// Set if there is no winner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// What the run did cost, those who judged included.
    pub total_cost: Usd,
    /// Whether somebody could not start because the budget did not cover it.
    pub budget_exhausted: bool,
    /// The best, with its place in the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<AgentReport>,
    /// What was said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner_reason: Option<String>,
    /// The others that could be judged, if they were to be kept, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<AgentReport>,
    /// Every candidate, the best first, those that failed last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Candidate>,
    /// The same, if there is no winner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Who made it.
    pub agent_id: AgentId,
    /// How good it is.
    pub score: Score,
    /// Why.
    pub reason: String,
    /// What went wrong while it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What is known of a beam besides how its candidates were judged.
pub(super) struct Beam<'a> {
    pub(super) run_id: RunId,
    pub(super) width: usize,
    pub(super) evaluator: &'a str,
    pub(super) keep_losers: bool,
    pub(super) budget_exhausted: bool,
    pub(super) total_cost: Usd,
    /// Whether there is a winner.
    pub(super) won: bool,
    /// What failed before anybody judged.
    pub(super) failures: &'a [Failure],
}

impl BeamReport {
    pub(super) async fn new(
        beam: Beam<'_>,
        ranking: Option<&Ranking>,
        agents: &[AgentReport],
        store: &dyn RefStore,
    ) -> Result<Self, RefError> {
        let scored = Scored::all(ranking, store).await?;
        let mut ranked = Vec::new();
        for (i, one) in scored.iter().enumerate() {
            let stamp = search_stamp(&beam, &scored, i);
            ranked.extend(one.found(beam.evaluator, Some(stamp), store).await?);
        }
        let mut candidates: Vec<Candidate> = scored
            .iter()
            .filter_map(|scored| {
                Some(Candidate {
                    agent_id: scored.result.as_ref()?.agent.clone(),
                    score: scored.score,
                    reason: match scored.validation_ref {
                        Some(_) => scored.reason.clone(),
                        None => format!("scoring failed: {}", scored.reason),
                    },
                    error: None,
                })
            })
            .collect();
        candidates.extend(beam.failures.iter().map(|failure| failed(failure, agents)));
        let won = beam.won;
        let mut ranked = ranked.into_iter();
        let winner = ranked.next().filter(|_| won);
        let (scores, candidates) = if won {
            (candidates, Vec::new())
        } else {
            (Vec::new(), candidates)
        };
        Ok(Self {
            run_id: beam.run_id,
            width: beam.width,
            evaluator: beam.evaluator.to_owned(),
            error: (!won).then_some("All beam candidates failed or scored 0"),
            total_cost: beam.total_cost,
            budget_exhausted: beam.budget_exhausted,
            winner_reason: scored.first().filter(|_| won).map(|s| s.reason.clone()),
            winner,
            alternatives: ranked.filter(|_| won && beam.keep_losers).collect(),
            scores,
            candidates,
        })
    }
}

fn search_stamp(beam: &Beam<'_>, scored: &[Scored], i: usize) -> SearchStamp {
    let own = scored.get(i);
    let wins = i == 0;
    let losers = scored.iter().skip(1).filter_map(|s| s.result.clone());
    let cut = || {
        let reason: String = own
            .iter()
            .flat_map(|s| s.reason.chars())
            .take(REASON)
            .collect();
        format!("beam cut at rank {i}: {reason}")
    };
    let stopped = beam
        .budget_exhausted
        .then(|| "budget exhausted (best-so-far)".to_owned());
    SearchStamp {
        score: own.map_or(Score::ZERO, |scored| scored.score),
        parent_ref: None,
        depth: 0,
        beam_rank: u32::try_from(i).unwrap_or(u32::MAX),
        evaluator: beam.evaluator.to_owned(),
        pruned: !wins,
        prune_reason: if wins { stopped } else { Some(cut()) },
        alternatives: if wins && beam.keep_losers {
            losers.collect()
        } else {
            Vec::new()
        },
    }
}

fn failed(failure: &Failure, agents: &[AgentReport]) -> Candidate {
    let own = agents
        .iter()
        .find(|agent| *agent.agent_id() == failure.agent);
    let error = own.and_then(AgentReport::error).unwrap_or(&failure.error);
    Candidate {
        agent_id: failure.agent.clone(),
        score: Score::ZERO,
        reason: format!("agent error: {error}"),
        error: Some(error.to_owned()),
    }
}
