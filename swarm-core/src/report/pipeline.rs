//! The answer to a pipeline: its way, its results, and what it came to.

use serde::Serialize;

use super::AgentReport;
use crate::{
    ids::{RefId, RunId, StepId},
    machine::{Entered, PipelineState, PipelineTrace, Visit, VisitEnd},
    money::Usd,
    run_view::{AgentView, Answered, Approval, RunView},
};

/// The answer to `pipeline`. The same while it is under way, as far as it got.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineReport {
    /// The run.
    pub run_id: RunId,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How far it got.
    pub status: PipelineState,
    /// The step that is under way, or that it ended with.
    pub current_step: Option<StepId>,
    /// How many times a step was entered.
    pub steps_executed: usize,
    /// How many steps it has.
    pub total_steps: u32,
    /// The last result.
    #[serde(rename = "final")]
    pub last: Option<AgentReport>,
    /// Each time that a step was entered or left out.
    pub steps: Vec<StepReport>,
    /// Every agent that was started, evaluators and governors included, in the order of the steps.
    pub all_results: Vec<AgentReport>,
    /// What all of them cost.
    pub total_cost_usd: Usd,
    /// From the beginning to the newest event.
    pub total_duration_seconds: f64,
    /// What it may spend.
    pub budget: Spent,
    /// Whether it was in time; none if it has no deadline.
    pub deadline_met: Option<bool>,
    /// Why it ended where it did, if not after its last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same, if it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_reason: Option<String>,
    /// What a person has to answer before it goes on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// What people have answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answered>,
    /// The digest of the program that it follows.
    pub digest: String,
    /// When something last happened.
    pub last_updated: String,
}

/// What was spent of what may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// What was spent.
    pub spent: Usd,
    /// What may be spent; null without a limit.
    pub limit: Option<Usd>,
}

/// One time that a step was entered, or left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// The step.
    pub step_id: StepId,
    /// How often it was entered until then.
    pub visit: u32,
    /// How it was come to.
    pub entered: Entered,
    /// How it ended, once it has.
    pub end: Option<VisitEnd>,
    /// What came of it.
    pub refs: Vec<RefId>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What a governor decided after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// What its agents cost, governors included.
    pub cost_usd: Usd,
    /// How long its agents ran, one added to the other.
    pub duration_seconds: f64,
}

impl PipelineReport {
    pub(super) fn new(view: &RunView, trace: &PipelineTrace, agents: Vec<AgentReport>) -> Self {
        let steps: Vec<StepReport> = trace
            .visits
            .iter()
            .enumerate()
            .map(|(i, visit)| StepReport::new(visit, agents_of(view, i)))
            .collect();
        let entered = trace
            .visits
            .iter()
            .filter(|visit| visit.end != Some(VisitEnd::Skipped));
        let broken = trace.state == PipelineState::Broken;
        let won = trace.visits.iter().rev().find(|visit| {
            matches!(
                visit.end,
                Some(VisitEnd::Succeeded | VisitEnd::Failed | VisitEnd::Cancelled)
            )
        });
        let won = won.map(|visit| visit.refs.as_slice()).unwrap_or_default();
        let last = agents.iter().rfind(|agent| agent.is_among(won));
        Self {
            run_id: view.run.clone(),
            name: trace.name.clone(),
            status: trace.state,
            current_step: trace.visits.last().map(|visit| visit.step.clone()),
            steps_executed: entered.count(),
            total_steps: trace.total_steps,
            last: last.or_else(|| agents.last()).cloned(),
            steps,
            all_results: agents,
            total_cost_usd: view.spent,
            total_duration_seconds: view.updated.since(view.started).as_secs_f64(),
            budget: Spent {
                spent: view.spent,
                limit: view.limits.budget,
            },
            deadline_met: view
                .limits
                .deadline
                .map(|deadline| view.updated <= deadline),
            reason: trace.reason.clone(),
            broken_reason: trace.reason.clone().filter(|_| broken),
            approvals: view.approvals.values().cloned().collect(),
            answers: view.answers.clone(),
            digest: trace.digest.clone(),
            last_updated: view.updated.to_string(),
        }
    }
}

/// The agents of one visit.
fn agents_of(view: &RunView, visit: usize) -> impl Iterator<Item = &AgentView> {
    let agents = view.agents.iter();
    agents
        .filter(move |(at, _)| at.first().and_then(|at| usize::try_from(at).ok()) == Some(visit))
        .map(|(_, agent)| agent)
}

impl StepReport {
    fn new<'v>(visit: &Visit, agents: impl Iterator<Item = &'v AgentView>) -> Self {
        let (mut cost_usd, mut duration_seconds) = (Usd::ZERO, 0.0);
        for agent in agents {
            cost_usd = cost_usd + agent.counted();
            let outcome = agent.outcome.as_ref();
            duration_seconds += outcome.map_or(0.0, |outcome| outcome.duration.as_secs_f64());
        }
        let errors = visit
            .failures
            .iter()
            .map(|failure| format!("{}: {}", failure.agent, failure.error));
        Self {
            step_id: visit.step.clone(),
            visit: visit.number,
            entered: visit.entered,
            end: visit.end,
            refs: visit.refs.clone(),
            errors: errors.collect(),
            decision: visit.decision.clone(),
            cost_usd,
            duration_seconds,
        }
    }
}
