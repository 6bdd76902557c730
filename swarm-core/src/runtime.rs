//! Where agents run: the port, and the runtime that needs nothing.

#[cfg(unix)]
mod agent_folder;
mod egress;
mod leftovers;
mod output_limit;
#[cfg(feature = "process")]
pub mod process;
mod shared_folder;

use std::{fmt, io, path::Path, sync::Arc, time::Duration};

#[cfg(unix)]
pub use agent_folder::remove_folder;
pub use egress::EgressDecision;
use futures_util::future::BoxFuture;
pub use leftovers::{Leftover, Leftovers};
pub use output_limit::{DEFAULT_MAX_OUTPUT, OutputLimit};
#[cfg(feature = "process")]
pub(crate) use shared_folder::is_plain;
pub use shared_folder::{
    SHARED_PATH, SHARED_VARIABLE, SharedFolder, check_sharing, with_shared_at,
};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::{
    agents::Invocation,
    artifacts::ArtifactClaim,
    content::Content,
    error_code::{Coded, ErrorCode},
    ids::{AgentId, RefId, RunId},
    outcome::ExitReason,
    refs::{ImageStamp, is_exhausted},
    spec::{AgentSpec, ByteSize, Sandbox},
};

/// One agent, ready to start.
#[derive(Clone, Debug)]
pub struct AgentJob {
    /// Whose result this will be; unique, and the name of whatever the runtime makes for it.
    pub id: RefId,
    /// The name of its [kind](crate::agents::AgentKind), such as `claude`. A runtime may have surroundings for each, of
    /// which those that the sandbox names win.
    pub kind: &'static str,
    /// What to start.
    pub invocation: Invocation,
    /// What it reads on stdin.
    pub stdin: Content,
    /// Its limits and surroundings.
    pub sandbox: Sandbox,
    /// How long it may run. At most the timeout of the sandbox.
    pub timeout: Duration,
    /// How much it may print, both outputs together. One that prints more is stopped, and ends with
    /// [`ExitReason::OutputLimit`] however it ended; what it had printed up to there has reached the sink.
    pub max_output: ByteSize,
    /// The folder that it shares with others of its run, if it does.
    pub shared: Option<SharedFolder>,
    /// Whether an earlier process of ours started it already.
    pub launch: Launch,
    /// What was asked for, which all the rest was made from; `None` if the job was made in another way.
    pub spec: Option<Arc<AgentSpec>>,
    /// Where the runtime puts what the agent leaves behind, as far as that can tell how it ended; `None` if it is to remove
    /// that before it returns.
    pub leftovers: Option<Leftovers>,
}

/// What an earlier process of ours, which has died, did for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// Nothing.
    New,
    /// It may have started it. What is left of that is removed first, so that no agent runs twice at the same
    /// time.
    Again,
    /// It started it, and the runtime [can take it over](AgentRuntime::can_take_over). It is not started again;
    /// if it is gone after all, it is [`Lost`](RuntimeError::Lost).
    TakeOver,
}

/// A program that may be started.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The [kind](AgentJob::kind) of its agent.
    pub kind: &'static str,
    /// What is started.
    pub invocation: &'a Invocation,
    /// Its surroundings.
    pub sandbox: &'a Sandbox,
}

/// Which output of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Its answer.
    Stdout,
    /// Its talk.
    Stderr,
}

/// Takes what an agent prints, in order.
pub trait OutputSink: Send {
    /// Is told which image the agent runs in, once it has started and before anything that it prints. Not called by runtimes
    /// without images.
    fn started_in(&mut self, image: ImageStamp) {
        drop(image);
    }

    /// Takes `chunk`. When this returns, the chunk need not be durable, but nothing of it is held in memory.
    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>>;

    /// Takes all that the agent tried to reach, if its sandbox lists hosts. Called once, when it has ended.
    fn egress<'a>(&'a mut self, decisions: &'a [EgressDecision]) -> BoxFuture<'a, io::Result<()>> {
        let _ = decisions;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes what the agent claims to have written, if its invocation names a file with that. Called once at most, when it has
    /// ended. Nothing is decided by it.
    fn artifacts<'a>(&'a mut self, claims: &'a [ArtifactClaim]) -> BoxFuture<'a, io::Result<()>> {
        let _ = claims;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// How a started agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentExit {
    /// Why.
    pub reason: ExitReason,
    /// From its start to its end.
    pub duration: Duration,
}

/// Runs agents somewhere. The agent cannot reach what it prints into.
pub trait AgentRuntime: Send + Sync + fmt::Debug {
    /// A word for this runtime, such as `docker`.
    fn name(&self) -> &'static str;

    /// Refuses a sandbox that this runtime cannot honour. Pure; called before anything starts.
    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError>;

    /// Refuses a sandbox whose agents cannot see the folder that the agents of a run share, because they have something of
    /// their own there, or because this runtime cannot show them one. Asked besides [`check`](Self::check), of agents that share.
    fn check_sharing(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        check_sharing(sandbox)
    }

    /// Where an agent finds the shared folder: at [`SHARED_PATH`], unless this runtime can put no folder there. Where it is elsewhere,
    /// the runtime [replaces](with_shared_at) the path in the arguments of programs, and whoever writes the prompt does it there.
    fn shows_shared_at<'a>(&self, folder: &'a SharedFolder) -> &'a Path {
        let _ = folder;
        Path::new(SHARED_PATH)
    }

    /// Refuses sandboxes that this runtime could honour elsewhere, but not with what there is: asked once, of all agents of a
    /// run that this runtime does not refuse, before anything starts.
    ///
    /// A runtime that cannot tell need not implement this; its agents then fail to start.
    fn look_around<'a>(
        &'a self,
        sandboxes: &'a [&'a Sandbox],
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        let _ = sandboxes;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether it starts programs. One that only tells what happened before needs no accounts, and its agents wait for no
    /// provider.
    fn starts_programs(&self) -> bool {
        true
    }

    /// What stands for the content of the program that it would start for `program`: the id of an image, or a path and a hash.
    /// As long as it is the same, the same work is given to the same program. `None` if this runtime cannot tell, or what it
    /// would start is not there yet.
    fn identity<'a>(
        &'a self,
        program: &'a Program<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, RuntimeError>> {
        let _ = program;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Runs one agent from start to end, and leaves nothing of it behind however it ends.
    ///
    /// `stop` ends it early: it gets a signal, a grace period, then it is killed, and the exit says
    /// [`ExitReason::Cancelled`] unless it had ended by itself. All it had printed has reached `output`
    /// when this returns. If the future is dropped, the agent is killed as well.
    ///
    /// # Errors
    ///
    /// Only if the agent did not start, or its end cannot be known.
    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>>;

    /// Whether the agent `id`, which an earlier process of ours started, still runs, or has ended without anybody
    /// noticing, so that its output and its end can still be had.
    ///
    /// A runtime whose agents do not outlive its process need not implement this.
    fn can_take_over<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<bool, RuntimeError>> {
        let _ = id;
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Removes what dead processes of ours left behind, except for runs that `is_live` knows.
    ///
    /// Returns what was removed.
    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>>;
}

/// Why an agent did not start, or how it got lost.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// A field that this runtime cannot honour.
    #[error("the {runtime} runtime cannot honour {field}; {hint}")]
    Unsupported {
        /// The runtime.
        runtime: &'static str,
        /// The field and its value.
        field: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// A field that a control forbids.
    #[error("{field} is refused: {reason}")]
    Refused {
        /// The field and its value.
        field: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// The source of a mount does not exist.
    #[error("cannot mount {path}: {problem}; create it, or correct `mounts`")]
    MountMissing {
        /// The path on the host.
        path: String,
        /// Why, such as "no such file or directory".
        problem: String,
    },
    /// There is no such program.
    #[error("cannot start {program:?}: {problem}")]
    ProgramMissing {
        /// The program.
        program: String,
        /// Where it was looked for, or why it cannot be run.
        problem: String,
    },
    /// The engine does not have the image.
    #[error("the engine has no image {image:?}; {hint}")]
    ImageMissing {
        /// The image.
        image: String,
        /// What to do about it.
        hint: String,
    },
    /// No engine answers.
    #[error(
        "no container engine answers at {endpoint}: {problem}; start it, or use `--runtime process`"
    )]
    EngineUnavailable {
        /// The socket or address.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// The engine failed a request.
    #[error("the container engine could not {doing}: {problem}")]
    Engine {
        /// Such as "start the container".
        doing: &'static str,
        /// What it said.
        problem: String,
    },
    /// The image could not be built.
    #[error("cannot build image {image:?}: {problem}")]
    ImageBuild {
        /// The image.
        image: String,
        /// Why.
        problem: String,
    },
    /// It could not be started.
    #[error("cannot start the agent: {0}")]
    Start(String),
    /// It vanished while it ran.
    #[error("the agent vanished while it ran: {0}")]
    Lost(String),
    /// What it printed could not be kept.
    #[error("cannot keep the output of the agent: {0}")]
    Output(#[source] io::Error),
    /// There is no recording of the agent, or one of something else.
    #[error("{agent} cannot be replayed: {problem}")]
    NotRecorded {
        /// The agent.
        agent: AgentId,
        /// What is missing or different, and what to do.
        problem: String,
    },
    /// What it came to when it was recorded: it did not start, or got lost.
    #[error("{message}")]
    Recorded {
        /// How the agent ended.
        exit: ExitReason,
        /// The code of the error that there was.
        code: ErrorCode,
        /// Its message.
        message: String,
    },
    /// The runtime cannot keep its own files.
    #[error(
        "cannot use {path}: {error}; check that the disk has room and that you may write there"
    )]
    Storage {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl RuntimeError {
    /// How the agent ended, or why it never started.
    pub fn exit_reason(&self) -> ExitReason {
        match self {
            Self::Refused { .. } | Self::NotRecorded { .. } => ExitReason::Refused,
            Self::Recorded { exit, .. } => exit.clone(),
            Self::Lost(_) | Self::Output(_) => ExitReason::Lost,
            // That something cannot be done is no control's objection.
            Self::Unsupported { .. }
            | Self::MountMissing { .. }
            | Self::ProgramMissing { .. }
            | Self::ImageMissing { .. }
            | Self::EngineUnavailable { .. }
            | Self::Engine { .. }
            | Self::ImageBuild { .. }
            | Self::Start(_)
            | Self::Storage { .. } => ExitReason::NotStarted,
        }
    }
}

impl RuntimeError {
    /// Whether nothing can be kept any more, whatever it is: no agent would fare better.
    pub fn is_storage_exhausted(&self) -> bool {
        matches!(self, Self::Output(error) | Self::Storage { error, .. } if is_exhausted(error))
    }
}

impl Coded for RuntimeError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unsupported { .. } => ErrorCode::Unsupported,
            Self::Refused { .. } => ErrorCode::Refused,
            Self::MountMissing { .. } => ErrorCode::MountMissing,
            Self::ProgramMissing { .. } => ErrorCode::ProgramMissing,
            Self::ImageMissing { .. } => ErrorCode::ImageMissing,
            Self::EngineUnavailable { .. } => ErrorCode::EngineUnavailable,
            Self::Engine { .. } => ErrorCode::EngineFailed,
            Self::ImageBuild { .. } => ErrorCode::ImageBuildFailed,
            Self::Start(_) => ErrorCode::StartFailed,
            Self::NotRecorded { .. } => ErrorCode::NotRecorded,
            Self::Recorded { code, .. } => *code,
            Self::Lost(_) => ErrorCode::AgentLost,
            Self::Output(_) | Self::Storage { .. } => ErrorCode::StorageFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_control_refuses_and_what_cannot_be_done_is_not_started() {
        let refused = RuntimeError::Refused {
            field: "network_mode \"host\"".to_owned(),
            reason: "never".to_owned(),
        };
        assert_eq!(refused.exit_reason(), ExitReason::Refused);
        let unsupported = RuntimeError::Unsupported {
            runtime: "docker",
            field: "gpu".to_owned(),
            hint: "leave it out",
        };
        assert_eq!(unsupported.exit_reason(), ExitReason::NotStarted);
        assert_eq!(unsupported.code(), ErrorCode::Unsupported);
    }
}
