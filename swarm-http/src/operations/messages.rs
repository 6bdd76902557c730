//! Words from one peer to others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;
use swarm_peers::{
    DeadLetter, Event, Message, MessageId, PeerId, PeerName, Scope, State,
    peer::{Connection, Presence, Reach},
    post::{self, Happened},
};

use super::operation;
use crate::{App, Caller, Failure, operation::Perform};

/// Tells one peer something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Whom: an id or a name. Who is gone gets it when it comes back.
    pub to: String,
    /// What.
    pub text: String,
    /// The message that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// Whether you want to be told when the recipient has acted upon it.
    #[serde(default)]
    pub wants_action: bool,
}

/// A message was stored, and is not lost any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// Its number.
    pub message: MessageId,
    /// For whom it waits.
    pub to: Vec<Recipient>,
}

/// For whom a message waits, and what is to be expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recipient {
    /// Its id.
    pub id: PeerId,
    /// What it is called.
    pub name: PeerName,
    /// Whether it is there.
    pub connection: Connection,
    /// What it says of itself.
    pub presence: Presence,
    /// How messages get into its session.
    pub reach: Reach,
}

/// The message among `events`, if one was sent.
pub(crate) fn sent(state: &State, events: &[Event]) -> Option<Sent> {
    events.iter().find_map(|event| match event {
        Event::Post(Happened::Sent { message, to }) => Some(Sent {
            message: message.id,
            to: to.iter().filter_map(|id| recipient(state, id)).collect(),
        }),
        _ => None,
    })
}

fn recipient(state: &State, id: &PeerId) -> Option<Recipient> {
    let peer = state.peer(id)?;
    Some(Recipient {
        id: peer.id.clone(),
        name: peer.name.clone(),
        connection: peer.connection,
        presence: peer.presence,
        reach: peer.reach,
    })
}

operation!(
    Send,
    "messages/send",
    Command,
    Anybody,
    "Tell one peer something",
    Sent
);

impl Perform for Send {
    async fn perform(self, app: &App, by: Caller) -> Result<Sent, Failure> {
        let request = post::Request::Send {
            to: self.to,
            text: self.text,
            reply_to: self.reply_to,
            wants_action: self.wants_action,
        };
        app.command(&by, request, sent)
            .await?
            .ok_or_else(nothing_sent)
    }
}

fn nothing_sent() -> Failure {
    Failure::new(
        swarm_core::error_code::ErrorCode::Internal,
        "nothing was sent, and nothing refused",
    )
}

/// Tells everybody something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// Everybody where.
    #[serde(default)]
    pub scope: Scope,
    /// What.
    pub text: String,
}

/// To how many it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BroadcastSent {
    /// Its number; absent if nobody else is there.
    pub message: Option<MessageId>,
    /// For whom it waits.
    pub to: Vec<Recipient>,
}

/// To whom something went, which may be nobody.
pub(crate) fn sent_to_any(state: &State, events: &[Event]) -> BroadcastSent {
    let sent = sent(state, events);
    BroadcastSent {
        message: sent.as_ref().map(|sent| sent.message),
        to: sent.map(|sent| sent.to).unwrap_or_default(),
    }
}

operation!(
    Broadcast,
    "messages/broadcast",
    Command,
    Anybody,
    "Tell everybody something",
    BroadcastSent
);

impl Perform for Broadcast {
    async fn perform(self, app: &App, by: Caller) -> Result<BroadcastSent, Failure> {
        let request = post::Request::Broadcast {
            scope: self.scope,
            text: self.text,
        };
        app.command(&by, request, sent_to_any).await
    }
}

/// Messages that nobody will get any more.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dead {}

/// A message that nobody will get any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadMessage {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// Who was to get it.
    pub to: PeerId,
    /// When it was given up, in milliseconds since 1970.
    pub given_up: Timestamp,
}

impl From<&DeadLetter> for DeadMessage {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            message: Message::clone(&letter.message),
            to: letter.to.clone(),
            given_up: letter.at,
        }
    }
}

/// Dead letters, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadList {
    /// Those from or to who asks; for the owner, all.
    pub messages: Vec<DeadMessage>,
}

operation!(
    Dead,
    "messages/dead",
    Question,
    Anybody,
    "See what could not be delivered",
    DeadList
);

impl Perform for Dead {
    async fn perform(self, app: &App, by: Caller) -> Result<DeadList, Failure> {
        app.ask(move |state| {
            let letters = state.dead_letters().rev();
            let letters = letters.filter(|letter| match &by {
                Caller::Owner => true,
                Caller::Peer(me) => letter.to == *me || letter.message.from == *me,
            });
            DeadList {
                messages: letters.map(DeadMessage::from).collect(),
            }
        })
        .await
    }
}
