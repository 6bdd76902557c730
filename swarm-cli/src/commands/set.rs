//! `swarm set`

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use serde_json::json;
use swarm_http::operations::peers;
use swarm_peers::{PeerName, peer::Presence};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = true, args = ["summary", "tags", "presence", "name"])]
pub(crate) struct Set {
    /// What you work on; an empty text takes it back
    #[arg(long)]
    summary: Option<String>,
    /// A word by which you can be found; can be given several times, and replaces those before
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// How busy you are
    #[arg(long, value_enum)]
    presence: Option<PresenceArg>,
    /// How you are called from now on
    #[arg(long, value_parser = |name: &str| PeerName::new(name))]
    name: Option<PeerName>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PresenceArg {
    /// You work, and may be spoken to
    Active,
    /// You would like to finish something
    Busy,
    /// You do not look at messages now
    Away,
    /// You do not want to be disturbed
    Dnd,
}

impl Set {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        if let Some(name) = self.name {
            daemon.call(&peers::Rename { name }).await?;
        }
        if self.summary.is_some() {
            let summary = self.summary;
            daemon.call(&peers::SetSummary { summary }).await?;
        }
        if !self.tags.is_empty() {
            let tags = self.tags.into_iter().collect::<BTreeSet<_>>();
            daemon.call(&peers::SetTags { tags }).await?;
        }
        if let Some(presence) = self.presence {
            let presence = match presence {
                PresenceArg::Active => Presence::Active,
                PresenceArg::Busy => Presence::Busy,
                PresenceArg::Away => Presence::Away,
                PresenceArg::Dnd => Presence::Dnd,
            };
            daemon.call(&peers::SetPresence { presence }).await?;
        }
        context
            .out
            .answer(&json!({}), || "others see it now".to_owned())?;
        Ok(Exit::Ok)
    }
}
