//! Agents as plain child processes of this one.
//!
//! There is no isolation: an agent may do what its user may do. What this runtime does promise is that an
//! agent sees only the environment that it was given, works in a folder of its own, stops in time, and is
//! gone when it has ended, together with whatever it started in its process group. A program that makes
//! itself a daemon (a new session, all output closed) escapes; only a container holds such a program.
//!
//! Theory of operation: `launch` makes a folder, starts the program as leader of a new process group
//! and writes a note of who it is, all in one go on a blocking thread. Then three futures run side by side:
//! one feeds stdin, one passes output on, one waits for the first of exit, timeout and stop, and ends the
//! group. A dropped future ends the group through the guards that it holds; a crash of this whole process
//! is cleaned up from the notes by [`sweep`](AgentRuntime::sweep).

mod artifacts;
mod group;
mod launch;
mod leftovers;
mod note;
mod output;
mod procfs;
mod program;
mod scratch;
mod stdin;
mod supervise;
mod support;
mod workspace;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use self::{launch::Launched, output::Output, supervise::Supervisor};
use super::{
    AgentExit, AgentJob, AgentRuntime, OutputLimit, OutputSink, Program, RuntimeError, SharedFolder,
};
use crate::{
    artifacts::claims,
    cache::file_hash::FileHashes,
    ids::{RefId, RunId},
    outcome::ExitReason,
    spec::Sandbox,
};

/// Where programs are looked for if nobody says otherwise.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long an agent may take to end once it was asked to, if nobody says otherwise.
pub const DEFAULT_STOP_GRACE: Duration = Duration::from_secs(2);

/// What a [`ProcessRuntime`] needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessOptions {
    /// Where each running agent has its folder, `<run>/<agent>`, which lives as long as the agent. Made if
    /// it is missing, with mode 0700.
    pub state_dir: PathBuf,
    /// The agents' `PATH`, in which their programs are looked for.
    pub path: String,
    /// How long an agent may take to end after SIGTERM before it gets SIGKILL.
    pub stop_grace: Duration,
}

impl ProcessOptions {
    /// The defaults, with the agents' folders in `state_dir`.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            path: DEFAULT_PATH.to_owned(),
            stop_grace: DEFAULT_STOP_GRACE,
        }
    }
}

/// Runs agents as child processes, without isolation.
///
/// An agent is a process group of its own. It has an environment built from nothing (`PATH`, `HOME`,
/// `TMPDIR`, `LANG` and the `env_vars` of its sandbox) and a fresh folder to work in, where its input files
/// are. A field of the sandbox that only isolation could enforce is refused, not ignored. The one mount
/// that works is a writable folder on `workdir` itself: the agent then works in that folder.
#[derive(Clone, Debug)]
pub struct ProcessRuntime {
    options: ProcessOptions,
    /// Of programs that were looked at.
    hashes: Arc<FileHashes>,
}

impl ProcessRuntime {
    /// A runtime with these options. Touches nothing until the first agent starts.
    pub fn new(options: ProcessOptions) -> Self {
        Self {
            options,
            hashes: Arc::default(),
        }
    }

    async fn conduct(
        &self,
        launched: &mut Launched,
        job: &AgentJob,
        sink: &mut dyn OutputSink,
        stop: &CancellationToken,
    ) -> Result<AgentExit, RuntimeError> {
        let ended = CancellationToken::new();
        let unkept = CancellationToken::new();
        let mut limit = OutputLimit::new(job.max_output);
        let exceeded = limit.exceeded().clone();
        let supervisor = Supervisor {
            timeout: job.timeout,
            grace: self.options.stop_grace,
            stop,
            unkept: &unkept,
            exceeded: (&exceeded, limit.reason()),
        };
        let mut output = Output::new(launched.child.stdout.take(), launched.child.stderr.take());
        let input = launched.input.take();

        let supervise = async {
            let exit = supervisor
                .watch(&mut launched.child, &mut launched.group, launched.started)
                .await;
            ended.cancel();
            exit
        };
        let pass_on = async {
            let kept = output.pass_on(sink, &mut limit, &ended).await;
            if kept.is_err() {
                unkept.cancel();
            }
            kept
        };
        let feed = async {
            if let Some(input) = input {
                // An escaped process may hold the other end open; nobody waits for it to read.
                ended.run_until_cancelled(input.feed()).await;
            }
        };
        let (exit, kept, ()) = tokio::join!(supervise, pass_on, feed);

        let exit = exit?;
        let by_itself = !matches!(
            exit.reason,
            ExitReason::TimedOut { .. } | ExitReason::OutputLimit { .. } | ExitReason::Cancelled
        );
        launched.scratch.may_have_strays = !(by_itself && output.is_closed());
        kept.map_err(RuntimeError::Output)?;
        Ok(AgentExit {
            reason: limit.judge(exit.reason),
            ..exit
        })
    }
}

impl AgentRuntime for ProcessRuntime {
    fn name(&self) -> &'static str {
        support::NAME
    }

    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        support::check(sandbox)
    }

    fn identity<'a>(
        &'a self,
        program: &'a Program<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, RuntimeError>> {
        let hashes = Arc::clone(&self.hashes);
        let path = launch::path_of(&program.sandbox.env_vars).unwrap_or(&self.options.path);
        let (path, name) = (path.to_owned(), program.invocation.argv.first().cloned());
        Box::pin(async move {
            let identified = spawn_blocking(move || program::identity(&name?, &path, &hashes));
            identified
                .await
                .map_err(|error| RuntimeError::Start(error.to_string()))
        })
    }

    fn shows_shared_at<'a>(&self, folder: &'a SharedFolder) -> &'a Path {
        &folder.path
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        Box::pin(async move {
            self.check(&job.sandbox)?;
            if job.shared.is_some() {
                self.check_sharing(&job.sandbox)?;
            }
            if stop.is_cancelled() {
                return Ok(AgentExit {
                    reason: ExitReason::Cancelled,
                    duration: Duration::ZERO,
                });
            }
            let mut launched = launch::launch(self.options.clone(), job.clone()).await?;
            let exit = self.conduct(&mut launched, job, output, stop).await;
            if let (Some(path), Ok(_)) = (&job.invocation.artifacts, &exit) {
                let (home, path) = (launched.scratch.home(), path.clone());
                let read = spawn_blocking(move || artifacts::read(&home, &path)).await;
                // They are the agent's own affair: what cannot be read claims nothing.
                let claims = claims(&read.ok().and_then(Result::ok).unwrap_or_default());
                if let Err(error) = output.artifacts(&claims).await {
                    tracing::warn!(agent = %job.id, %error, "its claims could not be kept");
                }
            }
            launched.scratch.remove().await;
            exit
        })
    }

    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        Box::pin(leftovers::sweep(&self.options.state_dir, is_live))
    }
}
