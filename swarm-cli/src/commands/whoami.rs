//! `swarm whoami`

use clap::Args;
use swarm_http::operations::peers::Me;

use super::{Context, peers::presence};
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Whoami {
    #[command(flatten)]
    speaker: Speaker,
}

impl Whoami {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let me = daemon.call(&Me {}).await?;
        context.out.answer(&me, || {
            let peer = &me.peer;
            let mut lines = vec![format!("{} ({}), {}", peer.name, peer.id, presence(peer))];
            lines.extend(
                peer.summary
                    .as_ref()
                    .map(|text| format!("works on: {text}")),
            );
            lines.push(format!(
                "{} messages wait; {} sent, {} received",
                peer.waiting, me.tally.messages_sent, me.tally.messages_received
            ));
            lines.join("\n")
        })?;
        Ok(Exit::Ok)
    }
}
