//! What waits for one peer, and how far it got.
//!
//! Messages are delivered in the order of their numbers, so two numbers say it all: up to where they were handed to the program
//! of the session, and up to where the session itself has seen them. A message is forgotten here once it was seen, and acted
//! upon if that was asked for; until then it is here, whatever dies in between.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{Message, MessageId};

/// The messages for one peer that are not done with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Those that it has not seen.
    waiting: BTreeMap<MessageId, Arc<Message>>,
    /// Those that it has seen, of which the sender wants to know when they were acted upon.
    to_act: BTreeSet<MessageId>,
    injected: MessageId,
    seen: MessageId,
    bytes: usize,
    /// The conversations of the messages that came last, seen or not.
    threads: VecDeque<(MessageId, MessageId)>,
}

/// Of how many messages it is remembered to which conversation they belong. An answer to an older one begins a new one.
const REMEMBERED: usize = 256;

/// How far one message got with one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is kept, and waits.
    Stored,
    /// The program of the session has taken it.
    Injected,
    /// The session has seen it.
    Seen,
    /// The session says that it has acted upon it.
    Acted,
}

impl Mailbox {
    /// What the session has not seen, the oldest first.
    pub fn unseen(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.waiting.values()
    }

    /// What is still to be handed over after `after`, the oldest first. For a program that has just connected, `after` is
    /// [`seen`](Self::seen), and then the last message that was handed over on this connection.
    ///
    /// It is never [`injected`](Self::injected): a program before this one may have died with what it had taken, and once this
    /// one has shown a later message, all before that count as seen. What the same program is handed twice it drops by its number.
    pub fn after(&self, after: MessageId) -> impl Iterator<Item = &Arc<Message>> {
        self.waiting
            .range(after.next()..)
            .map(|(_, message)| message)
    }

    /// Up to where messages were handed to a program of the session, which may have died since. This tells senders how far their
    /// messages are, and not whoever hands over where to go on: see [`after`](Self::after).
    pub const fn injected(&self) -> MessageId {
        self.injected
    }

    /// Up to where the session has seen them.
    pub const fn seen(&self) -> MessageId {
        self.seen
    }

    /// How many the session has not seen.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the session has seen all.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes of text wait.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the session has seen, of which the sender wants to know when it was acted upon.
    pub fn to_act(&self) -> impl Iterator<Item = MessageId> {
        self.to_act.iter().copied()
    }

    /// How far `message` got, if it is not done with.
    pub fn stage(&self, message: MessageId) -> Option<Stage> {
        if self.to_act.contains(&message) {
            return Some(Stage::Seen);
        }
        self.waiting.get(&message).map(|_| {
            if message <= self.injected {
                Stage::Injected
            } else {
                Stage::Stored
            }
        })
    }

    /// The newest message that ever came, whatever has become of it.
    pub(crate) fn newest(&self) -> Option<MessageId> {
        self.threads.back().map(|(id, _)| *id)
    }

    /// Whether the session has not seen `message`.
    pub(crate) fn is_waiting(&self, message: MessageId) -> bool {
        self.waiting.contains_key(&message)
    }

    /// Those that were sent at or before `latest`.
    pub(crate) fn older(&self, latest: Timestamp) -> impl Iterator<Item = MessageId> {
        let since = |message: &Message| message.imported.unwrap_or(message.sent);
        let old = self.waiting.values();
        let old = old.filter(move |message| since(message) <= latest);
        old.map(|message| message.id)
    }

    /// The conversation of a message that came lately.
    pub(crate) fn thread_of(&self, message: MessageId) -> Option<MessageId> {
        let found = self.threads.iter().find(|(id, _)| *id == message);
        found.map(|(_, thread)| *thread)
    }

    pub(crate) fn put(&mut self, message: Arc<Message>) {
        if self.threads.len() >= REMEMBERED {
            self.threads.pop_front();
        }
        self.threads.push_back((message.id, message.thread));
        self.bytes = self.bytes.saturating_add(message.text.len());
        self.waiting.insert(message.id, message);
    }

    pub(crate) fn inject(&mut self, up_to: MessageId) {
        self.injected = self.injected.max(up_to);
    }

    pub(crate) fn see(&mut self, up_to: MessageId) {
        self.inject(up_to);
        self.seen = self.seen.max(up_to);
        let rest = self.waiting.split_off(&up_to.next());
        for (id, message) in std::mem::replace(&mut self.waiting, rest) {
            self.bytes = self.bytes.saturating_sub(message.text.len());
            if message.wants_action {
                self.to_act.insert(id);
            }
        }
    }

    pub(crate) fn act(&mut self, message: MessageId) {
        self.to_act.remove(&message);
    }

    /// The message itself, if it was there.
    pub(crate) fn give_up(&mut self, message: MessageId) -> Option<Arc<Message>> {
        let given_up = self.waiting.remove(&message)?;
        self.bytes = self.bytes.saturating_sub(given_up.text.len());
        Some(given_up)
    }
}
