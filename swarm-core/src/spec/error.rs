//! What can be wrong with a task as it was written.

use thiserror::Error;

use crate::{
    error_code::{Coded, ErrorCode},
    ids::InvalidName,
    suggest::did_you_mean,
};

/// Why a task or a sandbox cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The text is not JSON.
    #[error("{what} is not valid JSON: {source}")]
    Json {
        /// What was read, such as "tasks" or a file name.
        what: String,
        /// Line, column and problem.
        source: serde_json::Error,
    },
    /// The JSON has another shape.
    #[error("{place}: {problem}")]
    Shape {
        /// Where in the JSON, such as `tasks[2].timeout`.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A field that nothing knows.
    #[error("{place} has an unknown field `{field}`{}", did_you_mean(.suggestion.as_deref()))]
    UnknownField {
        /// Where in the JSON.
        place: String,
        /// The field.
        field: String,
        /// A known field with a similar name.
        suggestion: Option<String>,
    },
    /// No sandbox has this name.
    #[error("there is no sandbox `{name}`{}; searched {searched}", did_you_mean(.suggestion.as_deref()))]
    UnknownSandbox {
        /// The name.
        name: String,
        /// The folders that were searched.
        searched: String,
        /// A sandbox with a similar name.
        suggestion: Option<String>,
    },
    /// A sandbox of a project that is not trusted decides more than it may.
    #[error(
        "the sandbox {path} is refused: it sets `{field}`, and so decides what runs, or what that sees; or say `swarm project trust {project}` \
         if you trust everybody who writes there"
    )]
    Distrusted {
        /// The file.
        path: String,
        /// What it decides.
        field: &'static str,
        /// The project that it comes with.
        project: String,
    },
    /// A sandbox file that cannot be read.
    #[error("cannot read sandbox {path}: {source}")]
    UnreadableSandbox {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// No agent was chosen.
    #[error(
        "no agent was chosen; name one, such as `--agent command -- PROGRAM ARGS` or {{\"agent\": {{\"command\": [\"wc\", \"-l\"]}}}}"
    )]
    NoAgent,
    /// No agent of this kind is known.
    #[error("there is no agent kind `{name}`{}; known: {known}", did_you_mean(.suggestion.as_deref()))]
    UnknownAgent {
        /// The kind.
        name: String,
        /// The kinds that exist.
        known: String,
        /// A kind with a similar name.
        suggestion: Option<String>,
    },
    /// A field that a control forbids.
    #[error("{field} is refused: {reason}")]
    Refused {
        /// The field and its value.
        field: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl SpecError {
    /// A value of the wrong kind at `place`.
    pub fn shape(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Shape {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl Coded for SpecError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Json { .. } => ErrorCode::InvalidJson,
            Self::Shape { .. } => ErrorCode::InvalidInput,
            Self::UnknownField { .. } => ErrorCode::UnknownField,
            Self::UnknownSandbox { .. } => ErrorCode::UnknownSandbox,
            Self::UnreadableSandbox { .. } => ErrorCode::StorageFailed,
            Self::NoAgent | Self::UnknownAgent { .. } => ErrorCode::UnknownAgent,
            Self::Refused { .. } | Self::Distrusted { .. } => ErrorCode::Refused,
            Self::Name(error) => error.code(),
        }
    }
}
