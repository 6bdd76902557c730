//! `swarm history`

use clap::Args;
use swarm_http::operations::messages::History as Ask;
use swarm_peers::MessageId;

use super::{Context, messages::all};
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only messages from or to this peer: an id or a name
    peer: Option<String>,
    /// Only those before this one
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// The most messages to show
    #[arg(long, value_name = "N", default_value = "20")]
    limit: usize,
    #[command(flatten)]
    speaker: Speaker,
}

impl History {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let ask = Ask {
            peer: self.peer,
            before: self.before.map(MessageId),
            limit: Some(self.limit),
        };
        let found = daemon.call(&ask).await?.messages;
        context.out.list(&found, || all(&found, "no messages"))?;
        Ok(Exit::Ok)
    }
}
