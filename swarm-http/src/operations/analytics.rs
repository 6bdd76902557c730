//! What everybody has done so far.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_peers::{PeerId, PeerName, peer::Connection, tally::Tally, task::TaskState};

use super::operation;
use crate::{App, Caller, Failure, operation::Perform};

/// What everybody has done so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Only this peer: an id or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

/// What one peer has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerTally {
    /// Which.
    pub id: PeerId,
    /// What it is called.
    pub name: PeerName,
    /// What it works on. Untrusted.
    pub summary: Option<String>,
    /// Whether it is there.
    pub here: bool,
    /// What it has done.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What was done so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Analytics {
    /// Who sent and got most messages first.
    pub peers: Vec<PeerTally>,
    /// How many messages were sent in each hour of the day, UTC, from 0 to 23.
    pub hours: Vec<u64>,
    /// Tasks that are kept.
    pub tasks: u64,
    /// Those of them that are completed.
    pub completed: u64,
}

operation!(
    Show,
    "analytics/show",
    Question,
    Anybody,
    "See what everybody has done",
    Analytics
);

impl Perform for Show {
    async fn perform(self, app: &App, _: Caller) -> Result<Analytics, Failure> {
        let shown = app.ask(move |state| {
            let only = match &self.peer {
                Some(address) => Some(state.find(address)?.id.clone()),
                None => None,
            };
            let peers = state.peers();
            let peers = peers.filter(|peer| only.as_ref().is_none_or(|only| peer.id == *only));
            let mut peers: Vec<PeerTally> = peers
                .map(|peer| PeerTally {
                    id: peer.id.clone(),
                    name: peer.name.clone(),
                    summary: peer.summary.clone(),
                    here: peer.connection == Connection::Here,
                    tally: peer.tally,
                })
                .collect();
            peers.sort_by_key(|peer| {
                std::cmp::Reverse(peer.tally.messages_sent + peer.tally.messages_received)
            });
            let completed = |task: &&swarm_peers::Task| task.state == TaskState::Completed;
            Ok::<_, swarm_peers::Rejection>(Analytics {
                peers,
                hours: state.hours().to_vec(),
                tasks: state.tasks().count() as u64,
                completed: state.tasks().filter(completed).count() as u64,
            })
        });
        Ok(shown.await??)
    }
}
