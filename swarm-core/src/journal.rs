//! What happened, in order, for good: the port to the event log, and what writes into it.

mod keeper;
mod memory;
mod run_events;
mod run_journal;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod vault;

use std::fmt;

use futures_util::future::BoxFuture;
pub use keeper::{Journal, Journaled, Keeper, Refused};
pub use memory::MemoryEventLog;
pub use run_events::{RunEvent, RunLimits};
pub use run_journal::{Observer, RunJournal};
use serde::{Deserialize, Serialize};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteEventLog;
use thiserror::Error;
pub use vault::Vault;

use crate::{
    error_code::{Coded, ErrorCode},
    ids::RunId,
    time::Timestamp,
};

/// The place of an event in the whole log; the first is 1, and no number is used twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Events that belong together and are read together, such as those of one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(String);

impl StreamId {
    /// The events of one run.
    pub fn run(run: &RunId) -> Self {
        Self(format!("run/{run}"))
    }

    /// The events of a part of the domain.
    pub fn domain(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// A stream by its stored name.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The stored name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event that is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// What kind of event it is; with `version`, how to read `data`.
    pub kind: &'static str,
    /// The version of the shape of `data`.
    pub version: u32,
    /// The event as JSON.
    pub data: String,
}

/// An event that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where in the log.
    pub sequence: Sequence,
    /// To what it belongs.
    pub stream: StreamId,
    /// When it happened.
    pub at: Timestamp,
    /// What kind of event it is.
    pub kind: String,
    /// The version of the shape of `data`.
    pub version: u32,
    /// The event as JSON.
    pub data: String,
}

/// What the events of a stream add up to, so that not all of them are needed to have it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that is in it.
    pub at: Sequence,
    /// The version of the shape of `data`.
    pub version: u32,
    /// The state as JSON.
    pub data: String,
}

/// One stream in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub stream: StreamId,
    /// Its first event.
    pub first: Sequence,
    /// Its last event.
    pub last: Sequence,
}

/// Keeps events for good, in one order for everybody.
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Adds `events` to `stream`: all of them, side by side in the log, or none.
    ///
    /// When this returns they are durable, if the log is durable at all, and every later read sees them.
    /// Returns the place of the last one; with no events, of the newest in the log.
    ///
    /// # Errors
    ///
    /// [`LogError::Failed`] if they could not be made durable; then none of them is in the log.
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>>;

    /// Up to `limit` events of `stream` that come after `after`, in order.
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>>;

    /// Forgets every event of `stream`. Places are not given out again: other streams keep theirs, and what comes later
    /// counts on. When this returns it is durable, and the log holds no copy of the events.
    fn remove<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), LogError>>;

    /// Every stream whose name begins with `prefix`, the one with the newest first event first.
    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>>;
}

/// A log that also keeps what events add up to, so that the old ones can go.
pub trait SnapshotLog: EventLog {
    /// Keeps what the events of `stream` add up to, in place of what was kept before. Durable when it returns. A snapshot of an
    /// earlier place than the one that is kept changes nothing.
    fn keep_snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'a, Result<(), LogError>>;

    /// What was kept last. It is gone once the stream is [removed](EventLog::remove).
    fn snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, LogError>>;

    /// Forgets up to `limit` events of `stream`, the oldest first, that happened before `before` and that the snapshot has in it.
    /// Without a snapshot, none. Returns how many. Places are not given out again.
    fn prune<'a>(
        &'a self,
        stream: &'a StreamId,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<usize, LogError>>;
}

/// Why the log could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The storage failed.
    #[error("cannot {doing} the event log {path}: {problem}")]
    Failed {
        /// Such as "write".
        doing: &'static str,
        /// The file, or `in memory`.
        path: String,
        /// Why.
        problem: String,
    },
    /// Another version wrote it.
    #[error(
        "the event log {path} has format {found}, and this version reads up to {known}; update swarm"
    )]
    TooNew {
        /// The file.
        path: String,
        /// The format of the file.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// An event that cannot be understood.
    #[error(
        "event {sequence} of {stream} cannot be read: {problem}; it was written by another version, or the file is damaged"
    )]
    Unreadable {
        /// Where in the log.
        sequence: Sequence,
        /// To what it belongs.
        stream: String,
        /// What is wrong.
        problem: String,
    },
}

impl Coded for LogError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Failed { .. } | Self::Unreadable { .. } => ErrorCode::LogFailed,
            Self::TooNew { .. } => ErrorCode::LogTooNew,
        }
    }
}
