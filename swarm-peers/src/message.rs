//! What one peer sends to others.

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{AlertId, FileId, MessageId, PeerId, PinId, Scope, SnippetId, TaskId, task::TaskState};

/// A message as it was sent. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// Its number.
    pub id: MessageId,
    /// Who sent it.
    pub from: PeerId,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// What it says. Untrusted, as everything that another agent writes.
    pub text: String,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// The first message of the conversation; its own number if that is this one.
    pub thread: MessageId,
    /// Whether the sender wants to know when it was acted upon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_action: bool,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was brought in from another system, if it was. It is kept from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Timestamp>,
}

impl Message {
    /// One that begins a conversation. It has its number and its time once it is sent.
    pub(crate) fn new(from: PeerId, about: About, text: String) -> Self {
        Self {
            id: MessageId::default(),
            from,
            about,
            text,
            reply_to: None,
            thread: MessageId::default(),
            wants_action: false,
            sent: Timestamp::default(),
            imported: None,
        }
    }
}

/// What a message is about. Everything that a peer is told comes as a message, so that all of it waits, is delivered and is
/// proven alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum About {
    /// Words to one peer.
    Direct,
    /// Words to everybody in a scope.
    Broadcast {
        /// How far.
        scope: Scope,
    },
    /// A task was handed over, or changed.
    Task {
        /// Which.
        task: TaskId,
        /// What has become of it.
        state: TaskState,
    },
    /// A snippet was shared.
    Snippet {
        /// Which.
        snippet: SnippetId,
    },
    /// A file was shared.
    File {
        /// Which.
        file: FileId,
    },
    /// Something urgent.
    Alert {
        /// Which.
        alert: AlertId,
        /// How urgent.
        priority: Priority,
    },
    /// Something was pinned.
    Pin {
        /// Which.
        pin: PinId,
    },
    /// Somebody wants its changes reviewed.
    Review {
        /// The branch they are on.
        branch: String,
    },
    /// How the work tree of somebody stands.
    GitStatus {
        /// Its branch.
        branch: String,
        /// Its last commit, in one line.
        commit: String,
        /// How many files are changed and not committed.
        changed: u64,
    },
    /// A message of this peer that nobody will get any more.
    Undeliverable {
        /// Which.
        message: MessageId,
        /// To whom it was sent.
        to: PeerId,
    },
}

/// How urgent an alert is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Good to know.
    #[default]
    Info,
    /// Something may go wrong.
    Warning,
    /// Something goes wrong.
    Critical,
}

/// By which way a message got into a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The session was told at once, by a notification or a socket that it listens to.
    Push,
    /// With the answer to something that the session asked.
    Answer,
    /// By a hook of the session.
    Hook,
    /// The session asked for its messages.
    Inbox,
}

impl Way {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Answer => "answer",
            Self::Hook => "hook",
            Self::Inbox => "inbox",
        }
    }
}
