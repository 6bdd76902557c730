//! What is brought in from another system: an event like any other, and said to be one. Each thing comes once, however often it is
//! brought.
//!
//! Rates do not apply, room does. Nothing is brought in in the name of a peer that shows a secret.

mod bring;

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};
use swarm_core::{hash::Hasher, time::Timestamp};

use crate::{
    Alert, File, Identity, Mailbox, Message, PeerId, PeerName, Pin, Place, Priority, Snippet, Task,
    file::Blob,
    peer::{Connection, Peer, Presence, Reach, SHOWS_NOTHING},
    rate::Rate,
    snippet::Content,
    state::State,
    tally::Tally,
    task::TaskState,
};

pub(crate) use bring::decide;

/// By what a thing is known to have come already: a hash of what never changes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key(u64, u64);

impl Key {
    /// The same for the same parts only.
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Hasher::new();
        for part in parts {
            hash.add(&part.len().to_le_bytes());
            hash.add(part.as_bytes());
        }
        let hex = hash.finish();
        let half = |range| hex.get(range).map(|part| u64::from_str_radix(part, 16));
        let half = |range| half(range).and_then(Result::ok).unwrap_or_default();
        Self(half(0..16), half(16..32))
    }
}

/// Something to bring in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Item {
    /// What makes it the same thing when it is brought again.
    pub key: Key,
    /// Its number where it comes from. It keeps it if that is free and lies ahead.
    pub number: u64,
    /// What.
    pub thing: Thing,
}

/// What can be brought in. Times are those of the other system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of what they become")]
#[non_exhaustive]
pub enum Thing {
    /// A session that is not here now. It is again once one comes from the same place, or says that it has this id.
    Peer {
        id: PeerId,
        place: Place,
        summary: String,
        tags: BTreeSet<String>,
        presence: Presence,
        joined: Timestamp,
    },
    /// A message to one peer. It waits, unless it was delivered.
    Message {
        from: PeerId,
        to: PeerId,
        text: String,
        sent: Timestamp,
        delivered: bool,
    },
    /// A task, as far as it is. Nobody is told.
    Task {
        from: PeerId,
        to: PeerId,
        description: String,
        deadline: Option<String>,
        state: TaskState,
        result: Option<String>,
        created: Timestamp,
        updated: Timestamp,
    },
    /// A snippet.
    Snippet {
        author: PeerId,
        title: String,
        language: String,
        content: Content,
        created: Timestamp,
    },
    /// A file, whose bytes are kept already.
    File {
        author: PeerId,
        name: String,
        mime: String,
        blob: Blob,
        created: Timestamp,
    },
    /// An alert.
    Alert {
        from: PeerId,
        to: PeerId,
        message: String,
        priority: Priority,
        created: Timestamp,
        acknowledged: bool,
    },
    /// A pin.
    Pin {
        author: PeerId,
        content: String,
        created: Timestamp,
    },
}

/// What was brought in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is the thing as it is here, under the key by which it is known"
)]
#[non_exhaustive]
pub enum Happened {
    /// A session that is gone.
    Peer {
        key: Key,
        peer: PeerId,
        name: PeerName,
        identity: Box<Identity>,
        summary: Option<String>,
        tags: BTreeSet<String>,
        presence: Presence,
        joined: Timestamp,
    },
    /// A message, which waits unless it was seen.
    Message {
        key: Key,
        message: Arc<Message>,
        to: PeerId,
        seen: bool,
    },
    /// A task.
    Task { key: Key, task: Task },
    /// A snippet.
    Snippet { key: Key, snippet: Snippet },
    /// A file.
    File { key: Key, file: File },
    /// An alert.
    Alert { key: Key, alert: Alert },
    /// A pin.
    Pin { key: Key, pin: Pin },
}

impl Happened {
    /// By what it is known.
    pub const fn key(&self) -> Key {
        match self {
            Self::Peer { key, .. }
            | Self::Message { key, .. }
            | Self::Task { key, .. }
            | Self::Snippet { key, .. }
            | Self::File { key, .. }
            | Self::Alert { key, .. }
            | Self::Pin { key, .. } => *key,
        }
    }
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    state.things.imported.insert(happened.key());
    match happened {
        Happened::Peer {
            peer,
            name,
            identity,
            summary,
            tags,
            presence,
            joined,
            ..
        } => state.add(Peer {
            id: peer.clone(),
            name: name.clone(),
            identity: identity.as_ref().clone(),
            credential: SHOWS_NOTHING.to_owned(),
            summary: summary.clone(),
            tags: tags.clone(),
            presence: *presence,
            // Since now: it would be forgotten at once if it were gone for as long as it is.
            connection: Connection::Left { since: at },
            idle: false,
            reach: Reach::Push,
            joined: *joined,
            mailbox: Mailbox::default(),
            tally: Tally::default(),
            rate: Rate::default(),
        }),
        Happened::Message {
            message, to, seen, ..
        } => {
            message_came(state, message, to, *seen);
        }
        Happened::Task { task, .. } => {
            let last = &mut state.things.last_task;
            *last = (*last).max(task.id);
            let to = task.to.clone();
            if let Some(to) = &to {
                count(state, to, |tally| &mut tally.tasks_assigned);
            }
            if task.state == TaskState::Completed {
                state.things.tasks_completed += 1;
                if let Some(to) = &to {
                    count(state, to, |tally| &mut tally.tasks_completed);
                }
            }
            state.things.tasks.insert(task.id, task.clone());
        }
        Happened::Snippet { snippet, .. } => {
            let last = &mut state.things.last_snippet;
            *last = (*last).max(snippet.id);
            count(state, &snippet.author, |tally| &mut tally.snippets_shared);
            state.things.snippets.insert(snippet.id, snippet.clone());
        }
        Happened::File { file, .. } => {
            let last = &mut state.things.last_file;
            *last = (*last).max(file.id);
            count(state, &file.author, |tally| &mut tally.files_shared);
            state.things.files.insert(file.id, file.clone());
        }
        Happened::Alert { alert, .. } => {
            let last = &mut state.things.last_alert;
            *last = (*last).max(alert.id);
            count(state, &alert.from, |tally| &mut tally.alerts_sent);
            state.things.alerts.insert(alert.id, alert.clone());
        }
        Happened::Pin { pin, .. } => {
            let last = &mut state.things.last_pin;
            *last = (*last).max(pin.id);
            state.things.pins.insert(pin.id, pin.clone());
        }
    }
}

fn count(state: &mut State, peer: &PeerId, of: impl FnOnce(&mut Tally) -> &mut u64) {
    if let Some(peer) = state.peer_mut(peer) {
        *of(&mut peer.tally) += 1;
    }
}

fn message_came(state: &mut State, message: &Arc<Message>, to: &PeerId, seen: bool) {
    let last = &mut state.things.last_message;
    *last = (*last).max(message.id);
    let hour = usize::try_from(message.sent.seconds() / 3600 % 24).unwrap_or(0);
    if let Some(count) = state.things.hours.get_mut(hour) {
        *count += 1;
    }
    count(state, &message.from, |tally| &mut tally.messages_sent);
    count(state, to, |tally| &mut tally.messages_received);
    if let Some(to) = state.peer_mut(to).filter(|_| !seen) {
        to.mailbox.put(Arc::clone(message));
    }
}
