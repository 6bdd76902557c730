//! Knows which coding agents are here, and carries messages, tasks and shared things between them.
//!
//! [`Peers`] decides and nothing else: a [`Command`] and what is known lead to [`Event`]s, and events make up what is known. Whoever
//! keeps the events keeps everything. There is no clock, no network and no disk in here.
//!
//! ```
//! use swarm_core::{decider::Decider, time::Timestamp};
//! use swarm_peers::{Command, Peers, PeerId, post};
//!
//! let (peers, mut known, now) = (Peers::default(), Default::default(), Timestamp::from_millis(1));
//! let send = post::Request::Send { to: "ottter".into(), text: "hello".into(), reply_to: None, wants_action: false };
//! let refused = peers.decide(&known, &Command::new(PeerId::user(), send), now).unwrap_err();
//! assert!(refused.to_string().starts_with("there is no peer \"ottter\""));
//! # let _: &mut swarm_peers::State = &mut known;
//! ```
//!
//! # Theory of operation
//!
//! *Who is who.* A session is recognised by its [`Identity`] when it comes back, and gets its id, its name and its mailbox again.
//! *Everything that a peer is told is a message,* whether somebody wrote it or a task changed, so all of it waits, is delivered in
//! order, and is proven alike. *A mailbox is two numbers* besides what waits in it: up to where the program of the session has taken
//! the messages, and up to where the session has seen them ([`mailbox`]).

pub mod alert;
mod command;
mod decide;
mod event;
pub mod file;
mod identity;
mod ids;
pub mod import;
pub mod mailbox;
mod message;
pub mod peer;
pub mod pin;
pub mod post;
mod rate;
mod rejection;
#[cfg(feature = "schema")]
mod schema;
mod scope;
pub mod settings;
pub mod snippet;
mod state;
mod sweep;
pub mod tally;
pub mod task;

use swarm_core::{decider::Decider, journal::Journaled, time::Timestamp};

pub use crate::{
    alert::Alert,
    command::{Command, Request},
    event::Event,
    file::File,
    identity::{Identity, Place},
    ids::{AlertId, FileId, MAX_NAME, MessageId, PeerId, PeerName, PinId, SnippetId, TaskId},
    mailbox::Mailbox,
    message::{About, Message, Priority, Way},
    peer::Peer,
    pin::Pin,
    post::DeadLetter,
    rejection::Rejection,
    scope::Scope,
    settings::Settings,
    snippet::Snippet,
    state::State,
    sweep::Sweep,
    task::Task,
};

/// Decides what happens between peers.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    settings: Settings,
}

impl Peers {
    /// Within these limits.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Decider for Peers {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(
        &self,
        state: &State,
        command: &Command,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        decide::decide(state, &self.settings, command, now)
    }

    fn evolve(state: &mut State, event: &Event, at: Timestamp) {
        match event {
            Event::Peer(happened) => peer::evolve(state, happened, at),
            Event::Post(happened) => post::evolve(state, happened, at),
            Event::Task(happened) => task::evolve(state, happened, at),
            Event::Snippet(happened) => snippet::evolve(state, happened, at),
            Event::File(happened) => file::evolve(state, happened, at),
            Event::Alert(happened) => alert::evolve(state, happened, at),
            Event::Pin(happened) => pin::evolve(state, happened, at),
            Event::Import(happened) => import::evolve(state, happened, at),
        }
    }
}

impl Journaled for Peers {
    const STREAM: &'static str = "peers";
    const EVENT_VERSION: u32 = 1;
    const STATE_VERSION: u32 = 1;

    fn kind(event: &Event) -> &'static str {
        match event {
            Event::Peer(_) => "peer",
            Event::Post(_) => "post",
            Event::Task(_) => "task",
            Event::Snippet(_) => "snippet",
            Event::File(_) => "file",
            Event::Alert(_) => "alert",
            Event::Pin(_) => "pin",
            Event::Import(_) => "import",
        }
    }
}
