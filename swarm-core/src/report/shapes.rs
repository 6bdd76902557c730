//! One answer per kind of work.

use serde::Serialize;

use super::AgentReport;
use crate::{
    evaluate::{Finding, Score, Verdict},
    ids::{AgentId, RefId, RunId},
    machine::End,
};

/// The answer to `par` and `map`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParReport {
    /// The run.
    pub run_id: RunId,
    /// How many agents.
    pub total: usize,
    /// How many of them did their task.
    pub succeeded: usize,
    /// How many did not.
    pub failed: usize,
    /// One per agent, in the order of the tasks.
    pub results: Vec<AgentReport>,
}

impl ParReport {
    pub(super) fn new(run_id: RunId, results: Vec<AgentReport>) -> Self {
        let succeeded = successes(&results);
        Self {
            run_id,
            total: results.len(),
            succeeded,
            failed: results.len() - succeeded,
            results,
        }
    }
}

/// The answer to `chain`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChainReport {
    /// The run.
    pub run_id: RunId,
    /// How many stages were completed.
    pub completed_stages: usize,
    /// How many there are.
    pub total_stages: usize,
    /// The result of the last stage, if it was reached and did its task.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    pub last: Option<AgentReport>,
    /// Which stage failed, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Every agent that was started, the last included.
    pub intermediates: Vec<AgentReport>,
}

impl ChainReport {
    pub(super) fn new(
        run_id: RunId,
        total_stages: usize,
        agents: Vec<AgentReport>,
        won: &[RefId],
    ) -> Self {
        let stage = |agent: &AgentReport| {
            let name = agent.agent_id().as_str().strip_prefix("stage-")?;
            name.split('.').next()?.parse::<usize>().ok()
        };
        let last = agents.iter().rfind(|agent| agent.is_among(won)).cloned();
        // Earlier attempts at a stage may have failed as well; the last failure is the one that counts.
        let failed = agents
            .iter()
            .rfind(|agent| !agent.is_success())
            .filter(|_| last.is_none());
        let reached = agents
            .iter()
            .filter_map(stage)
            .max()
            .map_or(0, |stage| stage + 1);
        let completed_stages = failed.and_then(stage).unwrap_or(reached);
        Self {
            run_id,
            completed_stages,
            total_stages,
            last,
            error: failed.map(|agent| {
                let error = agent.error().unwrap_or("it did not end");
                format!("Stage {completed_stages} failed: {error}")
            }),
            intermediates: agents,
        }
    }
}

/// The answer to `race`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RaceReport {
    /// The run.
    pub run_id: RunId,
    /// The first to succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<AgentReport>,
    /// Set if there is no winner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many agents were started.
    pub attempted: usize,
    /// How many of them failed or were cancelled.
    pub failed: usize,
    /// All agents, if there is no winner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<AgentReport>,
}

impl RaceReport {
    pub(super) fn new(run_id: RunId, agents: Vec<AgentReport>, won: &[RefId]) -> Self {
        let attempted = agents.len();
        let failed = attempted - successes(&agents);
        let winner = agents.iter().find(|agent| agent.is_among(won)).cloned();
        let (error, results) = match winner {
            Some(_) => (None, Vec::new()),
            None => (Some("All approaches failed".to_owned()), agents),
        };
        Self {
            run_id,
            winner,
            error,
            attempted,
            failed,
            results,
        }
    }
}

/// The answer to `reduce`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReduceReport {
    /// The run.
    pub run_id: RunId,
    /// How many inputs were brought together.
    pub input_count: usize,
    /// What came of it.
    pub result: Option<AgentReport>,
}

impl ReduceReport {
    pub(super) fn new(run_id: RunId, input_count: usize, mut agents: Vec<AgentReport>) -> Self {
        Self {
            run_id,
            input_count,
            result: agents.pop(),
        }
    }
}

/// The answer to `map_reduce`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapReduceReport {
    /// The run.
    pub run_id: RunId,
    /// How many agents were mapped.
    pub map_total: usize,
    /// How many of them did their task.
    pub map_succeeded: usize,
    /// How many did not.
    pub map_failed: usize,
    /// What came of the reduction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<AgentReport>,
    /// What went wrong in the map.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub map_errors: Vec<MapError>,
    /// The agents behind `map_errors`, for an answer to a person; JSON has what went wrong alone.
    #[serde(skip)]
    pub map_failures: Vec<AgentReport>,
    /// Where it ended, if nothing was reduced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<&'static str>,
    /// Why nothing was reduced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The agents of the map, if nothing was reduced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<AgentReport>,
}

/// The answer to `guard`, and to a question that a person was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PassedReport {
    /// The run.
    pub run_id: RunId,
    /// Whether everything passed.
    pub passed: bool,
    /// What passed.
    pub results: Vec<AgentReport>,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One agent of a map that did not do its task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapError {
    /// The agent.
    pub agent_id: AgentId,
    /// What went wrong.
    pub error: String,
}

impl MapReduceReport {
    pub(super) fn new(run_id: RunId, mut agents: Vec<AgentReport>) -> Self {
        let is_reducer = |agent: &AgentReport| agent.agent_id().as_str().starts_with("reducer");
        let split = agents.iter().position(is_reducer).unwrap_or(agents.len());
        let result = agents.split_off(split).pop();
        let map_succeeded = successes(&agents);
        let map_failures: Vec<AgentReport> = agents
            .iter()
            .filter(|agent| !agent.is_success())
            .cloned()
            .collect();
        let map_errors = map_failures
            .iter()
            .map(|agent| MapError {
                agent_id: agent.agent_id().clone(),
                error: agent.error().unwrap_or_default().to_owned(),
            })
            .collect();
        let (phase, error) = match result {
            Some(_) => (None, None),
            None if map_succeeded == 0 => (Some("map"), Some("All map agents failed")),
            None => (
                Some("map"),
                Some("The run was stopped before its results were reduced"),
            ),
        };
        Self {
            run_id,
            map_total: agents.len(),
            map_succeeded,
            map_failed: agents.len() - map_succeeded,
            results: if result.is_some() { Vec::new() } else { agents },
            result,
            map_errors,
            map_failures,
            phase,
            error,
        }
    }
}

/// The answer to a `retry` that never succeeded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedAttempts {
    /// The run.
    pub run_id: RunId,
    /// That it failed, and how often.
    pub error: String,
    /// What went wrong each time.
    pub prior_errors: Vec<String>,
    /// The last attempt.
    pub last_ref: Option<AgentReport>,
}

impl FailedAttempts {
    pub(super) fn new(run_id: RunId, agents: Vec<AgentReport>, end: Option<&End>) -> Self {
        let mut attempts: Vec<(&str, Vec<String>)> = Vec::new();
        for agent in &agents {
            let name = agent.agent_id().as_str();
            let attempt = name.split('.').next().unwrap_or(name);
            if attempts.last().is_none_or(|(last, _)| *last != attempt) {
                attempts.push((attempt, Vec::new()));
            }
            if let (Some((_, errors)), Some(error)) = (attempts.last_mut(), objection(agent)) {
                errors.push(error);
            }
        }
        let errors = attempts.iter().map(|(_, errors)| errors.join("; "));
        Self {
            run_id,
            error: match without_judge(end) {
                Some(problem) => format!("Stopped after attempt {}: {problem}", attempts.len()),
                None => format!("All {} attempts failed", attempts.len()),
            },
            prior_errors: errors.collect(),
            last_ref: agents.into_iter().rfind(|agent| !is_judge(agent)),
        }
    }
}

/// Why nobody could judge an attempt, if nobody could.
fn without_judge(end: Option<&End>) -> Option<&str> {
    let Some(End::Failed { failures, .. }) = end else {
        return None;
    };
    let failure = failures.iter().find(|failure| failure.has_no_judge)?;
    Some(&failure.error)
}

/// What somebody says against an attempt: the agent itself, or who judged what it made.
fn objection(agent: &AgentReport) -> Option<String> {
    let Some((verdict, score, words)) = judgement(agent) else {
        return agent.error().map(str::to_owned);
    };
    let score = score.as_f64();
    (verdict != Verdict::Valid).then(|| {
        format!(
            "Type validation failed ({verdict}, score={score:.2}): {}",
            words.join("; ")
        )
    })
}

/// Whether something was to be read out of its answer, be it a judgement or not.
fn is_judge(agent: &AgentReport) -> bool {
    matches!(agent, AgentReport::Kept(found) if found.stamps.finding.is_some())
}

/// What an agent found, if it is one that judges.
fn judgement(agent: &AgentReport) -> Option<(Verdict, Score, &[String])> {
    let AgentReport::Kept(found) = agent else {
        return None;
    };
    let stamp = found.stamps.finding.as_ref()?;
    match stamp.finding {
        Finding::Judgement { verdict, score } => Some((verdict, score, &stamp.words)),
        _ => None,
    }
}

fn successes(agents: &[AgentReport]) -> usize {
    agents.iter().filter(|agent| agent.is_success()).count()
}
