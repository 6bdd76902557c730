//! `swarm restart`

use clap::Args;

use super::{Context, serve::say, stop::stop};
use crate::{
    daemon::{self, Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Restart {}

impl Restart {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        stop(&daemon::home(context)?).await?;
        let daemon = Daemon::reach(context, &Speaker::default()).await?;
        say(context.out, daemon.client().address(), "")?;
        Ok(Exit::Ok)
    }
}
