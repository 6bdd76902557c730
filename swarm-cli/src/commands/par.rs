//! `swarm par`

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{args::TaskArgs, error::CliError, execute::execute, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Par {
    #[command(flatten)]
    tasks: TaskArgs,
}

impl Par {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let plan = plan::par(self.tasks.branches(context)?);
        execute(context, &self.tasks.run, plan).await
    }
}
