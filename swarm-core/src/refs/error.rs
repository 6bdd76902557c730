//! What can go wrong with results.

use thiserror::Error;

use crate::{
    error_code::{Coded, ErrorCode},
    ids::{InvalidName, RefId},
};

/// Why a result cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefError {
    /// No finished result is kept under this ref.
    #[error("no result found for ref {0}; `swarm refs` lists what there is")]
    NotFound(RefId),
    /// A finished result is already kept there.
    #[error("ref {0} already holds a result")]
    Exists(RefId),
    /// Somebody else is working with the record.
    #[error("ref {id} is in use: {by}; try again when that has ended")]
    Busy {
        /// The ref.
        id: RefId,
        /// Who uses it, such as "its agent is running".
        by: String,
    },
    /// The text is encrypted.
    #[error("ref {id} is encrypted; `swarm decrypt {id} --key-id KEY` with the right key reads it")]
    Encrypted {
        /// The ref.
        id: RefId,
    },
    /// The text is not encrypted.
    #[error("ref {0} is not encrypted; `swarm unwrap {0}` reads it")]
    NotEncrypted(RefId),
    /// Another key is needed.
    #[error("key {given} does not open ref {id}")]
    WrongKey {
        /// The ref.
        id: RefId,
        /// The key that was given.
        given: String,
    },
    /// There is no such key.
    #[error("there is no key {0} in the key folder; restore it from a backup, or check its id")]
    KeyNotFound(String),
    /// The record cannot be understood.
    #[error("the record of ref {id} is damaged: {problem}")]
    Corrupt {
        /// The ref.
        id: RefId,
        /// What is wrong.
        problem: String,
    },
    /// A check did not pass.
    #[error("{0}")]
    GuardFailed(String),
    /// An argument makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The folder that is to hold keys and records is in the hands of others.
    #[error("{path} is refused as the home of keys and records: {weakness}")]
    UnsafeHome {
        /// The folder.
        path: String,
        /// Who could do what there, and what to do about it.
        weakness: String,
    },
    /// A folder that is no recording, or one that cannot be used as asked.
    #[error("cannot use {path} as a recording: {problem}")]
    UnusableRecording {
        /// The folder.
        path: String,
        /// Why, and what to do.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// Such as "write".
        doing: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl RefError {
    /// An I/O error with what was being done to which file.
    pub fn io(
        doing: &'static str,
        path: impl AsRef<std::path::Path>,
        source: std::io::Error,
    ) -> Self {
        Self::Io {
            doing,
            path: path.as_ref().display().to_string(),
            source,
        }
    }

    /// Whether nothing can be kept any more, whatever it is.
    pub fn is_storage_exhausted(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_exhausted(source))
    }

    /// The same for who knows only of I/O; whether storage is exhausted can be told from its kind.
    pub fn into_io(self) -> std::io::Error {
        match &self {
            Self::Io { source, .. } => std::io::Error::new(source.kind(), self),
            _ => std::io::Error::other(self),
        }
    }
}

/// Whether nothing more can be written, whatever it is.
pub(crate) fn is_exhausted(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem
    )
}

impl Coded for RefError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::RefNotFound,
            Self::Exists(_) => ErrorCode::RefExists,
            Self::Busy { .. } => ErrorCode::RefBusy,
            Self::Encrypted { .. } => ErrorCode::RefEncrypted,
            Self::NotEncrypted(_) => ErrorCode::RefNotEncrypted,
            Self::WrongKey { .. } => ErrorCode::WrongKey,
            Self::KeyNotFound(_) => ErrorCode::KeyNotFound,
            Self::Corrupt { .. } => ErrorCode::RefCorrupt,
            Self::GuardFailed(_) => ErrorCode::GuardFailed,
            Self::Invalid(_) => ErrorCode::InvalidInput,
            Self::UnsafeHome { .. } => ErrorCode::Refused,
            Self::UnusableRecording { .. } => ErrorCode::RecordingUnusable,
            Self::Io { .. } => ErrorCode::StorageFailed,
            Self::Name(error) => error.code(),
        }
    }
}
