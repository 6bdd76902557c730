//! The answer to `iterate`.

use serde::Serialize;

use super::{AgentReport, agent::words};
use crate::{
    evaluate::{Score, Verdict},
    ids::{RefId, RunId},
    machine::{Attempt, Halted, Iteration, validated},
    money::Usd,
    refs::{RefError, RefStore, ValidatedStamp},
    run_view::{AgentView, RunView},
};

/// The answer to `iterate`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IterateReport {
    /// The run.
    pub run_id: RunId,
    /// The type that is wanted, if it is one.
    pub target_type: Option<String>,
    /// Who judged, as it was written.
    pub evaluator: String,
    /// How often it was tried.
    pub iterations: usize,
    /// Why it stopped; null if it has not.
    pub halted_because: Option<Halted>,
    /// Which attempt was the best, from 1.
    pub best_iteration: Option<u32>,
    /// How good that was.
    pub best_score: Score,
    /// What that made.
    pub best_ref: Option<AgentReport>,
    /// What the run did cost, those who judged included.
    pub total_cost: Usd,
    /// How long it took, in seconds.
    pub wall_time_seconds: f64,
    /// Whether it stopped because the budget did not cover more.
    pub budget_exhausted: bool,
    /// Every attempt.
    pub attempts: Vec<AttemptReport>,
    /// Set if nothing good was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptReport {
    /// From 1.
    pub iteration: u32,
    /// What it made.
    #[serde(rename = "ref")]
    pub result: Option<RefId>,
    /// How good it is.
    pub score: Score,
    /// Whether it is what it is meant to be.
    pub verdict: Verdict,
    /// What there is to mend.
    pub issues: Vec<String>,
    /// What it did cost, who judged included; null if nobody can say.
    pub cost_usd: Option<Usd>,
    /// How long its agents ran, one after the other, in seconds.
    pub duration_seconds: f64,
    /// What went wrong.
    pub error: Option<String>,
}

impl IterateReport {
    pub(super) async fn new(
        view: &RunView,
        iteration: &Iteration,
        won: bool,
        agents: &[AgentReport],
        store: &dyn RefStore,
    ) -> Result<Self, RefError> {
        let mut attempts = Vec::with_capacity(iteration.attempts.len());
        for attempt in &iteration.attempts {
            attempts.push(AttemptReport::new(attempt, view, agents, store).await?);
        }
        let best = iteration.best.and_then(|best| iteration.attempts.get(best));
        let best_ref = match best.filter(|_| won) {
            Some(best) => best_ref(iteration, best, &attempts, store).await?,
            None => None,
        };
        let took = view.updated.since(view.started).as_secs_f64();
        let is_over = iteration.halted_because.is_some();
        Ok(Self {
            run_id: view.run.clone(),
            target_type: iteration
                .evaluator
                .strip_prefix("validate:")
                .map(str::to_owned),
            evaluator: iteration.evaluator.clone(),
            iterations: attempts.len(),
            halted_because: iteration.halted_because,
            best_iteration: best.map(|best| best.iteration),
            best_score: best.map_or(Score::ZERO, |best| best.score),
            best_ref,
            total_cost: view.spent,
            wall_time_seconds: (took * 100.0).round() / 100.0,
            budget_exhausted: iteration.halted_because == Some(Halted::BudgetExhausted),
            attempts,
            error: (is_over && !won).then_some("No iteration made anything good"),
        })
    }
}

async fn best_ref(
    iteration: &Iteration,
    best: &Attempt,
    attempts: &[AttemptReport],
    store: &dyn RefStore,
) -> Result<Option<AgentReport>, RefError> {
    let Some(id) = &best.result else {
        return Ok(None);
    };
    let mut found = AgentReport::of_ref(id, store).await?;
    if let AgentReport::Kept(found) = &mut found {
        let told = attempts.iter().find(|a| a.iteration == best.iteration);
        let by = best.by.as_ref();
        found.stamps.validated =
            validated(&iteration.evaluator, best.verdict, best.score, by).map(|stamp| {
                ValidatedStamp {
                    validation_issues: told.map(|told| told.issues.clone()).unwrap_or_default(),
                    ..stamp
                }
            });
    }
    Ok(Some(found))
}

impl AttemptReport {
    async fn new(
        attempt: &Attempt,
        view: &RunView,
        agents: &[AgentReport],
        store: &dyn RefStore,
    ) -> Result<Self, RefError> {
        let own = format!("iter-{}", attempt.iteration);
        let is_own = |name: &str| {
            let rest = name.strip_prefix(&own);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let outcomes = || {
            let own = view
                .agents
                .values()
                .filter(|agent| is_own(agent.agent.as_str()));
            own.filter_map(|agent: &AgentView| agent.outcome.as_ref())
        };
        // The log knows that an agent failed; what it said about that is in its record.
        let said = agents
            .iter()
            .filter(|agent| is_own(agent.agent_id().as_str()))
            .find_map(AgentReport::error);
        let error = attempt.error.as_ref().map(|error| {
            let error = said.unwrap_or(error);
            match attempt.result {
                Some(_) => format!("evaluator error: {error}"),
                None => format!("agent error: {error}"),
            }
        });
        let words = words(attempt.by.as_ref(), store).await?;
        let costs: Option<Vec<Usd>> = outcomes().map(|outcome| outcome.cost).collect();
        Ok(Self {
            iteration: attempt.iteration,
            result: attempt.result.clone(),
            score: attempt.score,
            verdict: attempt.verdict,
            issues: match &error {
                Some(error) => vec![error.clone()],
                None => words.issues(attempt.score),
            },
            cost_usd: costs.map(|costs| costs.into_iter().sum()),
            duration_seconds: outcomes().map(|o| o.duration.as_secs_f64()).sum(),
            error,
        })
    }
}
