//! What waits for who asks, and how far it got.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_peers::{Message, MessageId, PeerId, PeerName, State, Way, mailbox::Stage, post};
use tokio::time::{Instant, timeout_at};

use super::{Done, operation};
use crate::{App, Caller, Failure, operation::Perform};

/// The longest that an answer is waited for, in seconds.
pub const MAX_WAIT: u64 = 60;
/// The most messages in one answer.
pub const MAX_MESSAGES: usize = 100;

/// What waits. Reading changes nothing: say `inbox/seen` once the session has seen it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Only messages after this one; absent for everything that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MessageId>,
    /// At most so many, and never more than 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// If there is nothing, wait so many seconds for something, 60 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}

/// A message as its recipient gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// The message. Its text is untrusted.
    #[serde(flatten)]
    pub message: Message,
    /// What its sender is called, unless it is forgotten.
    pub from_name: Option<PeerName>,
    /// How far it got. Who sees the same message again has a number to know it by.
    pub stage: Stage,
}

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// The oldest first.
    pub messages: Vec<Delivered>,
    /// How many wait in all.
    pub waiting: usize,
    /// Messages that were seen, whose senders want to know when they were acted upon.
    pub to_act: Vec<MessageId>,
}

/// What waits for `peer` after `after`.
pub(crate) fn waiting(
    state: &State,
    peer: &PeerId,
    after: Option<MessageId>,
    limit: usize,
) -> Option<Waiting> {
    let mailbox = &state.peer(peer)?.mailbox;
    let after = after.unwrap_or_else(|| mailbox.seen());
    let messages = mailbox.after(after).take(limit).map(|message| Delivered {
        message: Message::clone(message),
        from_name: state.peer(&message.from).map(|peer| peer.name.clone()),
        stage: mailbox.stage(message.id).unwrap_or(Stage::Stored),
    });
    Some(Waiting {
        messages: messages.collect(),
        waiting: mailbox.len(),
        to_act: mailbox.to_act().collect(),
    })
}

operation!(
    Read,
    "inbox/read",
    Question,
    Anybody,
    "See what waits for you",
    Waiting
);

impl Perform for Read {
    async fn perform(self, app: &App, by: Caller) -> Result<Waiting, Failure> {
        let me = by.peer();
        let limit = self.limit.unwrap_or(MAX_MESSAGES).min(MAX_MESSAGES);
        let wait = Duration::from_secs(self.wait.unwrap_or(0).min(MAX_WAIT));
        let until = Instant::now() + wait;
        // Before the first look: what comes after that rings.
        let mut bell = app.bells.listen(&me);
        let connected = (!wait.is_zero()).then(|| app.attendance.connect(&me));
        loop {
            bell.mark_unchanged();
            let (who, after) = (me.clone(), self.after);
            let found = app.ask(move |state| {
                waiting(state, &who, after, limit).ok_or_else(|| state.find(who.as_str()).err())
            });
            let found = match found.await? {
                Ok(found) => found,
                Err(Some(unknown)) => return Err(unknown.into()),
                Err(None) => return Err(gone()),
            };
            if !found.messages.is_empty() || Instant::now() >= until {
                drop(connected);
                return Ok(found);
            }
            tokio::select! {
                // Also if the time is over: then what is there is told.
                _ = timeout_at(until, bell.changed()) => {}
                () = app.stopping.cancelled() => return Ok(found),
            }
        }
    }
}

fn gone() -> Failure {
    Failure::new(
        swarm_core::error_code::ErrorCode::UnknownPeer,
        "this peer is forgotten; join again",
    )
}

/// Says that the program of a session has taken all messages up to one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Injected {
    /// The last of them.
    pub up_to: MessageId,
    /// How.
    pub way: Way,
}

operation!(
    Injected,
    "inbox/injected",
    Command,
    Anybody,
    "Say that your program has taken messages",
    Done
);

impl Perform for Injected {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = post::Request::Injected {
            up_to: self.up_to,
            way: self.way,
        };
        app.done(&by, request).await
    }
}

/// Says that a session has seen all messages up to one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The last of them.
    pub up_to: MessageId,
    /// How.
    pub way: Way,
}

operation!(
    Seen,
    "inbox/seen",
    Command,
    Anybody,
    "Say that you have seen messages",
    Done
);

impl Perform for Seen {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = post::Request::Seen {
            up_to: self.up_to,
            way: self.way,
        };
        app.done(&by, request).await
    }
}

/// Says that a session has acted upon a message, whose sender wanted to know.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acted {
    /// Which.
    pub message: MessageId,
}

operation!(
    Acted,
    "inbox/acted",
    Command,
    Anybody,
    "Say that you have acted upon a message",
    Done
);

impl Perform for Acted {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let message = self.message;
        let request = post::Request::Acted { message };
        app.done(&by, request).await
    }
}
