//! The answer to `hunt`.

use serde::Serialize;

use super::{AgentReport, Scored};
use crate::{
    evaluate::{Score, Verdict, seeds_of_answer},
    ids::{RefId, RunId},
    machine::{Leader, StrategyAccount},
    money::Usd,
    plan::{Seeds, Strategy},
    refs::{RefError, RefStore},
    run_view::RunView,
};

/// How many characters of a seed are shown.
const PREVIEW: usize = 200;
/// How many issues a place on the leaderboard shows.
const ISSUES: usize = 3;

/// The answer to `hunt`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HuntReport {
    /// The run.
    pub run_id: RunId,
    /// Each way, in their order.
    pub strategies: Vec<StrategyReport>,
    /// The best of all that was found.
    pub leaderboard: Vec<LeaderReport>,
    /// What the run did cost: fetchers, planners and judges, also of ways that failed.
    pub grand_total_cost: Usd,
    /// All that each way found.
    pub strategy_details: Vec<StrategyDetails>,
}

/// One way, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategyReport {
    /// Its name.
    pub name: String,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// How many seeds it had.
    pub seeds_count: u32,
    /// How many results its planners made.
    pub plans_count: usize,
    /// What fetching did cost.
    pub fetch_cost: Usd,
    /// What planning did cost.
    pub plan_cost: Usd,
    /// What judging did cost.
    pub evaluation_cost: Usd,
    /// All of it.
    pub total_cost: Usd,
    /// The best result.
    pub winner_ref: Option<RefId>,
    /// How good that is.
    pub best_score: Option<Score>,
}

/// A place on the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaderReport {
    /// From 1.
    pub global_rank: u32,
    /// Which way found it.
    pub strategy: String,
    /// The result.
    #[serde(rename = "ref")]
    pub result: Option<RefId>,
    /// How good it is.
    pub score: Score,
    /// Whether it is what it is meant to be.
    pub verdict: Verdict,
    /// The first things that there are to mend.
    pub issues: Vec<String>,
    /// Why.
    pub reason: String,
    /// How the seed begins that it was made from.
    pub seed_preview: Option<String>,
}

/// All that one way found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategyDetails {
    /// Its name.
    pub name: String,
    /// Its results, the best first.
    pub ranked: Vec<Find>,
}

/// One result of a way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Find {
    /// Which way.
    pub strategy: String,
    /// How it was judged.
    #[serde(flatten)]
    pub scored: Scored,
    /// What it did cost.
    pub cost_usd: Option<Usd>,
    /// How the seed begins that it was made from.
    pub seed_preview: Option<String>,
}

impl HuntReport {
    pub(super) async fn new(
        view: &RunView,
        plan: &[Strategy],
        accounts: &[StrategyAccount],
        leaders: &[Leader],
        agents: &[AgentReport],
        store: &dyn RefStore,
    ) -> Result<Self, RefError> {
        let (mut strategies, mut details) = (Vec::new(), Vec::new());
        for (strategy, account) in plan.iter().zip(accounts) {
            let seeds = seeds(view, strategy, store).await;
            let finds = finds(view, account, &seeds, store).await?;
            strategies.push(StrategyReport::new(view, account, &finds, agents));
            details.push(StrategyDetails {
                name: account.name.to_string(),
                ranked: finds,
            });
        }
        let leaderboard = leaders.iter().map(|leader| place(leader, &details));
        Ok(Self {
            run_id: view.run.clone(),
            leaderboard: leaderboard.collect(),
            strategies,
            grand_total_cost: view.spent,
            strategy_details: details,
        })
    }
}

/// The seeds as far as they are to be had; without them there is no preview.
async fn seeds(view: &RunView, strategy: &Strategy, store: &dyn RefStore) -> Vec<String> {
    if let Seeds::Listed(seeds) = &strategy.seeds {
        return seeds.clone();
    }
    let fetcher = format!("{}.fetch", strategy.name);
    let fetched = view.agents.values().find_map(|agent| {
        let result = agent.outcome.as_ref()?.result.as_ref()?;
        (agent.agent.as_str() == fetcher).then_some(result)
    });
    let Some(fetched) = fetched else {
        return Vec::new();
    };
    let Ok(text) = store.text(fetched).await else {
        return Vec::new();
    };
    let read = tokio::task::spawn_blocking(move || {
        let bytes = text.read().ok()?;
        seeds_of_answer(&String::from_utf8_lossy(&bytes)).ok()
    });
    read.await.ok().flatten().unwrap_or_default()
}

async fn finds(
    view: &RunView,
    account: &StrategyAccount,
    seeds: &[String],
    store: &dyn RefStore,
) -> Result<Vec<Find>, RefError> {
    let scored = Scored::all(account.ranking.as_ref(), store).await?;
    let of = format!("{}.agent-", account.name);
    let finds = scored.into_iter().map(|scored| {
        let id = scored.result.as_ref();
        let outcome = id.and_then(|id| {
            let agent = view.agents.values().find(|agent| agent.agent == id.agent)?;
            agent.outcome.as_ref()
        });
        let seed = id.and_then(|id| {
            let place = id.agent.as_str().strip_prefix(&of)?.split('.').next()?;
            seeds.get(place.parse::<usize>().ok()?)
        });
        Find {
            strategy: account.name.to_string(),
            cost_usd: outcome.and_then(|outcome| outcome.cost),
            seed_preview: seed.map(|seed| seed.chars().take(PREVIEW).collect()),
            scored,
        }
    });
    Ok(finds.collect())
}

impl StrategyReport {
    fn new(
        view: &RunView,
        account: &StrategyAccount,
        finds: &[Find],
        agents: &[AgentReport],
    ) -> Self {
        let (mut fetch, mut plan, mut evaluate) = (Usd::ZERO, Usd::ZERO, Usd::ZERO);
        let prefix = format!("{}.", account.name);
        for agent in view.agents.values() {
            let Some(part) = agent.agent.as_str().strip_prefix(&prefix) else {
                continue;
            };
            let cost = match part {
                "fetch" => &mut fetch,
                judge if judge.starts_with("score-") || judge.starts_with("validator") => {
                    &mut evaluate
                }
                _ => &mut plan,
            };
            *cost = *cost + agent.counted();
        }
        let errors = account.failures.iter().map(|failure| {
            let own = agents.iter().find(|a| *a.agent_id() == failure.agent);
            let error = own.and_then(AgentReport::error).unwrap_or(&failure.error);
            match failure.agent.as_str().strip_prefix(&prefix) {
                Some("fetch") => format!("fetcher failed: {error}"),
                _ => format!("{}: {error}", failure.agent),
            }
        });
        let errors: Vec<String> = errors.collect();
        let best = finds.first().map(|find| &find.scored);
        Self {
            name: account.name.to_string(),
            error: (!errors.is_empty()).then(|| errors.join("; ")),
            seeds_count: account.seeds.unwrap_or(0),
            plans_count: finds.len(),
            fetch_cost: fetch,
            plan_cost: plan,
            evaluation_cost: evaluate,
            total_cost: fetch + plan + evaluate,
            winner_ref: best.and_then(|best| best.result.clone()),
            best_score: best.map(|best| best.score),
        }
    }
}

fn place(leader: &Leader, details: &[StrategyDetails]) -> LeaderReport {
    let own = details
        .iter()
        .find(|details| details.name == leader.strategy.as_str());
    let find = own.and_then(|own| {
        own.ranked
            .iter()
            .find(|f| f.scored.rank == leader.found.rank)
    });
    let issues = find.map(|find| find.scored.issues.iter().take(ISSUES).cloned().collect());
    LeaderReport {
        global_rank: leader.global_rank,
        strategy: leader.strategy.to_string(),
        result: leader.found.result.clone(),
        score: leader.found.score,
        verdict: leader.found.verdict,
        issues: issues.unwrap_or_default(),
        reason: find
            .map(|find| find.scored.reason.clone())
            .unwrap_or_default(),
        seed_preview: find.and_then(|find| find.seed_preview.clone()),
    }
}
