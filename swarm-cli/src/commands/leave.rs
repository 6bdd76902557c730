//! `swarm leave`

use clap::Args;
use swarm_http::operations::peers;

use super::Context;
use crate::{
    daemon::{self, Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Leave {
    #[command(flatten)]
    speaker: Speaker,
}

impl Leave {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let me = daemon.call(&peers::Me {}).await?.peer;
        let done = daemon.call(&peers::Leave {}).await?;
        daemon::home(context)?.forget_peer(&me.id)?;
        context.out.answer(&done, || {
            format!(
                "{} has left; what is sent to it waits until it joins again",
                me.name
            )
        })?;
        Ok(Exit::Ok)
    }
}
