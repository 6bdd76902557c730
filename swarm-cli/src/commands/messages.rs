//! `swarm messages`

use clap::{Args, Subcommand};
use swarm_http::operations::messages::{Dead, DeadMessage};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::{first_line, table::table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Messages {
    /// List what could not be delivered
    Dead(DeadLetters),
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    speaker: Speaker,
}

impl Messages {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let Self::Dead(DeadLetters { speaker }) = self;
        let found = Daemon::reach(context, &speaker)
            .await?
            .call(&Dead {})
            .await?
            .messages;
        context.out.list(&found, || human(&found))?;
        Ok(Exit::Ok)
    }
}

fn human(found: &[DeadMessage]) -> String {
    if found.is_empty() {
        return "everything was delivered, or waits".to_owned();
    }
    let rows = found.iter().map(|dead| {
        [
            dead.message.id.to_string(),
            dead.message.from.to_string(),
            dead.to.to_string(),
            dead.given_up.to_string(),
            first_line(&dead.message.text, 60),
        ]
    });
    table(["message", "from", "to", "given up", "text"], rows)
}
