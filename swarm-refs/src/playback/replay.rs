//! A runtime that tells again what agents did.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;
use swarm_core::{
    artifacts::ArtifactClaim,
    hash::Hasher,
    ids::{AgentId, RefId, RunId},
    outcome::ExitReason,
    refs::RefError,
    runtime::{
        AgentExit, AgentJob, AgentRuntime, EgressDecision, OutputLimit, OutputSink, OutputStream,
        RuntimeError,
    },
    spec::Sandbox,
};
use tokio_util::sync::CancellationToken;

use super::{
    ARTIFACTS, EGRESS, MAX_LINES, STDERR, STDOUT,
    compare::difference,
    entry::{Asked, Entry, Printed, hash_all},
    order::{Order, Turn},
    tape::{self, Tape},
    unusable,
};
use crate::{folder::Folder, fs_store::blocking};

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// More lines than any record has.
const MOST_LINES: usize = 20_000;

/// Tells again what a [`RecordingRuntime`](super::RecordingRuntime) has written down. No program is started, no engine is asked.
///
/// Every agent prints what it printed, says how long it took, and ends as it did, in the same order; that takes as long as it
/// takes to read. One that was stopped from outside waits until it is stopped again. One that was not recorded, or was
/// asked something else, is [`NotRecorded`](RuntimeError::NotRecorded).
#[derive(Clone, Debug)]
pub struct ReplayRuntime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    agents: Folder,
    order: Order,
    recorded: String,
}

/// The files of an agent, open, and found to be what is written down of them.
struct Opened {
    entry: Entry,
    stdout: Option<File>,
    stderr: Option<File>,
    egress: Option<Vec<EgressDecision>>,
    artifacts: Option<Vec<ArtifactClaim>>,
}

impl ReplayRuntime {
    /// The name of this runtime, which the log has of runs that were told again.
    pub const NAME: &'static str = "replay";

    /// Opens the recording in the folder `path`, which is only read.
    ///
    /// # Errors
    ///
    /// [`RefError::UnusableRecording`] if it is none, or if there is something in it that recordings do not have, such as a link.
    pub async fn open(path: &Path) -> Result<Self, RefError> {
        let folder = path.to_owned();
        let tape = blocking(move || Tape::open(&folder)).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                agents: tape.agents,
                recorded: tape.runtime,
                order: Order::new(tape.known),
            }),
        })
    }

    /// The name of the runtime that was recorded, as the recording has it: whoever made that may have written anything.
    pub fn recorded_runtime(&self) -> &str {
        &self.shared.recorded
    }
}

impl AgentRuntime for ReplayRuntime {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Whatever it asks for, nothing is started.
    fn check(&self, _: &Sandbox) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn starts_programs(&self) -> bool {
        false
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        async move {
            let turn = self.shared.order.begin(&job.id.agent);
            if stop.is_cancelled() {
                return Ok(CANCELLED);
            }
            let opened = self.find(job).await?;
            self.tell(job, opened, output, (&turn, stop)).await
        }
        .boxed()
    }

    fn sweep<'a>(
        &'a self,
        _: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }
}

const CANCELLED: AgentExit = AgentExit {
    reason: ExitReason::Cancelled,
    duration: Duration::ZERO,
};

impl ReplayRuntime {
    fn refuse(&self, agent: &AgentId, problem: &str) -> RuntimeError {
        RuntimeError::NotRecorded {
            agent: agent.clone(),
            problem: format!("{problem} (recording {})", self.shared.path.display()),
        }
    }

    /// What was recorded of the agent of `job`, if it was asked the same.
    async fn find(&self, job: &AgentJob) -> Result<Opened, RuntimeError> {
        let agent = job.id.agent.clone();
        let (stdin, spec) = (job.stdin.clone(), job.spec.clone());
        let (shared, name) = (Arc::clone(&self.shared), agent.clone());
        let found = blocking(move || {
            let Some((folder, entry)) = tape::entry(&shared.agents, &name)? else {
                return Ok(None);
            };
            let stdin = stdin
                .open()
                .and_then(hash_all)
                .map_err(|error| RefError::io("read", "the prompt", error))?;
            // Nobody says what was asked for: what it was told must do.
            let spec = spec.map_or_else(|| entry.asked.spec.clone(), |spec| spec.parts());
            let now = Asked { stdin, spec };
            Ok(Some(match difference(&entry.asked, &now) {
                Some(different) => Err(different),
                None => Ok(open(&folder, entry)?),
            }))
        });
        match found.await {
            Ok(Some(Ok(opened))) => Ok(opened),
            Ok(Some(Err(different))) => Err(self.refuse(
                &agent,
                &format!(
                    "it was asked something else when it was recorded: {different} differs; undo that change, or record \
                     the run again with `--record` and a new folder"
                ),
            )),
            Ok(None) => Err(self.refuse(
                &agent,
                "there is no agent of this name in the recording, or it had not ended; run the same command that was \
                 recorded, or record it again with `--record` and a new folder",
            )),
            Err(error) => Err(self.refuse(&agent, &error.to_string())),
        }
    }

    async fn tell(
        &self,
        job: &AgentJob,
        opened: Opened,
        output: &mut dyn OutputSink,
        (turn, stop): (&Turn<'_>, &CancellationToken),
    ) -> Result<AgentExit, RuntimeError> {
        let agent = &job.id.agent;
        let Opened {
            entry,
            stdout,
            stderr,
            egress,
            artifacts,
        } = opened;
        if let Some(image) = entry.image {
            output.started_in(image);
        }
        let mut limit = OutputLimit::new(job.max_output);
        for (stream, file, printed) in [
            (OutputStream::Stdout, stdout, entry.stdout),
            (OutputStream::Stderr, stderr, entry.stderr),
        ] {
            if let Some(file) = file {
                let told = self.stream(stream, file, &printed, output, &mut limit);
                told.await.map_err(|problem| match problem {
                    Untold::Unkept(error) => RuntimeError::Output(error),
                    Untold::Damaged(problem) => self.refuse(agent, &problem),
                })?;
            }
        }
        if let Some(decisions) = egress {
            output
                .egress(&decisions)
                .await
                .map_err(RuntimeError::Output)?;
        }
        if let Some(claims) = artifacts
            && let Err(error) = output.artifacts(&claims).await
        {
            tracing::warn!(%agent, %error, "its claims could not be kept");
        }
        let was_stopped = entry.end.is_stopped();
        let ended = entry.end.retold()?;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(AgentExit {
                reason: ExitReason::Cancelled,
                duration: ended.duration,
            }),
            () = turn.comes(entry.began, entry.ended), if !was_stopped => {}
            () = turn.is_abandoned(), if was_stopped => return Err(self.refuse(
                agent,
                "it was stopped from outside when it was recorded, and nobody stops it now; if its run was interrupted, \
                 finish that with `swarm runs resume RUN --record DIR`",
            )),
        }
        Ok(AgentExit {
            reason: limit.judge(ended.reason),
            duration: ended.duration,
        })
    }

    /// Passes one output on, as much of it as may be printed.
    async fn stream(
        &self,
        stream: OutputStream,
        mut file: File,
        printed: &Printed,
        output: &mut dyn OutputSink,
        limit: &mut OutputLimit,
    ) -> Result<(), Untold> {
        let mut hasher = Hasher::new();
        let mut left = printed.bytes;
        let unread = |error: RefError| Untold::Damaged(error.to_string());
        while left > 0 && !limit.exceeded().is_cancelled() {
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let read = blocking(move || {
                let mut chunk = vec![0; most];
                let read = file.read(&mut chunk);
                let read = read.map_err(|error| RefError::io("read", "what it printed", error))?;
                chunk.truncate(read);
                Ok((file, chunk))
            });
            let (back, chunk) = read.await.map_err(unread)?;
            file = back;
            if chunk.is_empty() {
                break;
            }
            hasher.add(&chunk);
            left -= chunk.len() as u64;
            let kept = limit.take(&chunk);
            if !kept.is_empty() {
                output.write(stream, kept).await.map_err(Untold::Unkept)?;
            }
            self.shared.order.step();
        }
        // What is left out was not hashed.
        if limit.exceeded().is_cancelled() || (left == 0 && hasher.finish() == printed.sha256) {
            return Ok(());
        }
        Err(Untold::Damaged(
            "what it printed was changed since it was recorded; record the run again".to_owned(),
        ))
    }
}

/// Why an output was not told to its end.
enum Untold {
    Unkept(io::Error),
    Damaged(String),
}

fn open(folder: &Folder, entry: Entry) -> Result<Opened, RefError> {
    let output = |name: &str, printed: &Printed| -> Result<Option<File>, RefError> {
        let path = folder.path().join(name);
        let Some(file) = folder.read(name)? else {
            return match printed.bytes {
                0 => Ok(None),
                _ => Err(unusable(&path, "it is missing; record the run again")),
            };
        };
        let size = file
            .metadata()
            .map_err(|error| RefError::io("read", &path, error))?
            .len();
        if size != printed.bytes {
            return Err(unusable(
                &path,
                format!(
                    "it has {size} bytes, and {} were recorded; record the run again",
                    printed.bytes
                ),
            ));
        }
        Ok(Some(file))
    };
    Ok(Opened {
        stdout: output(STDOUT, &entry.stdout)?,
        stderr: output(STDERR, &entry.stderr)?,
        egress: told(entry.egress, folder, EGRESS)?,
        artifacts: told(entry.artifacts, folder, ARTIFACTS)?,
        entry,
    })
}

/// What it was told at its end, if it was told anything.
fn told<T: DeserializeOwned>(
    was_told: bool,
    folder: &Folder,
    name: &str,
) -> Result<Option<Vec<T>>, RefError> {
    if !was_told {
        return Ok(None);
    }
    let Some(file) = folder.read(name)? else {
        return Ok(Some(Vec::new()));
    };
    let path = folder.path().join(name);
    let mut all = Vec::new();
    for line in BufReader::new(file.take(MAX_LINES)).lines() {
        let line = line.map_err(|error| RefError::io("read", &path, error))?;
        let damaged = |problem: &str| unusable(&path, format!("it is damaged: {problem}"));
        if all.len() >= MOST_LINES {
            return Err(damaged("it has too many lines"));
        }
        let value: Value =
            serde_json::from_str(&line).map_err(|error| damaged(&error.to_string()))?;
        // What swarm writes down of agents holds none: whoever shows it relies on that.
        if !is_plain(&value) {
            return Err(damaged("it holds control characters"));
        }
        all.push(serde_json::from_value(value).map_err(|error| damaged(&error.to_string()))?);
    }
    Ok(Some(all))
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.chars().any(char::is_control),
        Value::Array(all) => all.iter().all(is_plain),
        Value::Object(fields) => fields.values().all(is_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}
