//! Reads what is in a database of claude-peers or claude-swarm, for whoever brings it in.
//!
//! What is in it was written by strangers, in any version of their programs: every row is either read whole, or skipped with a reason.
//! The database itself is only copied ([`Source::open`]); everything here blocks.

mod cells;
mod copy;
mod rows;
mod source;

use std::path::PathBuf;

use swarm_core::error_code::{Coded, ErrorCode};
use thiserror::Error;

pub use rows::Kind;
pub use source::{Page, Row, Source};

/// Whose database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// claude-peers: peers and messages.
    ClaudePeers,
    /// claude-swarm: tasks, snippets, files, alerts and pins as well.
    ClaudeSwarm,
}

impl System {
    /// As it calls itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClaudePeers => "claude-peers",
            Self::ClaudeSwarm => "claude-swarm",
        }
    }
}

/// Why a database cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is not there, or may not be read.
    #[error("cannot read {}: {error}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something else than a file.
    #[error("{} is not a file; name the database itself", .path.display())]
    NotAFile {
        /// What.
        path: PathBuf,
    },
    /// It was written to while it was copied.
    #[error("{} is being written to; end the broker that does, and try again", .path.display())]
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// It is something else, or damaged.
    #[error("{} cannot be read as a database of {system}: {problem}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Whose it should be.
        system: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no place for the copy.
    #[error("cannot make a copy in {}: {error}", .path.display())]
    NoCopy {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl Coded for ImportError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                ErrorCode::NotFound
            }
            Self::File { .. } | Self::NoCopy { .. } | Self::Busy { .. } => ErrorCode::StorageFailed,
            Self::NotAFile { .. } | Self::Unreadable { .. } => ErrorCode::InvalidInput,
        }
    }
}
