//! `swarm race`

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{args::TaskArgs, error::CliError, execute::execute, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Race {
    #[command(flatten)]
    tasks: TaskArgs,
}

impl Race {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let plan = plan::race(self.tasks.branches(context)?);
        execute(context, &self.tasks.run, plan).await
    }
}
