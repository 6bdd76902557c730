//! What came of a run.

pub(crate) mod pipeline;

use std::collections::HashMap;

use serde_json::Value;
use swarm_core::{
    RunView,
    ids::{AgentId, RefId},
    machine::End,
    money::Usd,
    refs::RefStore,
    report::{AgentReport, Report},
    run_view::RunState,
};

use super::{
    Output, first_line,
    judged::judged,
    printable,
    table::{seconds, size, table},
    texts,
};
use crate::{error::CliError, playback::is_replay};

/// How many failures are shown in full.
const FAILURES_SHOWN: usize = 5;
/// How many characters of an error are shown.
const ERROR_SHOWN: usize = 2000;

/// The columns of a list of results.
pub(crate) const COLUMNS: [&str; 6] = ["ref", "state", "time", "cost", "size", "error"];

/// Prints refs, or with `text` the texts behind them.
pub(crate) async fn print_report(
    out: Output,
    store: &dyn RefStore,
    view: &RunView,
    report: &Report,
    text: bool,
) -> Result<(), CliError> {
    if text {
        let mut contents = Vec::new();
        for id in ranked(report) {
            match store.text(id).await {
                Ok(text) => contents.push(text),
                // It was judged to be unknown; the others are wanted all the same.
                Err(error) => out.warn(&error.to_string()),
            }
        }
        for agent in report.results() {
            if let AgentReport::Kept(found) = agent
                && found.is_success()
            {
                contents.push(store.text(&found.id).await?);
            }
        }
        texts(&contents)?;
        let failures = failures(view, report);
        if !failures.is_empty() || !matches!(view.end(), Some(End::Succeeded { .. })) {
            out.warn(&format!("{failures}{}", summary(view)));
        }
        return Ok(());
    }
    let mut value = serde_json::to_value(report).unwrap_or_default();
    add_state(&mut value, view);
    out.answer(&value, || {
        let table = judged(report).unwrap_or_else(|| {
            let rows = rows(view, agents(report));
            match rows.as_slice() {
                [] => String::new(),
                _ => format!("{}\n\n", table(COLUMNS, rows)),
            }
        });
        let way = match report {
            Report::Pipeline(report) => pipeline::way(report),
            _ => String::new(),
        };
        format!("{way}{table}{}{}", failures(view, report), summary(view))
    })
}

/// The best of those that were ranked, the best first, if the answer is a ranking. Only they are named in it, not what is known of them.
fn ranked(report: &Report) -> Vec<&RefId> {
    match report {
        Report::ScoreList(report) => report.winners.iter().collect(),
        Report::Hunt(report) => {
            let leaders = report.leaderboard.iter();
            leaders
                .filter_map(|leader| leader.result.as_ref())
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A run that is not over must not look like one that is.
fn add_state(value: &mut Value, view: &RunView) {
    let state = match &view.state {
        RunState::Ended(End::Succeeded { .. } | End::Failed { .. }) => return,
        RunState::Ended(End::Cancelled) => "cancelled",
        RunState::Open { .. } => "interrupted",
    };
    if let Value::Object(fields) = value {
        fields.insert("run_id".to_owned(), view.run.to_string().into());
        fields.insert("state".to_owned(), state.into());
    }
}

/// The agents that an answer names.
fn agents(report: &Report) -> Vec<&AgentReport> {
    match report {
        Report::Chain(chain) => chain.intermediates.iter().collect(),
        Report::Race(race) if race.winner.is_none() => race.results.iter().collect(),
        Report::MapReduce(report) if report.result.is_none() => report.results.iter().collect(),
        // A reduction of what is left looks like one of everything, but for those who are missing from it.
        Report::MapReduce(report) => report.map_failures.iter().chain(&report.result).collect(),
        Report::Pipeline(report) => report.all_results.iter().collect(),
        other => other.results(),
    }
}

/// The rows of agents of a run whose total is shown, too: their costs are what that has of them.
pub(crate) fn rows<'r>(
    view: &RunView,
    agents: impl IntoIterator<Item = &'r AgentReport>,
) -> Vec<[String; 6]> {
    let counted: HashMap<&AgentId, Usd> = view
        .agents
        .values()
        .map(|agent| (&agent.agent, agent.counted()))
        .collect();
    let agents = agents.into_iter().map(|agent| {
        let mut row = row(agent);
        if let Some(counted) = counted.get(agent.agent_id()) {
            let [_, _, _, cost, ..] = &mut row;
            *cost = in_total(agent, *counted);
        }
        row
    });
    agents.collect()
}

/// What the total has of an agent. Where nobody knows what it did cost, that is what was set aside.
fn in_total(agent: &AgentReport, counted: Usd) -> String {
    let told = match agent {
        AgentReport::Kept(found) => found.cost_usd,
        // The total tells apart what is set aside for agents under way.
        AgentReport::Missing(missing) if missing.exit.is_none() && counted == Usd::ZERO => {
            return "-".to_owned();
        }
        AgentReport::Missing(missing) => missing.cost_usd,
    };
    if told == Some(counted) {
        counted.to_string()
    } else {
        format!("up to {counted}")
    }
}

pub(crate) fn row(agent: &AgentReport) -> [String; 6] {
    match agent {
        AgentReport::Kept(found) => [
            found.id.to_string(),
            if found.stamps.cached {
                "cached".to_owned()
            } else {
                found.exit.to_string()
            },
            seconds(found.duration_seconds),
            found
                .cost_usd
                .map_or_else(|| "?".to_owned(), |cost| cost.to_string()),
            size(found.size),
            found
                .error
                .as_deref()
                .map(|error| first_line(error, 60))
                .unwrap_or_default(),
        ],
        AgentReport::Missing(missing) => [
            format!("({})", missing.agent_id),
            missing
                .exit
                .as_ref()
                .map_or_else(|| "not ended".to_owned(), ToString::to_string),
            seconds(missing.duration_seconds),
            missing
                .cost_usd
                .map_or_else(|| "?".to_owned(), |cost| cost.to_string()),
            "-".to_owned(),
            // That it has not ended is what its state says.
            missing
                .exit
                .as_ref()
                .map(|_| first_line(&missing.error, 60))
                .unwrap_or_default(),
        ],
    }
}

/// What went wrong in full, for the first few: a table has no room for the next step.
fn failures(view: &RunView, report: &Report) -> String {
    let failed = match view.end() {
        Some(End::Failed { failures, .. }) => failures.as_slice(),
        Some(End::Succeeded { .. }) => &[],
        Some(End::Cancelled) | None => return String::new(),
    };
    let agents = agents(report);
    let mut failures: Vec<(&AgentId, &str)> = match report {
        Report::MapReduce(report) => report
            .map_failures
            .iter()
            .map(|agent| (agent.agent_id(), agent.error().unwrap_or_default()))
            .collect(),
        _ => Vec::new(),
    };
    for failure in failed {
        if failures.iter().all(|(agent, _)| **agent != failure.agent) {
            let reported = agents.iter().find(|a| *a.agent_id() == failure.agent);
            let error = reported.and_then(|agent| agent.error());
            failures.push((&failure.agent, error.unwrap_or(&failure.error)));
        }
    }
    if failures.is_empty() {
        return String::new();
    }
    let mut lines: Vec<String> = failures
        .iter()
        .take(FAILURES_SHOWN)
        .map(|(agent, error)| {
            let error: String = error.chars().take(ERROR_SHOWN).collect();
            format!("{agent}: {}\n", printable(&error))
        })
        .collect();
    if failures.len() > FAILURES_SHOWN {
        lines.push(format!("and {} more\n", failures.len() - FAILURES_SHOWN));
    }
    format!("{}\n", lines.concat())
}

/// The command that goes on with an interrupted run.
pub(crate) fn how_to_resume(view: &RunView) -> String {
    let budget = view.budget_to_resume();
    let budget = budget.map(|budget| format!(" --budget {}", f64::from(budget)));
    let replay = if is_replay(view) {
        " --replay FOLDER"
    } else {
        ""
    };
    format!(
        "swarm runs resume {}{}{replay}",
        view.run,
        budget.unwrap_or_default()
    )
}

fn summary(view: &RunView) -> String {
    let counts = view.counts();
    let under_way = match (view.end(), view.unaccounted()) {
        (Some(_), _) | (None, Usd::ZERO) => String::new(),
        (None, more) => format!(" and up to {more} by those under way"),
    };
    let outcomes = view
        .agents
        .values()
        .filter_map(|agent| agent.outcome.as_ref());
    let cached = match outcomes.filter(|outcome| outcome.cached).count() {
        0 => String::new(),
        cached => format!(" ({cached} from the cache)"),
    };
    let done = format!(
        "{} succeeded{cached}, {} failed, {} spent{under_way}",
        counts.succeeded, counts.failed, view.spent
    );
    match &view.state {
        RunState::Ended(End::Succeeded { refs }) => match refs.first() {
            Some(id) => format!("{done}; `swarm unwrap {id}` reads a result"),
            None => done,
        },
        RunState::Ended(End::Failed { failures, .. }) => {
            // Who never started has left nothing to inspect.
            match failures.iter().find_map(|failure| failure.result.as_ref()) {
                Some(id) => format!("{done}; `swarm inspect {id}` tells more"),
                None => done,
            }
        }
        RunState::Ended(End::Cancelled) => format!("cancelled: {done}; what had finished is kept"),
        RunState::Open { .. } => {
            format!(
                "stopped: {done}; what had finished is kept, and `{}` goes on",
                how_to_resume(view)
            )
        }
    }
}
