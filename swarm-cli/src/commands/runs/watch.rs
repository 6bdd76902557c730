//! `swarm runs watch`

use clap::Args;
use swarm_core::ids::RunId;

use super::super::Context;
use crate::{error::CliError, execute::known, exit_code::Exit, remote};

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The run
    run: RunId,
    /// Print the text of the results instead of refs
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

impl Watch {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        let view = known(&session, &self.run).await?;
        remote::follow(context, &session, &view, self.text).await
    }
}
