//! A runtime that plays a script instead of running anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    ids::{RefId, RunId},
    outcome::ExitReason,
    runtime::{
        AgentExit, AgentJob, AgentRuntime, OutputLimit, OutputSink, OutputStream, Program,
        RuntimeError,
    },
    spec::Sandbox,
};

/// What an agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    /// What it prints on stdout, as soon as it has started.
    pub stdout: Vec<u8>,
    /// What it prints on stderr, as soon as it has started.
    pub stderr: Vec<u8>,
    /// How it ends if it is not stopped first. [`ExitReason::NotStarted`], [`ExitReason::Refused`] and
    /// [`ExitReason::Lost`] become the error that a real runtime gives for them.
    pub exit: ExitReason,
    /// How long it runs, of the time that tests can pause.
    pub takes: Duration,
}

impl Scripted {
    /// Prints `text` and completes at once.
    pub fn says(text: impl Into<Vec<u8>>) -> Self {
        Self {
            stdout: text.into(),
            stderr: Vec::new(),
            exit: ExitReason::Completed,
            takes: Duration::ZERO,
        }
    }

    /// Prints nothing and ends with `exit` at once.
    pub fn ends(exit: ExitReason) -> Self {
        Self {
            exit,
            ..Self::says("")
        }
    }

    /// The same, but it takes this long.
    #[must_use]
    pub fn after(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }
}

type Script = dyn Fn(&AgentJob, &str) -> Scripted + Send + Sync;

/// A runtime that asks a function what each agent does, and counts. A clone shares everything.
///
/// It is stricter than real runtimes: to start an agent while another with the same name runs panics.
#[derive(Clone)]
pub struct ScriptedRuntime {
    script: Arc<Script>,
    survivors: Arc<BTreeSet<RefId>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    jobs: Vec<AgentJob>,
    running: Vec<RefId>,
    most_running: usize,
    ends: BTreeMap<RefId, Vec<ExitReason>>,
}

impl fmt::Debug for ScriptedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedRuntime")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl ScriptedRuntime {
    /// A runtime whose agents do what `script` says for their job and prompt.
    pub fn new(script: impl Fn(&AgentJob, &str) -> Scripted + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            survivors: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// A runtime whose agents print their prompt and complete at once.
    pub fn echo() -> Self {
        Self::new(|_, prompt| Scripted::says(prompt))
    }

    /// The same, with agents that an earlier process started and that can be taken over.
    #[must_use]
    pub fn with_survivors(self, ids: impl IntoIterator<Item = RefId>) -> Self {
        Self {
            survivors: Arc::new(ids.into_iter().collect()),
            ..self
        }
    }

    /// Every job that was started, in this order.
    pub fn jobs(&self) -> Vec<AgentJob> {
        self.seen().jobs.clone()
    }

    /// How often `id` was started.
    pub fn starts(&self, id: &RefId) -> usize {
        self.seen().jobs.iter().filter(|job| job.id == *id).count()
    }

    /// The agents that run now.
    pub fn running(&self) -> Vec<RefId> {
        self.seen().running.clone()
    }

    /// The most agents that ever ran at the same time.
    pub fn most_running(&self) -> usize {
        self.seen().most_running
    }

    /// How `id` has ended, once for each start; a start whose future was dropped has no end.
    pub fn ends(&self, id: &RefId) -> Vec<ExitReason> {
        self.seen().ends.get(id).cloned().unwrap_or_default()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, job: &AgentJob) -> Running<'_> {
        let mut seen = self.seen();
        assert!(
            !seen.running.contains(&job.id),
            "{} was started while it runs",
            job.id
        );
        seen.jobs.push(job.clone());
        seen.running.push(job.id.clone());
        seen.most_running = seen.most_running.max(seen.running.len());
        drop(seen);
        Running {
            runtime: self,
            id: job.id.clone(),
        }
    }
}

/// Counts an agent as running while it lives.
struct Running<'a> {
    runtime: &'a ScriptedRuntime,
    id: RefId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.runtime.seen().running.retain(|id| *id != self.id);
    }
}

impl AgentRuntime for ScriptedRuntime {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn check(&self, _: &Sandbox) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn identity<'a>(
        &'a self,
        program: &'a Program<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, RuntimeError>> {
        let _ = program;
        Box::pin(ready(Ok(Some("the script".to_owned()))))
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        Box::pin(async move {
            let _running = self.begin(job);
            let started = Instant::now();
            let prompt = job.stdin.read();
            let prompt = prompt.map_err(|e| RuntimeError::Start(e.to_string()))?;
            let play = (self.script)(job, &String::from_utf8_lossy(&prompt));
            let mut limit = OutputLimit::new(job.max_output);
            for (stream, text) in [
                (OutputStream::Stdout, &play.stdout),
                (OutputStream::Stderr, &play.stderr),
            ] {
                let text = limit.take(text);
                if !text.is_empty() {
                    let written = output.write(stream, text).await;
                    written.map_err(RuntimeError::Output)?;
                }
            }
            let reason = tokio::select! {
                biased;
                () = stop.cancelled() => ExitReason::Cancelled,
                () = limit.exceeded().cancelled() => limit.reason(),
                () = sleep(play.takes), if play.takes <= job.timeout => play.exit,
                () = sleep(job.timeout) => ExitReason::TimedOut { after: job.timeout },
            };
            let mut seen = self.seen();
            let ends = seen.ends.entry(job.id.clone()).or_default();
            ends.push(reason.clone());
            drop(seen);
            exit(reason, started.elapsed())
        })
    }

    fn can_take_over<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<bool, RuntimeError>> {
        Box::pin(ready(Ok(self.survivors.contains(id))))
    }

    fn sweep<'a>(
        &'a self,
        _: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn exit(reason: ExitReason, duration: Duration) -> Result<AgentExit, RuntimeError> {
    let scripted = || "as its script says".to_owned();
    match reason {
        ExitReason::NotStarted => Err(RuntimeError::Start(scripted())),
        ExitReason::Lost => Err(RuntimeError::Lost(scripted())),
        ExitReason::Refused => Err(RuntimeError::Refused {
            field: "the agent".to_owned(),
            reason: scripted(),
        }),
        reason => Ok(AgentExit { reason, duration }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{runtime::shell_job, sink::VecSink};

    fn job(agent: &str) -> AgentJob {
        let mut job = shell_job(format!("run/{agent}").parse().unwrap(), "");
        job.stdin = "the prompt".into();
        job.timeout = Duration::from_mins(1);
        job
    }

    #[tokio::test(start_paused = true)]
    async fn it_plays_the_script_and_remembers_the_job() {
        let runtime = ScriptedRuntime::echo();
        let mut sink = VecSink::default();
        let exit = runtime
            .run(&job("a"), &mut sink, &CancellationToken::new())
            .await
            .unwrap();
        assert_eq!(exit.reason, ExitReason::Completed);
        assert_eq!(sink.text(), "the prompt");
        let id = job("a").id;
        assert_eq!(runtime.starts(&id), 1);
        assert_eq!(runtime.ends(&id), [ExitReason::Completed]);
        assert!(runtime.running().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn timeout_and_stop_end_it_in_paused_time() {
        let runtime = ScriptedRuntime::new(|_, _| Scripted::says("x").after(Duration::MAX));
        let stop = CancellationToken::new();
        let mut sink = VecSink::default();
        let exit = runtime.run(&job("a"), &mut sink, &stop).await.unwrap();
        assert_eq!(exit.duration, Duration::from_mins(1));
        assert!(matches!(exit.reason, ExitReason::TimedOut { .. }));

        stop.cancel();
        let exit = runtime.run(&job("a"), &mut sink, &stop).await.unwrap();
        assert_eq!(exit.reason, ExitReason::Cancelled);
    }

    #[tokio::test(start_paused = true)]
    async fn it_counts_who_runs_at_the_same_time() {
        let runtime = ScriptedRuntime::new(|_, _| Scripted::says("").after(Duration::from_secs(1)));
        let (stop, a, b) = (CancellationToken::new(), job("a"), job("b"));
        let (mut sink_a, mut sink_b) = (VecSink::default(), VecSink::default());
        let both = futures_util::future::join(
            runtime.run(&a, &mut sink_a, &stop),
            runtime.run(&b, &mut sink_b, &stop),
        );
        drop(tokio::time::timeout(Duration::from_millis(500), both).await);
        assert_eq!(runtime.most_running(), 2);
        assert!(runtime.running().is_empty(), "a dropped agent still counts");
        assert!(runtime.ends(&a.id).is_empty());
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "run/a was started while it runs")]
    async fn the_same_agent_twice_at_a_time_is_a_defect() {
        let runtime = ScriptedRuntime::new(|_, _| Scripted::says("").after(Duration::from_secs(1)));
        let (stop, a) = (CancellationToken::new(), job("a"));
        let (mut first, mut second) = (VecSink::default(), VecSink::default());
        drop(
            futures_util::future::join(
                runtime.run(&a, &mut first, &stop),
                runtime.run(&a, &mut second, &stop),
            )
            .await,
        );
    }
}
