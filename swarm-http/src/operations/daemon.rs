//! The daemon itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;
use swarm_peers::peer::Connection;

use super::{Done, operation};
use crate::{App, Caller, Failure, operation::Perform};

/// How the daemon is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {}

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Running {
    /// Which version of swarm it is.
    pub version: String,
    /// Which process.
    pub pid: u32,
    /// Since when, in milliseconds since 1970.
    pub since: Timestamp,
    /// How many peers are here.
    pub peers: usize,
    /// How many connections of peers are open.
    pub connections: usize,
    /// How many runs of agents it drives.
    pub runs: usize,
    /// How many messages were not seen.
    pub waiting: usize,
    /// The place of the newest event.
    pub head: u64,
}

operation!(
    Status,
    "daemon/status",
    Question,
    Owner,
    "See how the daemon is",
    Running
);

impl Perform for Status {
    async fn perform(self, app: &App, _: Caller) -> Result<Running, Failure> {
        let (peers, waiting) = app
            .ask(|state| {
                let here = state
                    .peers()
                    .filter(|peer| !peer.id.is_user() && peer.connection == Connection::Here);
                let waiting = state.peers().map(|peer| peer.mailbox.len()).sum();
                (here.count(), waiting)
            })
            .await?;
        Ok(Running {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: app.started,
            peers,
            connections: app.attendance.connections(),
            runs: app.runs.count(),
            waiting,
            head: app.head.borrow().0,
        })
    }
}

/// Ends the daemon: what is under way is finished, and everything is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {}

operation!(Stop, "daemon/stop", Command, Owner, "End the daemon", Done);

impl Perform for Stop {
    async fn perform(self, app: &App, _: Caller) -> Result<Done, Failure> {
        app.stopping.cancel();
        Ok(Done {})
    }
}
