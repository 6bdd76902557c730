//! Why a type cannot be used.

use std::io;

use thiserror::Error;

use crate::{
    error_code::{Coded, ErrorCode},
    suggest::did_you_mean,
};

/// Why a type cannot be used. Nothing was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TypeError {
    /// No type has this name.
    #[error("there is no type `{name}`{}; looked in: {searched}", did_you_mean(.suggestion.as_deref()))]
    Unknown {
        /// The name.
        name: String,
        /// The folders, in their order.
        searched: String,
        /// A type with a similar name.
        suggestion: Option<String>,
    },
    /// Its file cannot be read.
    #[error("cannot read the type {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// With all types that it mentions, it is too long to be put ahead of a prompt.
    #[error(
        "the type {declared:?} has more than {most} bytes with all that it mentions; mention fewer types, or shorten them"
    )]
    TooLong {
        /// How it begins.
        declared: String,
        /// The most that it may have, in bytes.
        most: usize,
    },
}

impl Coded for TypeError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown { .. } => ErrorCode::UnknownType,
            Self::Unreadable { .. } => ErrorCode::StorageFailed,
            Self::TooLong { .. } => ErrorCode::InvalidInput,
        }
    }
}
