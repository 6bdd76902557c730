//! Stable names of errors. Each has a page in `docs/errors`.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What went wrong, as a name that never changes; messages may.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code of this name, if there is one.
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == name)
            }

            /// The code as it is printed, and as its page is called.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

error_codes! {
    /// A text cannot be a run id, an agent id, a ref or a name.
    InvalidName = "invalid_name",
    /// An argument or a field has a value that makes no sense.
    InvalidInput = "invalid_input",
    /// A text is not JSON.
    InvalidJson = "invalid_json",
    /// A text is not TOML.
    InvalidToml = "invalid_toml",
    /// Several things are wrong with the definition of a pipeline.
    InvalidPipeline = "invalid_pipeline",
    /// A field that nothing knows, usually a typing error.
    UnknownField = "unknown_field",
    /// Two steps of a pipeline have the same id.
    DuplicateStep = "duplicate_step",
    /// No way leads to a step of a pipeline, or it is left out whatever happens.
    UnreachableStep = "unreachable_step",
    /// Steps of a pipeline lead to each other, and none of them to its end.
    EndlessCycle = "endless_cycle",
    /// No governor has this name.
    UnknownGovernor = "unknown_governor",
    /// No pipeline has this name.
    UnknownPipeline = "unknown_pipeline",
    /// A pipeline contains itself.
    RecursivePipeline = "recursive_pipeline",
    /// No sandbox has this name.
    UnknownSandbox = "unknown_sandbox",
    /// No type has this name.
    UnknownType = "unknown_type",
    /// No agent of this kind is known.
    UnknownAgent = "unknown_agent",
    /// No model that agents of this kind could ask has this name.
    UnknownModel = "unknown_model",
    /// There is no account with the provider of the agent's model.
    NoCredentials = "no_credentials",
    /// No MCP server has this name.
    UnknownMcpServer = "unknown_mcp_server",
    /// The chosen runtime cannot honour a field of the sandbox.
    Unsupported = "unsupported",
    /// The source of a mount does not exist.
    MountMissing = "mount_missing",
    /// A mount, network, MCP server, setting or home folder that is not allowed.
    Refused = "refused",
    /// The program of a command agent was not found.
    ProgramMissing = "program_missing",
    /// The agent could not be started.
    StartFailed = "start_failed",
    /// A recording has no such agent, or one that was asked something else.
    NotRecorded = "not_recorded",
    /// A folder cannot be used as a recording.
    RecordingUnusable = "recording_unusable",
    /// The agent ended with a status other than zero.
    AgentFailed = "agent_failed",
    /// The agent was ended by a signal.
    AgentSignalled = "agent_signalled",
    /// The agent ran longer than its timeout.
    AgentTimedOut = "agent_timed_out",
    /// The agent printed more than is kept of what an agent prints.
    AgentOutputLimit = "agent_output_limit",
    /// The agent needed more memory than its limit.
    AgentOutOfMemory = "agent_out_of_memory",
    /// The agent says itself that it did not do its task.
    AgentReportedFailure = "agent_reported_failure",
    /// The answer of the agent is not as `output_schema` wants it.
    AgentInvalidOutput = "agent_invalid_output",
    /// A pipeline has no such step.
    UnknownStep = "unknown_step",
    /// A result was not accepted by who judged it, by a guard, or by a person.
    Rejected = "rejected",
    /// The agent had spent what it may cost.
    AgentOverBudget = "agent_over_budget",
    /// The provider of the agent's model took no more requests.
    AgentRateLimited = "agent_rate_limited",
    /// The agent vanished while it ran.
    AgentLost = "agent_lost",
    /// The agent or run was stopped on request.
    Cancelled = "cancelled",
    /// A slot or pool was not free in time.
    QueueTimedOut = "queue_timed_out",
    /// The budget does not cover the worst case of the agent.
    BudgetExhausted = "budget_exhausted",
    /// The deadline of the run has passed.
    DeadlineExceeded = "deadline_exceeded",
    /// No container engine answers.
    EngineUnavailable = "engine_unavailable",
    /// The container engine refused or failed a request.
    EngineFailed = "engine_failed",
    /// The engine does not have the image.
    ImageMissing = "image_missing",
    /// The image could not be built.
    ImageBuildFailed = "image_build_failed",
    /// No result is kept under this ref.
    RefNotFound = "ref_not_found",
    /// A result is already kept under this ref.
    RefExists = "ref_exists",
    /// Somebody else is working with the record of this ref.
    RefBusy = "ref_busy",
    /// The result is encrypted.
    RefEncrypted = "ref_encrypted",
    /// The result is not encrypted.
    RefNotEncrypted = "ref_not_encrypted",
    /// The record of a result cannot be read or was changed.
    RefCorrupt = "ref_corrupt",
    /// The key is not the one that the result was encrypted with.
    WrongKey = "wrong_key",
    /// No key has this id.
    KeyNotFound = "key_not_found",
    /// A check of a ref did not pass.
    GuardFailed = "guard_failed",
    /// A file could not be read or written.
    StorageFailed = "storage_failed",
    /// The event log could not be read or written.
    LogFailed = "log_failed",
    /// The event log was written by a newer version.
    LogTooNew = "log_too_new",
    /// A run has this id already.
    RunExists = "run_exists",
    /// No run has this id.
    RunNotFound = "run_not_found",
    /// The run has ended; there is nothing to resume or to kill.
    RunEnded = "run_ended",
    /// Another process drives this run.
    RunIsLive = "run_is_live",
    /// Nobody has this id or name.
    UnknownPeer = "unknown_peer",
    /// Somebody has this id, name or identity already.
    PeerExists = "peer_exists",
    /// Something is somebody else's to change.
    NotYours = "not_yours",
    /// A request does not show by which right it is made.
    Unauthorized = "unauthorized",
    /// A request comes from where none may come from, or is for the owner only.
    Forbidden = "forbidden",
    /// The daemon is not running, or does not answer.
    DaemonUnreachable = "daemon_unreachable",
    /// Another daemon has the home folder already.
    DaemonRunning = "daemon_running",
    /// Something is larger than it may be.
    TooLarge = "too_large",
    /// Too much was sent in too little time.
    RateLimited = "rate_limited",
    /// There is no room for more.
    Full = "full",
    /// A task is not in a state in which this can be done.
    TaskState = "task_state",
    /// There is nothing with this number.
    NotFound = "not_found",
    /// A defect in swarm itself.
    Internal = "internal",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// An error that knows its code.
pub trait Coded: std::error::Error {
    /// The stable name of this error.
    fn code(&self) -> ErrorCode;
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
        let pages: BTreeSet<String> = fs::read_dir(docs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .filter(|name| name != "README")
            .collect();
        let codes: BTreeSet<String> = ErrorCode::ALL
            .iter()
            .map(|code| code.as_str().to_owned())
            .collect();
        assert_eq!(pages, codes);
    }

    #[test]
    fn the_list_of_pages_names_every_code() {
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors/README.md");
        let list = fs::read_to_string(list).unwrap();
        for code in ErrorCode::ALL {
            assert!(list.contains(&format!("[`{code}`]({code}.md)")), "{code}");
        }
    }
}
