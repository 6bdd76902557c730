//! `swarm peers`

use clap::Args;
use swarm_http::{
    operations::peers::{List, PeerView},
    place,
};
use swarm_peers::{
    Scope,
    peer::{Connection, Presence, Reach},
};

use super::Context;
use crate::{
    args::ScopeArg,
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::{first_line, table::table},
};

#[derive(Debug, Args)]
pub(crate) struct Peers {
    /// How far to look
    #[arg(long, value_enum, default_value_t)]
    scope: ScopeArg,
    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Also those that are gone
    #[arg(long)]
    gone: bool,
    #[command(flatten)]
    speaker: Speaker,
}

impl Peers {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let mut list = List {
            scope: self.scope.into(),
            tag: self.tag,
            gone: self.gone,
            ..List::default()
        };
        if !daemon.is_peer && list.scope != Scope::Machine {
            let config = context.config()?;
            let here = place::identity(&config.folders.current, "", None).await;
            (list.cwd, list.repository) = (Some(here.cwd), here.repository);
            list.host = Some(here.host);
        }
        let found = daemon.call(&list).await?.peers;
        context.out.list(&found, || human(&found))?;
        Ok(Exit::Ok)
    }
}

fn human(found: &[PeerView]) -> String {
    if found.is_empty() {
        return "nobody is here; sessions come by `swarm join`".to_owned();
    }
    let rows = found.iter().map(|peer| {
        let tags: Vec<&str> = peer.tags.iter().map(String::as_str).collect();
        [
            peer.name.to_string(),
            peer.id.to_string(),
            presence(peer).to_owned(),
            reach(peer.reach).to_owned(),
            peer.identity.client.clone(),
            peer.identity.cwd.clone(),
            tags.join(" "),
            first_line(peer.summary.as_deref().unwrap_or_default(), 60),
        ]
    });
    table(
        [
            "name",
            "id",
            "is",
            "reached by",
            "client",
            "folder",
            "tags",
            "works on",
        ],
        rows,
    )
}

pub(crate) fn presence(peer: &PeerView) -> &'static str {
    match (peer.connection, peer.presence) {
        (Connection::Left { .. }, _) => "gone",
        (Connection::Lost { .. }, _) => "lost",
        (Connection::Here, Presence::Busy) => "busy",
        (Connection::Here, Presence::Away) => "away",
        (Connection::Here, Presence::Dnd) => "dnd",
        (Connection::Here, Presence::Active) if peer.idle => "idle",
        (Connection::Here, Presence::Active) => "active",
    }
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Push => "push",
        Reach::Hooks => "hooks",
        Reach::Answers => "answers",
    }
}
