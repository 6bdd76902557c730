//! Every error of every library, as the command shows it.

use serde::Serialize;
use swarm_core::error_code::{Coded, ErrorCode};

use crate::exit_code::Exit;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) struct CliError {
    code: ErrorCode,
    message: String,
}

/// The same for a machine.
#[derive(Serialize)]
pub(crate) struct ErrorReport<'e> {
    error: ErrorCode,
    message: &'e str,
}

impl CliError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// What was asked for makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidInput, message)
    }

    /// A file of the user's that cannot be used.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            ErrorCode::StorageFailed,
            format!("cannot {doing} {}: {error}", path.display()),
        )
    }

    /// The same, of one of several.
    pub(crate) fn at(self, place: &str) -> Self {
        Self::new(self.code, format!("{place}: {}", self.message))
    }

    /// All of several that were found in `what`; at least one.
    pub(crate) fn all(what: &str, errors: Vec<Self>) -> Self {
        match <[Self; 1]>::try_from(errors) {
            Ok([only]) => only,
            Err(all) => {
                let each: Vec<String> = all.iter().map(|e| format!("\n- {}", e.message)).collect();
                // Each may have another code.
                let message = format!(
                    "{} things are wrong with {what}:{}",
                    all.len(),
                    each.concat()
                );
                Self::usage(message)
            }
        }
    }

    /// Both, or all that is wrong with them.
    pub(crate) fn both<A, B>(
        what: &str,
        a: Result<A, Self>,
        b: Result<B, Self>,
    ) -> Result<(A, B), Self> {
        match (a, b) {
            (Ok(a), Ok(b)) => Ok((a, b)),
            (a, b) => Err(Self::all(
                what,
                a.err().into_iter().chain(b.err()).collect(),
            )),
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn report(&self) -> ErrorReport<'_> {
        ErrorReport {
            error: self.code,
            message: &self.message,
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(crate) fn exit(&self) -> Exit {
        Exit::of_error(self.code)
    }
}

impl<E: Coded> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
