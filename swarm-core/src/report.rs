//! What a finished run is answered with: refs and counts, never the text of a result.
//!
//! The fields are the same wherever a run is asked for, so that a script that reads one frontend reads all.

mod agent;
mod beam;
mod filter;
mod hunt;
mod iterate;
mod judged;
mod pipeline;
mod score_list;
mod scored;
mod shapes;

pub use agent::{AgentReport, Missing, resolve_stamps};
pub use beam::{BeamReport, Candidate};
pub use filter::{FilterReport, ValidateReport};
pub use hunt::{Find, HuntReport, LeaderReport, StrategyDetails, StrategyReport};
pub use iterate::{AttemptReport, IterateReport};
pub use pipeline::{PipelineReport, Spent, StepReport};
pub use score_list::ScoreListReport;
pub use scored::Scored;
use serde::Serialize;
pub use shapes::{
    ChainReport, FailedAttempts, MapError, MapReduceReport, ParReport, PassedReport, RaceReport,
    ReduceReport,
};

use crate::{
    ids::RefId,
    machine::{Account, End},
    plan::Plan,
    refs::{RefError, RefStore},
    run_view::RunView,
};

/// The answer to a run, in the shape of what was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// One agent.
    Run(Box<AgentReport>),
    /// Side by side; also a map.
    Par(ParReport),
    /// One after the other.
    Chain(ChainReport),
    /// The first to succeed.
    Race(RaceReport),
    /// Inputs brought together.
    Reduce(ReduceReport),
    /// A map, then its results brought together.
    MapReduce(MapReduceReport),
    /// An agent that succeeded at last.
    Retry(Box<AgentReport>),
    /// An agent that never did.
    RetryFailed(FailedAttempts),
    /// Steps that say themselves which one is next.
    Pipeline(Box<PipelineReport>),
    /// Those that are valid.
    Filter(FilterReport),
    /// Whether one thing is valid.
    Validate(Box<ValidateReport>),
    /// The best of several candidates.
    Beam(Box<BeamReport>),
    /// Made better again and again.
    Iterate(Box<IterateReport>),
    /// Ordered by how good they are.
    ScoreList(ScoreListReport),
    /// The best of what several ways found.
    Hunt(HuntReport),
    /// Those that passed a check, or that a person agreed to.
    Passed(PassedReport),
}

impl Report {
    /// Answers for the run that `view` shows.
    pub async fn new(view: &RunView, store: &dyn RefStore) -> Result<Self, RefError> {
        let agents = Self::agents(view, store).await?;
        let mut plan = &view.plan;
        while let Plan::Limit { body, .. } = plan {
            plan = body;
        }
        match judged::report(view, plan, &agents, store).await? {
            Some(report) => Ok(report),
            None => Ok(Self::shape(view, plan, agents)),
        }
    }

    /// Every agent of the run, in the order of the plan.
    pub async fn agents(
        view: &RunView,
        store: &dyn RefStore,
    ) -> Result<Vec<AgentReport>, RefError> {
        let mut agents = Vec::with_capacity(view.agents.len());
        for agent in view.agents.values() {
            agents.push(AgentReport::new(agent, store).await?);
        }
        Ok(agents)
    }

    fn shape(view: &RunView, plan: &Plan, mut agents: Vec<AgentReport>) -> Self {
        let run = view.run.clone();
        // The end knows who won and what came last; the agents alone do not.
        let won: &[RefId] = match view.end() {
            Some(End::Succeeded { refs }) => refs,
            Some(End::Failed { .. } | End::Cancelled) | None => &[],
        };
        match plan {
            Plan::Run { .. } => match agents.pop() {
                Some(agent) => Self::Run(Box::new(agent)),
                None => Self::Par(ParReport::new(run, agents)),
            },
            Plan::Seq { stages } => Self::Chain(ChainReport::new(run, stages.len(), agents, won)),
            Plan::Race { .. } => Self::Race(RaceReport::new(run, agents, won)),
            Plan::Reduce {
                inputs, body: None, ..
            } => Self::Reduce(ReduceReport::new(run, inputs.len(), agents)),
            Plan::Reduce { .. } => Self::MapReduce(MapReduceReport::new(run, agents)),
            Plan::Retry { .. } => match agents.iter().rposition(|agent| agent.is_among(won)) {
                Some(at) => Self::Retry(Box::new(agents.swap_remove(at))),
                None => Self::RetryFailed(FailedAttempts::new(run, agents, view.end())),
            },
            Plan::Par { .. }
            | Plan::Map { .. }
            | Plan::Judge { .. }
            | Plan::Iterate { .. }
            | Plan::FanOut { .. }
            | Plan::Hunt { .. }
            | Plan::Limit { .. }
            | Plan::Guard { .. }
            | Plan::Approve { .. } => Self::Par(ParReport::new(run, agents)),
            Plan::Pipeline { .. } => match &view.account {
                Some(Account::Pipeline(trace)) => {
                    Self::Pipeline(Box::new(PipelineReport::new(view, trace, agents)))
                }
                _ => Self::Par(ParReport::new(run, agents)),
            },
        }
    }

    /// The results that were asked for, without those on the way to them.
    pub fn results(&self) -> Vec<&AgentReport> {
        match self {
            Self::Run(agent) | Self::Retry(agent) => vec![agent],
            Self::Par(report) => report.results.iter().collect(),
            Self::Chain(report) => report.last.iter().collect(),
            Self::Race(report) => report.winner.iter().collect(),
            Self::Reduce(report) => report.result.iter().collect(),
            Self::MapReduce(report) => report.result.iter().collect(),
            Self::RetryFailed(report) => report.last_ref.iter().collect(),
            Self::Pipeline(report) => report.last.iter().collect(),
            Self::Filter(report) => report.results.iter().collect(),
            Self::Validate(report) => report.result.iter().collect(),
            Self::Beam(report) => report.winner.iter().collect(),
            Self::Iterate(report) => report.best_ref.iter().collect(),
            Self::Passed(report) => report.results.iter().collect(),
            // What they answer with is places, not results.
            Self::ScoreList(_) | Self::Hunt(_) => Vec::new(),
        }
    }
}
