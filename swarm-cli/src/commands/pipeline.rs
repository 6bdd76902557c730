//! `swarm pipeline`

mod check;
mod run;
mod schema;

use clap::Subcommand;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Pipeline {
    /// Say everything that is wrong with a pipeline
    Check(check::Check),
    /// Run a pipeline
    Run(run::Run),
    /// Print the JSON Schema of pipelines, for editors
    Schema(schema::Schema),
}

impl Pipeline {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Check(command) => command.execute(context),
            Self::Run(command) => command.execute(context).await,
            Self::Schema(command) => command.execute(),
        }
    }
}
