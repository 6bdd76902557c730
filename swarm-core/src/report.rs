//! What a finished run is answered with: refs and counts, never the text of a result.
//!
//! The fields are the same wherever a run is asked for, so that a script that reads one frontend reads all.

mod agent;
mod pipeline;
mod shapes;

pub use agent::{AgentReport, Missing, resolve_prior_errors};
pub use pipeline::{PipelineReport, Spent, StepReport};
use serde::Serialize;
pub use shapes::{
    ChainReport, FailedAttempts, MapError, MapReduceReport, ParReport, RaceReport, ReduceReport,
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
}

impl Report {
    /// Answers for the run that `view` shows.
    pub async fn new(view: &RunView, store: &dyn RefStore) -> Result<Self, RefError> {
        Ok(Self::shape(view, Self::agents(view, store).await?))
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

    fn shape(view: &RunView, mut agents: Vec<AgentReport>) -> Self {
        let run = view.run.clone();
        // The end knows who won and what came last; the agents alone do not.
        let won: &[RefId] = match view.end() {
            Some(End::Succeeded { refs }) => refs,
            Some(End::Failed { .. } | End::Cancelled) | None => &[],
        };
        match &view.plan {
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
            Plan::Retry { .. } => match agents.pop_if(|last| last.is_success()) {
                Some(agent) => Self::Retry(Box::new(agent)),
                None => Self::RetryFailed(FailedAttempts::new(run, agents)),
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
        }
    }
}
