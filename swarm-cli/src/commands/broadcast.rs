//! `swarm broadcast`

use clap::Args;
use swarm_http::operations::messages::Broadcast as Tell;

use super::{Context, send::told};
use crate::{
    args::ScopeArg,
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    words::words,
};

#[derive(Debug, Args)]
pub(crate) struct Broadcast {
    /// What; `-` reads it from stdin
    #[arg(required = true, value_name = "WORDS")]
    text: Vec<String>,
    /// Everybody where, seen from who speaks
    #[arg(long, value_enum, default_value_t)]
    scope: ScopeArg,
    #[command(flatten)]
    speaker: Speaker,
}

impl Broadcast {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let text = words(&self.text)?;
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let tell = Tell {
            scope: self.scope.into(),
            text,
        };
        let sent = daemon.call(&tell).await?;
        context.out.answer(&sent, || told(&sent))?;
        Ok(Exit::Ok)
    }
}
