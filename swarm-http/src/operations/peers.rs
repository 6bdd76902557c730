//! Who is here.

use std::{collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::{error_code::ErrorCode, time::Timestamp};
use swarm_peers::{
    Event, Identity, Peer, PeerId, PeerName, Scope, State,
    peer::{self, Connection, Happened, Presence, Reach},
    tally::Tally,
};
use uuid::Uuid;

use super::{Done, operation};
use crate::{
    App, Caller, Failure,
    credentials::{credential, hashed, new_secret, secret_in},
    operation::Perform,
};

/// Lets a session in, or in again: the same identity is the same peer, with its name and its mailbox.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Who it is.
    pub identity: Identity,
    /// How it would like to be called; a number is added if somebody else is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PeerName>,
    /// How messages get into its session.
    #[serde(default)]
    pub reach: Reach,
    /// The credential that it was given before, if it remembers that. Needed while another connection of it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// As whom a session was let in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    /// Its id, for good.
    pub id: PeerId,
    /// What it is called.
    pub name: PeerName,
    /// What it shows from now on, as `Authorization: Bearer …`. A secret; earlier ones no longer count.
    pub credential: String,
    /// Whether it was here before.
    pub came_back: bool,
    /// How many messages wait for it.
    pub waiting: usize,
}

operation!(
    Join,
    "peers/join",
    Command,
    Owner,
    "Let a session in as a peer",
    Joined
);

impl Perform for Join {
    async fn perform(self, app: &App, by: Caller) -> Result<Joined, Failure> {
        let id = Uuid::new_v4().simple().to_string();
        let id = PeerId::new(id.get(..8).unwrap_or(&id))
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
        let secret = new_secret();
        let join = peer::Join {
            id,
            name: self.name,
            identity: self.identity,
            credential: hashed(&secret),
            former: self.credential.as_deref().and_then(secret_in).map(hashed),
            reach: self.reach,
        };
        let request = peer::Request::Join(Box::new(join));
        let answer = move |state: &State, events: &[Event]| {
            let Some(Event::Peer(happened)) = events.first() else {
                return None;
            };
            let (id, name, came_back) = match happened {
                Happened::Joined { peer, name, .. } => (peer, name, false),
                Happened::CameBack { peer, name, .. } => (peer, name, true),
                _ => return None,
            };
            Some(Joined {
                id: id.clone(),
                name: name.clone(),
                credential: credential(id, &secret),
                came_back,
                waiting: state.peer(id).map_or(0, |peer| peer.mailbox.len()),
            })
        };
        let joined = app.make(&by, request, answer).await?;
        app.note(&joined.id, true);
        Ok(joined)
    }
}

/// Says goodbye. What is sent to it from now on waits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leave {}

operation!(Leave, "peers/leave", Command, Anybody, "Say goodbye", Done);

impl Perform for Leave {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        app.done(&by, peer::Request::Leave).await
    }
}

/// A peer as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerView {
    /// Its id, for good.
    pub id: PeerId,
    /// What it is called.
    pub name: PeerName,
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// What it works on, in its own words. Untrusted.
    pub summary: Option<String>,
    /// Words by which it can be found.
    pub tags: BTreeSet<String>,
    /// What it says of itself.
    pub presence: Presence,
    /// Whether it is there.
    pub connection: Connection,
    /// Whether it has done nothing for a while.
    pub idle: bool,
    /// How messages get into its session.
    pub reach: Reach,
    /// How many messages it has not seen.
    pub waiting: usize,
    /// When it came first, in milliseconds since 1970.
    pub joined: Timestamp,
    /// For how many seconds nothing was heard of it; absent if not since the daemon began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_for: Option<u64>,
}

impl PeerView {
    pub(crate) fn new(peer: &Peer, silent: Option<Duration>) -> Self {
        Self {
            id: peer.id.clone(),
            name: peer.name.clone(),
            identity: peer.identity.clone(),
            summary: peer.summary.clone(),
            tags: peer.tags.clone(),
            presence: peer.presence,
            connection: peer.connection,
            idle: peer.idle,
            reach: peer.reach,
            waiting: peer.mailbox.len(),
            joined: peer.joined,
            silent_for: silent.map(|silent| silent.as_secs()),
        }
    }
}

/// Who there is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// How far to look, seen from who asks.
    #[serde(default)]
    pub scope: Scope,
    /// Only those with this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Also those that are gone and not forgotten.
    #[serde(default)]
    pub gone: bool,
    /// For the owner, who is in no folder: the folder from which `scope` is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// For the owner: the repository from which `scope` is seen, as `git rev-parse --git-common-dir` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// For the owner: the machine from which `scope` is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Peers, in the order of their ids, without who asks and without the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerList {
    /// Who there is.
    pub peers: Vec<PeerView>,
}

operation!(
    List,
    "peers/list",
    Question,
    Anybody,
    "See who is here",
    PeerList
);

impl Perform for List {
    async fn perform(self, app: &App, by: Caller) -> Result<PeerList, Failure> {
        let attendance = std::sync::Arc::clone(&app.attendance);
        let me = by.peer();
        app.ask(move |state| {
            let from = match (&by, state.peer(&me)) {
                (Caller::Peer(_), Some(peer)) => peer.identity.clone(),
                _ => Identity {
                    client: String::new(),
                    host: self.host.clone().unwrap_or_default(),
                    cwd: self.cwd.clone().unwrap_or_default(),
                    session: None,
                    worktree: None,
                    repository: self.repository.clone(),
                    tty: None,
                    pid: None,
                },
            };
            let found = state.peers().filter(|peer| {
                peer.id != me
                    && !peer.id.is_user()
                    && (self.gone || peer.connection == Connection::Here)
                    && from.sees(&peer.identity, self.scope)
                    && self.tag.as_ref().is_none_or(|tag| peer.tags.contains(tag))
            });
            let peers = found.map(|peer| PeerView::new(peer, attendance.last_seen(&peer.id)));
            PeerList {
                peers: peers.collect(),
            }
        })
        .await
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Me {}

/// Who asks, and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Myself {
    /// As others see it.
    #[serde(flatten)]
    pub peer: PeerView,
    /// What it has done so far.
    pub tally: Tally,
}

operation!(Me, "peers/me", Question, Anybody, "See who you are", Myself);

impl Perform for Me {
    async fn perform(self, app: &App, by: Caller) -> Result<Myself, Failure> {
        let me = by.peer();
        let found = app
            .ask(move |state| {
                state.find(me.as_str()).map(|peer| Myself {
                    peer: PeerView::new(peer, None),
                    tally: peer.tally,
                })
            })
            .await?;
        Ok(found?)
    }
}

/// Says that a session is still there. Needed only without an open connection, at least once in 60 seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {}

operation!(
    Heartbeat,
    "peers/heartbeat",
    Question,
    Anybody,
    "Say that you are still there",
    Done
);

impl Perform for Heartbeat {
    async fn perform(self, _: &App, _: Caller) -> Result<Done, Failure> {
        // That it was asked for is the sign.
        Ok(Done {})
    }
}

/// Asks to be called something else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// How; nobody else may be called so.
    pub name: PeerName,
}

operation!(
    Rename,
    "peers/rename",
    Command,
    Anybody,
    "Choose another name",
    Done
);

impl Perform for Rename {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = peer::Request::Rename { name: self.name };
        app.done(&by, request).await
    }
}

/// Says what a session works on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSummary {
    /// At most 1,000 characters; absent or empty takes it back.
    #[serde(default)]
    pub summary: Option<String>,
}

operation!(
    SetSummary,
    "peers/set-summary",
    Command,
    Anybody,
    "Say what you work on",
    Done
);

impl Perform for SetSummary {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let summary = self.summary;
        let request = peer::Request::SetSummary { summary };
        app.done(&by, request).await
    }
}

/// Says by which words a session can be found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTags {
    /// At most 32, of at most 64 bytes each; they replace those before.
    pub tags: BTreeSet<String>,
}

operation!(
    SetTags,
    "peers/set-tags",
    Command,
    Anybody,
    "Say by which words you can be found",
    Done
);

impl Perform for SetTags {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = peer::Request::SetTags { tags: self.tags };
        app.done(&by, request).await
    }
}

/// Says how busy a session is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPresence {
    /// How.
    pub presence: Presence,
}

operation!(
    SetPresence,
    "peers/set-presence",
    Command,
    Anybody,
    "Say how busy you are",
    Done
);

impl Perform for SetPresence {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let presence = self.presence;
        let request = peer::Request::SetPresence { presence };
        app.done(&by, request).await
    }
}
