//! Words from one peer to others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::{error_code::ErrorCode, time::Timestamp};
use swarm_peers::{
    DeadLetter, Event, Message, MessageId, PeerId, PeerName, Scope, State,
    peer::{Connection, Presence, Reach},
    post::{self, Happened},
};

use super::operation;
use crate::{
    App, Caller, Failure, Shown,
    history::{self, Page, Visible},
    operation::Perform,
};

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
        app.make(&by, request, sent).await
    }
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

/// One message, and how far it got.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Which.
    pub message: MessageId,
}

operation!(
    Show,
    "messages/show",
    Question,
    Anybody,
    "See how far a message got",
    Shown
);

impl Perform for Show {
    async fn perform(self, app: &App, by: Caller) -> Result<Shown, Failure> {
        let only = self.message;
        let page = Page {
            only: Some(only),
            ..page(&by, None)
        };
        let found = app
            .history
            .ask(move |db| history::messages(db, &page))
            .await?;
        // One between others is as if it were not there.
        found.into_iter().next().ok_or_else(|| {
            Failure::new(
                ErrorCode::NotFound,
                format!(
                    "there is no message {only} from you or to you, or it is not kept any more"
                ),
            )
        })
    }
}

/// The most messages in one answer.
const MAX_PAGE: usize = 500;

/// What `by` may see.
fn page(by: &Caller, limit: Option<usize>) -> Page {
    Page {
        visible: match by {
            Caller::Owner => Visible::All,
            Caller::Peer(peer) => Visible::Of(peer.clone()),
        },
        with: None,
        only: None,
        before: None,
        words: None,
        limit: limit.unwrap_or(20).min(MAX_PAGE),
    }
}

/// Messages that were sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Only those from or to this peer: an id or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Only those before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<MessageId>,
    /// At most so many, and never more than 500; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Messages, and how far they got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageList {
    /// The newest first: those from or to who asks; for the owner, all.
    pub messages: Vec<Shown>,
}

operation!(
    History,
    "messages/history",
    Question,
    Anybody,
    "See what was sent",
    MessageList
);

impl Perform for History {
    async fn perform(self, app: &App, by: Caller) -> Result<MessageList, Failure> {
        let with = match self.peer {
            Some(address) => {
                let found = app.ask(move |state| state.find(&address).map(|peer| peer.id.clone()));
                Some(found.await??)
            }
            None => None,
        };
        let page = Page {
            with,
            before: self.before,
            ..page(&by, self.limit)
        };
        let messages = app
            .history
            .ask(move |db| history::messages(db, &page))
            .await?;
        Ok(MessageList { messages })
    }
}

/// Messages with certain words.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Every one of these words is in it.
    pub words: String,
    /// At most so many, and never more than 500; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

operation!(
    Search,
    "messages/search",
    Question,
    Anybody,
    "Search what was sent",
    MessageList
);

impl Perform for Search {
    async fn perform(self, app: &App, by: Caller) -> Result<MessageList, Failure> {
        if self.words.trim().is_empty() {
            return Err(Failure::new(
                ErrorCode::InvalidInput,
                "`words` is empty; say what to search for",
            ));
        }
        let page = Page {
            words: Some(self.words),
            ..page(&by, self.limit)
        };
        let messages = app
            .history
            .ask(move |db| history::messages(db, &page))
            .await?;
        Ok(MessageList { messages })
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
