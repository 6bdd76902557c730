//! A runtime that writes down what the agents of another one do.

use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{
    artifacts::ArtifactClaim,
    ids::{AgentId, RefId, RunId},
    refs::{ImageStamp, RefError},
    runtime::{
        AgentExit, AgentJob, AgentRuntime, EgressDecision, OutputSink, OutputStream, Program,
        RuntimeError,
    },
    spec::Sandbox,
};
use tokio_util::sync::CancellationToken;

use super::{
    entry::{Asked, Ended, hash_all},
    reel::Reel,
    tape::Tape,
};
use crate::{folder::Folder, fs_store::blocking};

/// Runs agents in another runtime and keeps what they print, so that [`ReplayRuntime`](super::ReplayRuntime) can tell it again.
///
/// An agent counts as recorded from the moment it has ended and everything about it is durable. What cannot be written down
/// stops nobody: the agent goes on, and [`unkept`](Self::unkept) tells.
#[derive(Clone)]
pub struct RecordingRuntime {
    inner: Arc<dyn AgentRuntime>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    agents: Arc<Folder>,
    /// The next place in the order of beginnings and ends.
    next: AtomicU64,
    unkept: Mutex<Option<String>>,
}

impl fmt::Debug for RecordingRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingRuntime")
            .field("inner", &self.inner)
            .field("agents", &self.shared.agents.path())
            .finish_non_exhaustive()
    }
}

impl RecordingRuntime {
    /// Records the agents of the new run `run`, which run in `inner`, into the folder `path`, which is made if it is not there.
    /// Only one process at a time may record a run.
    ///
    /// # Errors
    ///
    /// [`RefError::UnusableRecording`] if there is something in the folder.
    pub async fn create(
        inner: Arc<dyn AgentRuntime>,
        path: &Path,
        run: &RunId,
    ) -> Result<Self, RefError> {
        let (path, run, name) = (path.to_owned(), run.clone(), inner.name());
        let tape = blocking(move || Tape::create(&path, &run, name)).await?;
        Ok(Self::new(inner, tape))
    }

    /// Goes on with the recording of `run` in the folder `path`. Agents that run again are recorded again.
    ///
    /// # Errors
    ///
    /// [`RefError::UnusableRecording`] if there is no recording of this run.
    pub async fn reopen(
        inner: Arc<dyn AgentRuntime>,
        path: &Path,
        run: &RunId,
    ) -> Result<Self, RefError> {
        let (path, run) = (path.to_owned(), run.clone());
        let tape = blocking(move || Tape::reopen(&path, &run)).await?;
        Ok(Self::new(inner, tape))
    }

    fn new(inner: Arc<dyn AgentRuntime>, tape: Tape) -> Self {
        let places = tape.known.iter().map(|known| known.ended.max(known.began));
        let next = places.max().map_or(0, |last| last.saturating_add(1));
        Self {
            inner,
            shared: Arc::new(Shared {
                agents: Arc::new(tape.agents),
                next: AtomicU64::new(next),
                unkept: Mutex::default(),
            }),
        }
    }

    /// What could not be recorded first, and why; `None` if everything was.
    pub fn unkept(&self) -> Option<String> {
        self.shared.unkept().clone()
    }
}

impl Shared {
    fn place(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn unkept(&self) -> MutexGuard<'_, Option<String>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, agent: &AgentId, error: &dyn fmt::Display) {
        tracing::warn!(%agent, %error, "an agent is not recorded");
        self.unkept()
            .get_or_insert_with(|| format!("{agent}: {error}"));
    }

    async fn begin(&self, job: &AgentJob) -> Result<Reel, RefError> {
        let began = self.place();
        let (agents, agent) = (Arc::clone(&self.agents), job.id.agent.clone());
        let (stdin, spec) = (job.stdin.clone(), job.spec.clone());
        blocking(move || {
            let stdin = stdin
                .open()
                .and_then(hash_all)
                .map_err(|error| RefError::io("read", "the prompt", error))?;
            let spec = spec.map(|spec| spec.parts()).unwrap_or_default();
            Reel::begin(agents, agent, Asked { stdin, spec }, began)
        })
        .await
    }

    async fn finish(
        &self,
        job: &AgentJob,
        ended: &Result<AgentExit, RuntimeError>,
        reel: Option<Reel>,
    ) {
        let by_deadline = job.timeout < job.sandbox.timeout;
        let (Some(reel), Some(end)) = (reel, Ended::of(ended, by_deadline)) else {
            return;
        };
        let place = self.place();
        if let Err(error) = blocking(move || reel.finish(end, place)).await {
            self.lose(&job.id.agent, &error);
        }
    }
}

impl AgentRuntime for RecordingRuntime {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        self.inner.check(sandbox)
    }

    fn look_around<'a>(
        &'a self,
        sandboxes: &'a [&'a Sandbox],
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        self.inner.look_around(sandboxes)
    }

    fn starts_programs(&self) -> bool {
        self.inner.starts_programs()
    }

    /// Nobody can tell: an agent that took a stored result would not be recorded.
    fn identity<'a>(
        &'a self,
        program: &'a Program<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, RuntimeError>> {
        let _ = program;
        std::future::ready(Ok(None)).boxed()
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        async move {
            let reel = match self.shared.begin(job).await {
                Ok(reel) => Some(reel),
                Err(error) => {
                    self.shared.lose(&job.id.agent, &error);
                    None
                }
            };
            let mut tee = Tee {
                output,
                agent: &job.id.agent,
                shared: &self.shared,
                reel: Arc::new(Mutex::new(reel)),
            };
            let ended = self.inner.run(job, &mut tee, stop).await;
            let reel = tee.take();
            self.shared.finish(job, &ended, reel).await;
            ended
        }
        .boxed()
    }

    fn can_take_over<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<bool, RuntimeError>> {
        self.inner.can_take_over(id)
    }

    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        self.inner.sweep(is_live)
    }
}

/// Passes everything on, and keeps a copy. The reel is shared with the blocking task that writes: a write whose future is
/// dropped still ends in order.
struct Tee<'a> {
    output: &'a mut dyn OutputSink,
    agent: &'a AgentId,
    shared: &'a Shared,
    reel: Arc<Mutex<Option<Reel>>>,
}

impl Tee<'_> {
    fn take(&self) -> Option<Reel> {
        lock(&self.reel).take()
    }

    async fn keep(
        &mut self,
        write: impl FnOnce(&mut Reel) -> Result<(), RefError> + Send + 'static,
    ) {
        let reel = Arc::clone(&self.reel);
        let kept = blocking(move || {
            let mut reel = lock(&reel);
            let kept = reel.as_mut().map_or(Ok(()), write);
            if kept.is_err() {
                // What lacks something in the middle is no recording.
                *reel = None;
            }
            kept
        });
        if let Err(error) = kept.await {
            self.shared.lose(self.agent, &error);
        }
    }
}

fn lock(reel: &Mutex<Option<Reel>>) -> MutexGuard<'_, Option<Reel>> {
    reel.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OutputSink for Tee<'_> {
    fn started_in(&mut self, image: ImageStamp) {
        if let Some(reel) = lock(&self.reel).as_mut() {
            reel.image = Some(image.clone());
        }
        self.output.started_in(image);
    }

    fn write<'b>(
        &'b mut self,
        stream: OutputStream,
        chunk: &'b [u8],
    ) -> BoxFuture<'b, io::Result<()>> {
        async move {
            let copy = chunk.to_vec();
            self.keep(move |reel| reel.write(stream, &copy)).await;
            self.output.write(stream, chunk).await
        }
        .boxed()
    }

    fn egress<'b>(&'b mut self, decisions: &'b [EgressDecision]) -> BoxFuture<'b, io::Result<()>> {
        async move {
            let copy = decisions.to_vec();
            self.keep(move |reel| reel.egress(&copy)).await;
            self.output.egress(decisions).await
        }
        .boxed()
    }

    fn artifacts<'b>(&'b mut self, claims: &'b [ArtifactClaim]) -> BoxFuture<'b, io::Result<()>> {
        async move {
            let copy = claims.to_vec();
            self.keep(move |reel| reel.artifacts(&copy)).await;
            self.output.artifacts(claims).await
        }
        .boxed()
    }
}
