//! `swarm join`

use clap::Args;
use serde_json::json;
use swarm_http::{Kept, operations::peers, place};
use swarm_peers::PeerName;

use super::Context;
use crate::{
    daemon::{self, Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Join {
    /// How the session would like to be called; a number is added if somebody else is
    #[arg(long, value_parser = |name: &str| PeerName::new(name))]
    name: Option<PeerName>,
    /// The kind of program that it is
    #[arg(long, default_value = "shell")]
    client: String,
    /// What tells it from other sessions; the same is the same peer again [default: its name]
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

impl Join {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let home = daemon::home(context)?;
        let session = self
            .session
            .or_else(|| self.name.as_ref().map(ToString::to_string));
        let identity = place::identity(&config.folders.current, &self.client, session).await;
        let mut daemon = Daemon::reach(context, &Speaker::default()).await?;
        // Whoever joins again under its name shows what it was given before.
        let former = match &self.name {
            Some(name) => home.kept_peer(name.as_str())?,
            None => None,
        };
        let join = peers::Join {
            identity,
            name: self.name,
            reach: swarm_peers::peer::Reach::Answers,
            credential: former.map(|former| former.credential),
        };
        let joined = daemon.call(&join).await?;
        home.keep_peer(&Kept {
            id: joined.id.clone(),
            name: joined.name.clone(),
            credential: joined.credential.clone(),
        })?;
        let shown = json!({
            "id": joined.id, "name": joined.name, "came_back": joined.came_back, "waiting": joined.waiting,
        });
        context.out.answer(&shown, || {
            let again = if joined.came_back {
                "is here again"
            } else {
                "has joined"
            };
            format!(
                "{} {again} ({} messages wait); speak as it with --as {} or SWARM_PEER={}",
                joined.name, joined.waiting, joined.name, joined.name
            )
        })?;
        Ok(Exit::Ok)
    }
}
