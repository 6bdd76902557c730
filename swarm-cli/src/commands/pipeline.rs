//! `swarm pipeline`

mod check;
mod estimate;
mod graph;
mod list;
mod run;
mod schema;
mod simulate;

use clap::Subcommand;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Pipeline {
    /// Say everything that is wrong with a pipeline
    Check(check::Check),
    /// Run a pipeline
    Run(run::Run),
    /// Say what a pipeline may cost, and how long it may take
    Estimate(estimate::Estimated),
    /// Draw a pipeline, or a run and how far it got
    Graph(graph::Drawn),
    /// Go through a pipeline with made-up agents, and pay nothing
    Simulate(simulate::Simulated),
    /// List the saved pipelines
    List(list::List),
    /// Print the JSON Schema of pipelines, for editors
    Schema(schema::Schema),
}

impl Pipeline {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Check(command) => command.execute(context),
            Self::Run(command) => command.execute(context).await,
            Self::Estimate(command) => command.execute(context),
            Self::Graph(command) => command.execute(context).await,
            Self::Simulate(command) => command.execute(context),
            Self::List(command) => command.execute(context),
            Self::Schema(command) => command.execute(),
        }
    }
}
