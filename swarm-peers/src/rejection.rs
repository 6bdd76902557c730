//! Why something does not happen.

use swarm_core::{
    error_code::{Coded, ErrorCode},
    suggest::did_you_mean,
};
use thiserror::Error;

use crate::{
    AlertId, FileId, MessageId, PeerId, PeerName, PinId, SnippetId, TaskId, task::TaskState,
};

/// Why something does not happen. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Nobody has this id or name.
    #[error("there is no peer {address:?}{}; `swarm peers` shows who there is", did_you_mean(.suggestion.as_deref()))]
    UnknownPeer {
        /// What was asked for.
        address: String,
        /// A similar id or name.
        suggestion: Option<String>,
    },
    /// A session with the same identity is connected, and knows another secret.
    #[error(
        "this session is known as {peer}, which is connected already, and who asks does not know its secret; it can be joined \
         once the other has left"
    )]
    AlreadyHere {
        /// As whom it is known.
        peer: PeerId,
    },
    /// A session that shows a secret and one that shows none are never the same.
    #[error(
        "this session is known as {peer}, which came without a secret; join with another client or session id"
    )]
    ShowsNothing {
        /// As whom it is known.
        peer: PeerId,
    },
    /// Somebody who shows no secret says that it is a peer that shows one.
    #[error("{id} shows a secret when it speaks, and nothing is done in its name without it")]
    NeedsSecret {
        /// Who.
        id: PeerId,
    },
    /// Somebody has this id.
    #[error("the id {id} is taken; join with another")]
    IdTaken {
        /// Which.
        id: PeerId,
    },
    /// Somebody has this name.
    #[error("{by} is called {name} already; choose another name")]
    NameTaken {
        /// The name.
        name: PeerName,
        /// Whose it is.
        by: PeerId,
    },
    /// The person neither leaves nor is called otherwise.
    #[error(
        "`user` stands for the person whose machine this is: it does not leave, and keeps its name"
    )]
    UserStays,
    /// Something is longer or more than it may be.
    #[error("the {what} has {size} {unit}, and at most {most} are allowed")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// How large it may be.
        most: u64,
        /// Of what `size` and `most` are the number.
        unit: &'static str,
    },
    /// Something that has to say something says nothing.
    #[error("the {what} is empty")]
    Empty {
        /// What.
        what: &'static str,
    },
    /// A tag that nobody could search for.
    #[error("{tag:?} cannot be a tag; a tag has 1 to 64 bytes and is not only white space")]
    BadTag {
        /// The tag.
        tag: String,
    },
    /// A file name with folders in it.
    #[error("{name:?} cannot be the name of a shared file; give its name without folders")]
    BadFileName {
        /// The name.
        name: String,
    },
    /// A hash that is none.
    #[error("{hash:?} is not a SHA-256 in hexadecimal")]
    BadHash {
        /// The text.
        hash: String,
    },
    /// Too much in too little time.
    #[error(
        "at most {limit} messages and other things may be sent in 60 seconds; wait {wait} seconds"
    )]
    RateLimited {
        /// How many.
        limit: usize,
        /// For how many seconds.
        wait: u64,
    },
    /// Too much waits for the recipient.
    #[error(
        "the mailbox of {peer} is full: {waiting} messages wait there; send again once it has read some of them"
    )]
    MailboxFull {
        /// Whose.
        peer: PeerId,
        /// How many.
        waiting: usize,
    },
    /// There is too much of a kind.
    #[error(
        "there are {most} {what} already, and more are not kept; remove some, or wait until they expire"
    )]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        most: usize,
    },
    /// A peer speaks to itself.
    #[error("{peer} cannot send anything to itself")]
    ToItself {
        /// Which.
        peer: PeerId,
    },
    /// A message was confirmed or answered that was never sent there.
    #[error("message {message} was not sent to you")]
    NotSent {
        /// Which.
        message: MessageId,
    },
    /// A message was acted upon before it was seen.
    #[error(
        "message {message} still waits for you; say that you have seen it, and then that you have acted upon it"
    )]
    NotSeen {
        /// Which.
        message: MessageId,
    },
    /// Something is somebody else's business.
    #[error("{what} is not yours: {whose}")]
    NotYours {
        /// What.
        what: String,
        /// Whose it is.
        whose: String,
    },
    /// There is no such task.
    #[error("there is no task {task}; `swarm tasks` shows which there are")]
    UnknownTask {
        /// Which.
        task: TaskId,
    },
    /// It has ended.
    #[error("task {task} is {} already", .state.as_str())]
    TaskClosed {
        /// Which.
        task: TaskId,
        /// How it ended.
        state: TaskState,
    },
    /// It was done by nobody.
    #[error("nobody has claimed task {task}; claim it before you complete it")]
    TaskNotClaimed {
        /// Which.
        task: TaskId,
    },
    /// There is no such snippet.
    #[error("there is no snippet {snippet}; `swarm snippets` shows which there are")]
    UnknownSnippet {
        /// Which.
        snippet: SnippetId,
    },
    /// There is no such file.
    #[error("there is no file {file}; `swarm files` shows which there are")]
    UnknownFile {
        /// Which.
        file: FileId,
    },
    /// There is no such alert.
    #[error("there is no alert {alert}; `swarm alerts` shows which there are")]
    UnknownAlert {
        /// Which.
        alert: AlertId,
    },
    /// There is no such pin.
    #[error("there is no pin {pin}; `swarm pins` shows which there are")]
    UnknownPin {
        /// Which.
        pin: PinId,
    },
}

impl Coded for Rejection {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownPeer { .. } => ErrorCode::UnknownPeer,
            Self::AlreadyHere { .. }
            | Self::ShowsNothing { .. }
            | Self::IdTaken { .. }
            | Self::NameTaken { .. } => ErrorCode::PeerExists,
            Self::NeedsSecret { .. } => ErrorCode::Forbidden,
            Self::UserStays | Self::NotYours { .. } => ErrorCode::NotYours,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::Empty { .. }
            | Self::BadTag { .. }
            | Self::BadFileName { .. }
            | Self::BadHash { .. }
            | Self::ToItself { .. }
            | Self::NotSent { .. }
            | Self::NotSeen { .. } => ErrorCode::InvalidInput,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::MailboxFull { .. } | Self::TooMany { .. } => ErrorCode::Full,
            Self::TaskClosed { .. } | Self::TaskNotClaimed { .. } => ErrorCode::TaskState,
            Self::UnknownTask { .. }
            | Self::UnknownSnippet { .. }
            | Self::UnknownFile { .. }
            | Self::UnknownAlert { .. }
            | Self::UnknownPin { .. } => ErrorCode::NotFound,
        }
    }
}
