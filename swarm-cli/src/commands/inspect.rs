//! `swarm inspect`

use clap::Args;
use swarm_core::ids::RefId;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The result, or the agent that never made one
    #[arg(value_name = "REF")]
    id: RefId,
}

impl Inspect {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let inspection = context.results()?.inspect(&self.id).await?;
        context
            .out
            .answer(&inspection, || inspection.file.display().to_string())?;
        Ok(Exit::Ok)
    }
}
