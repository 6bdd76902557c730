//! What can be missing on the machine of the user.

use thiserror::Error;

use crate::error_code::{Coded, ErrorCode};

/// Why an agent cannot be equipped. Nothing was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SupplyError {
    /// There is no account.
    #[error(
        "there is no account for agents of kind {agent}: looked for {}; set the variable, log in with the program itself, \
         or set a variable of that name in `env_vars`", looked_for.join(", ")
    )]
    NoCredentials {
        /// The kind.
        agent: &'static str,
        /// Variables and files.
        looked_for: Vec<String>,
    },
    /// A variable has a value that no account, and no address, can have.
    #[error("${variable} cannot be used: {problem}; set it again")]
    UnusableVariable {
        /// The variable.
        variable: String,
        /// What is wrong; nothing of the value.
        problem: &'static str,
    },
    /// The agent is to ask another provider than the one that the account is for.
    #[error(
        "an agent of kind {agent} gets another address from `env_vars` ({variable}) and no account for it; the account of this \
         machine is not sent there: give it one, such as `--env {account}`"
    )]
    OtherProvider {
        /// The kind.
        agent: &'static str,
        /// The variable with the address.
        variable: &'static str,
        /// A variable for an account.
        account: &'static str,
    },
    /// No MCP server has this name.
    #[error(
        "there is no MCP server `{name}`{}; searched {}; known: {}{}",
        suggestion.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default(),
        or_nothing(searched), or_nothing(known), left_out(distrusted)
    )]
    UnknownMcpServer {
        /// The name.
        name: String,
        /// A server with a similar name.
        suggestion: Option<String>,
        /// The files that were searched.
        searched: Vec<String>,
        /// The servers that they have.
        known: Vec<String>,
        /// Files that were left out because somebody else may have written them, each with the reason.
        distrusted: Vec<String>,
    },
    /// A server is set up in a way that no agent can use.
    #[error("the MCP server `{name}` in {path} cannot be attached: {problem}")]
    InvalidMcpServer {
        /// Its name.
        name: String,
        /// The file that has it.
        path: String,
        /// What is wrong, and what would be right.
        problem: &'static str,
    },
    /// A server is set up in a way that agents of this kind cannot use.
    #[error("the MCP server `{name}` cannot be attached to an agent of kind {agent}: {problem}")]
    UnusableMcpServer {
        /// Its name.
        name: String,
        /// The kind.
        agent: &'static str,
        /// What is wrong; nothing of the definition but names.
        problem: String,
    },
    /// A file is there and cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Whoever looked it up did not come back.
    #[error("accounts and MCP servers could not be looked up: {0}")]
    Vanished(String),
    /// A file is no JSON.
    #[error("{path} is not valid JSON: {problem}")]
    Garbled {
        /// The file.
        path: String,
        /// Line, column and problem; nothing of the content.
        problem: String,
    },
}

fn or_nothing(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn left_out(files: &[String]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let files = files.join(", ");
    format!(
        "; left out, because somebody else may have written it: {files}; make it yours alone (chown, chmod)"
    )
}

impl Coded for SupplyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoCredentials { .. } | Self::OtherProvider { .. } => ErrorCode::NoCredentials,
            Self::UnknownMcpServer { .. } => ErrorCode::UnknownMcpServer,
            Self::InvalidMcpServer { .. }
            | Self::UnusableMcpServer { .. }
            | Self::UnusableVariable { .. } => ErrorCode::InvalidInput,
            Self::Unreadable { .. } => ErrorCode::StorageFailed,
            Self::Vanished(_) => ErrorCode::Internal,
            Self::Garbled { .. } => ErrorCode::InvalidJson,
        }
    }
}
