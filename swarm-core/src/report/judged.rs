//! Which answer belongs to a plan in which results are judged.

use super::{
    AgentReport, BeamReport, FilterReport, HuntReport, IterateReport, PassedReport, Report,
    ScoreListReport, Scored, ValidateReport, beam::Beam,
};
use crate::{
    machine::{Account, End, Ranking},
    outcome::ExitReason,
    plan::{Plan, Selection},
    refs::{RefError, RefStore},
    run_view::RunView,
};

/// The answer; none if nothing is judged at the root of the plan.
pub(super) async fn report(
    view: &RunView,
    plan: &Plan,
    agents: &[AgentReport],
    store: &dyn RefStore,
) -> Result<Option<Report>, RefError> {
    let won = matches!(view.end(), Some(End::Succeeded { .. }));
    let ranking = match &view.account {
        Some(Account::Ranking(ranking)) => Some(ranking),
        _ => None,
    };
    let (run, cost) = (view.run.clone(), view.spent);
    Ok(Some(match (plan, &view.account) {
        (
            Plan::Judge {
                evaluator,
                select,
                body,
                ..
            },
            _,
        ) => {
            let by = evaluator.name.as_str();
            match select {
                Selection::Best { keep_losers } => {
                    let beam = Beam {
                        run_id: run,
                        width: body.as_ref().map_or(0, |body| body.result_count()),
                        evaluator: by,
                        keep_losers: *keep_losers,
                        budget_exhausted: is_budget_exhausted(view),
                        total_cost: cost,
                        won,
                        failures: failures_before(view, ranking),
                    };
                    let report = BeamReport::new(beam, ranking, agents, store).await?;
                    Report::Beam(Box::new(report))
                }
                Selection::Top { count } => {
                    let ranked = Scored::all(ranking, store).await?;
                    Report::ScoreList(ScoreListReport::new(run, by, *count, ranked, cost))
                }
                Selection::All if ranking.is_some_and(|r| r.ranked.len() == 1) => {
                    let mut ranked = Scored::all(ranking, store).await?;
                    let Some(only) = ranked.pop() else {
                        return Ok(None);
                    };
                    let judge = agents.last().cloned();
                    let report = ValidateReport::new(run, by, only, cost, judge);
                    Report::Validate(Box::new(report))
                }
                Selection::All | Selection::Valid => {
                    Report::Filter(FilterReport::new(run, by, ranking, cost, store).await?)
                }
            }
        }
        (Plan::Iterate { .. }, Some(Account::Iteration(iteration))) => {
            let report = IterateReport::new(view, iteration, won, agents, store).await?;
            Report::Iterate(Box::new(report))
        }
        (
            Plan::Hunt {
                strategies: plan, ..
            },
            Some(Account::Hunt {
                strategies,
                leaderboard,
            }),
        ) => {
            Report::Hunt(HuntReport::new(view, plan, strategies, leaderboard, agents, store).await?)
        }
        (Plan::Guard { .. } | Plan::Approve { .. }, _) => {
            Report::Passed(passed(view, store).await?)
        }
        _ => return Ok(None),
    }))
}

/// What failed before anybody judged: all that did, if nobody ever judged.
fn failures_before<'v>(
    view: &'v RunView,
    ranking: Option<&'v Ranking>,
) -> &'v [crate::machine::Failure] {
    match (ranking, view.end()) {
        (Some(ranking), _) => &ranking.failures,
        (None, Some(End::Failed { failures, .. })) => failures,
        (None, _) => &[],
    }
}

/// Whether somebody could not start because a budget did not cover it.
fn is_budget_exhausted(view: &RunView) -> bool {
    let mut outcomes = view
        .agents
        .values()
        .filter_map(|agent| agent.outcome.as_ref());
    outcomes.any(|outcome| outcome.exit == ExitReason::BudgetExhausted)
}

async fn passed(view: &RunView, store: &dyn RefStore) -> Result<PassedReport, RefError> {
    let mut results = Vec::new();
    let mut error = None;
    match view.end() {
        Some(End::Succeeded { refs }) => {
            for id in refs {
                results.push(AgentReport::of_ref(id, store).await?);
            }
        }
        Some(End::Failed { failures, .. }) => {
            error = failures.first().map(|failure| failure.error.clone());
        }
        Some(End::Cancelled) | None => {}
    }
    Ok(PassedReport {
        run_id: view.run.clone(),
        passed: matches!(view.end(), Some(End::Succeeded { .. })),
        results,
        error,
    })
}
