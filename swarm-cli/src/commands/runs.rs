//! `swarm runs`

mod approve;
mod fork;
mod kill;
mod list;
mod resume;
mod run_step;
mod show;
mod watch;

use clap::Subcommand;
pub(crate) use run_step::RunStep;
use serde::Serialize;
use swarm_core::{RunView, ids::RunId, machine::End, money::Usd, run_view::RunState};

use super::Context;
use crate::{error::CliError, exit_code::Exit, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, the newest first
    List(list::List),
    /// Show one run with all its agents
    Show(show::Show),
    /// Follow a run until it stops, and print what came of it
    Watch(watch::Watch),
    /// Stop a run for good
    Kill(kill::Kill),
    /// Finish a run that was interrupted, or whose process died; go on with a pipeline from one of its steps
    Resume(resume::Resume),
    /// Run a pipeline again from one of its steps, with a change
    Fork(fork::Fork),
    /// Agree to what a run asks
    Approve(approve::Answer),
    /// Do not agree to what a run asks
    Reject(approve::Answer),
}

impl Runs {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::List(command) => command.execute(context).await,
            Self::Show(command) => command.execute(context).await,
            Self::Watch(command) => command.execute(context).await,
            Self::Kill(command) => command.execute(context).await,
            Self::Resume(command) => command.execute(context).await,
            Self::Fork(command) => command.execute(context).await,
            Self::Approve(answer) => answer.execute(context, true).await,
            Self::Reject(answer) => answer.execute(context, false).await,
        }
    }
}

/// One run in a few words.
#[derive(Debug, Serialize)]
struct Summary {
    run_id: RunId,
    state: &'static str,
    op: &'static str,
    agents: usize,
    succeeded: usize,
    failed: usize,
    running: usize,
    spent_usd: Usd,
    /// What agents under way may cost beyond that.
    reserved_usd: Usd,
    budget_usd: Option<Usd>,
    runtime: String,
    started: String,
    updated: String,
}

impl Summary {
    fn new(view: &RunView, session: &Session) -> Self {
        let counts = view.counts();
        Self {
            run_id: view.run.clone(),
            state: state(view, session),
            op: view.plan.op(),
            // A plan does not know how many agents come of lists, jumps and governors.
            agents: view.plan.agent_count().max(view.agents.len()),
            succeeded: counts.succeeded,
            failed: counts.failed,
            running: counts.running,
            spent_usd: view.spent,
            reserved_usd: view.end().map_or_else(|| view.unaccounted(), |_| Usd::ZERO),
            budget_usd: view.limits.budget,
            runtime: view.runtime.clone(),
            started: view.started.to_string(),
            updated: view.updated.to_string(),
        }
    }

    /// The command that makes such a run.
    fn command(&self) -> String {
        self.op.replace('_', "-")
    }
}

/// The log knows what has happened; only the lock knows whether somebody is still at it.
fn state(view: &RunView, session: &Session) -> &'static str {
    match &view.state {
        RunState::Ended(End::Succeeded { .. }) => "succeeded",
        RunState::Ended(End::Failed { .. }) => "failed",
        RunState::Ended(End::Cancelled) => "cancelled",
        RunState::Open { .. } if session.is_live(&view.run) => "running",
        RunState::Open { .. } => "interrupted",
    }
}
