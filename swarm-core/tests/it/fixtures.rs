//! What the tests of whole runs have in common.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{
    RunView,
    ids::{AgentId, RefId, RunId},
    journal::{
        EventLog, LogError, MemoryEventLog, NewEvent, Recorded, RunEvent, RunJournal, Sequence,
        Snapshot, SnapshotLog, StreamId, StreamInfo,
    },
    machine::End,
    outcome::{AgentOutcome, ExitReason},
    prompt::Piece,
    refs::{
        Check, Classification, Judged, MemoryRefStore, RecordEnd, RecordHeader, Recording, Ref,
        RefError, RefStore,
    },
    runtime::{AgentExit, AgentJob, AgentRuntime, OutputSink, OutputStream, RuntimeError},
    spec::{Agent, AgentSpec, Sandbox, SandboxSpec},
    testing::scripted::{Scripted, ScriptedRuntime},
    time::{Clock, SystemClock, Timestamp},
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// An agent that is told `prompt`, in the sandbox of these JSON fields.
pub(crate) fn agent_in(prompt: &str, fields: serde_json::Value) -> AgentSpec {
    let sandbox = SandboxSpec::from_json(fields, "sandbox").unwrap();
    let command = Agent::Command(vec!["scripted".to_owned()]);
    AgentSpec::new(
        prompt,
        SandboxSpec {
            agent: sandbox.agent.clone().or(Some(command)),
            ..sandbox
        },
    )
    .unwrap()
}

/// An agent that is told `prompt`.
pub(crate) fn agent(prompt: &str) -> AgentSpec {
    agent_in(prompt, serde_json::json!({}))
}

/// Plays what the first line of the prompt says, one word after the other: `fail`, `missing`, `refused`, `lost`, a number of
/// seconds to take, `score` and `list` to answer as somebody who judges or lists. What is told besides is printed.
pub(crate) fn play(_: &AgentJob, prompt: &str) -> Scripted {
    let first = prompt.lines().next().unwrap_or_default();
    let mut play = Scripted::says(prompt);
    for word in first.split(' ') {
        match word {
            "fail" => {
                play.exit = ExitReason::Failed { code: 3 };
                play.stderr = b"it said no\n".to_vec();
            }
            "missing" => play.exit = ExitReason::NotStarted,
            "refused" => play.exit = ExitReason::Refused,
            "lost" => play.exit = ExitReason::Lost,
            // It depends on what is judged, and on nothing else.
            "score" => {
                let quarters = prompt.bytes().map(usize::from).sum::<usize>() % 5;
                let score = [0.0, 0.25, 0.5, 0.75, 1.0][quarters];
                play.stdout = format!("{{\"score\": {score}}}").into_bytes();
            }
            "list" => play.stdout = br#"["one", "two"]"#.to_vec(),
            other => {
                if let Ok(seconds) = other.parse() {
                    play = play.after(Duration::from_secs(seconds));
                }
            }
        }
    }
    play
}

/// A runtime whose agents do what their prompts say.
pub(crate) fn scripted() -> ScriptedRuntime {
    ScriptedRuntime::new(play)
}

/// How `agent` ended.
pub(crate) fn outcome(view: &RunView, agent: &str) -> AgentOutcome {
    let found = view
        .agents
        .values()
        .find(|view| view.agent.as_str() == agent);
    let found = found.unwrap_or_else(|| panic!("{agent} is not in {:?}", view.agents));
    found.outcome.clone().unwrap()
}

/// The results that a run ended with.
pub(crate) fn succeeded(view: &RunView) -> Vec<String> {
    match view.end() {
        Some(
            End::Succeeded { refs }
            | End::Failed {
                succeeded: refs, ..
            },
        ) => refs.iter().map(|id| id.agent.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn ref_of(run: &RunId, agent: &str) -> RefId {
    RefId::new(run.clone(), AgentId::new(agent).unwrap())
}

/// The text of a result.
pub(crate) async fn text(store: &dyn RefStore, id: &RefId) -> String {
    let text = store.text(id).await.unwrap().read().unwrap();
    String::from_utf8(text).unwrap()
}

/// The events of `run`, which are there at once in a log in memory.
pub(crate) fn events(log: &Arc<MemoryEventLog>, run: &RunId) -> Vec<RunEvent> {
    let log: Arc<dyn EventLog> = Arc::<MemoryEventLog>::clone(log);
    let journal = RunJournal::new(log, Arc::new(SystemClock), run);
    let events = journal
        .read()
        .now_or_never()
        .expect("memory answers at once");
    events
        .unwrap()
        .into_iter()
        .map(|(_, event)| event)
        .collect()
}

/// Started and ended agents, in the order of the log.
pub(crate) fn story(events: &[RunEvent]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event {
            RunEvent::AgentStarted { agent, .. } => format!("{agent} started"),
            RunEvent::AgentEnded(ended) => format!("{} {}", ended.agent, ended.outcome.exit),
            other => other.kind().to_owned(),
        })
        .collect()
}

/// A log that holds the first events of another.
pub(crate) async fn log_of(run: &RunId, events: &[RunEvent]) -> Arc<MemoryEventLog> {
    let log = Arc::new(MemoryEventLog::new());
    let port: Arc<dyn EventLog> = Arc::<MemoryEventLog>::clone(&log);
    let journal = RunJournal::new(port, Arc::new(SystemClock), run);
    for event in events {
        journal.append(vec![event.clone()]).await.unwrap();
    }
    log
}

/// Shows the time that tokio has, which tests can pause, counted from a point in the past.
#[derive(Debug)]
pub(crate) struct TokioClock(Instant);

impl TokioClock {
    /// What it shows when it is made.
    pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_253_400_000);

    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Self::START.plus(self.0.elapsed())
    }
}

/// A log in memory that fails from a certain append on.
#[derive(Debug)]
pub(crate) struct FailingLog {
    pub(crate) log: Arc<MemoryEventLog>,
    appends: AtomicUsize,
    fails_from: usize,
    /// Told of each snapshot that is kept.
    pub(crate) snapshot_kept: Notify,
}

impl FailingLog {
    /// Every append works that comes before `fails_from`, counted from 0.
    pub(crate) fn new(fails_from: usize) -> Self {
        Self {
            log: Arc::new(MemoryEventLog::new()),
            appends: AtomicUsize::new(0),
            fails_from,
            snapshot_kept: Notify::new(),
        }
    }

    /// How many appends there were.
    pub(crate) fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.appends.load(Ordering::SeqCst) > self.fails_from
    }
}

impl EventLog for FailingLog {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>> {
        async move {
            // A disk is not as quick as memory.
            tokio::task::yield_now().await;
            if self.appends.fetch_add(1, Ordering::SeqCst) >= self.fails_from {
                return Err(LogError::Failed {
                    doing: "write to",
                    path: "in memory".to_owned(),
                    problem: "the disk is full".to_owned(),
                });
            }
            self.log.append(stream, events).await
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>> {
        self.log.read(stream, after, limit)
    }

    fn remove<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), LogError>> {
        self.log.remove(stream)
    }

    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>> {
        self.log.streams(prefix)
    }
}

impl SnapshotLog for FailingLog {
    fn keep_snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        async move {
            let kept = self.log.keep_snapshot(stream, snapshot).await;
            self.snapshot_kept.notify_one();
            kept
        }
        .boxed()
    }

    fn snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, LogError>> {
        self.log.snapshot(stream)
    }

    fn prune<'a>(
        &'a self,
        stream: &'a StreamId,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<usize, LogError>> {
        self.log.prune(stream, before, limit)
    }
}

/// A store in memory that cannot begin or finish some records, and knows some refs to be classified.
#[derive(Debug, Default)]
pub(crate) struct OddStore {
    pub(crate) store: MemoryRefStore,
    pub(crate) unkept_for: Vec<&'static str>,
    /// At what a record runs out of room.
    pub(crate) full_at: Mutex<Option<Full>>,
    /// Whether no record can be begun.
    pub(crate) no_room: AtomicBool,
    pub(crate) classified: Vec<(RefId, Classification)>,
}

impl RefStore for OddStore {
    fn begin(
        &self,
        header: RecordHeader,
        prompt: Vec<Piece>,
    ) -> BoxFuture<'_, Result<Box<dyn Recording>, RefError>> {
        let unkept = self.unkept_for.contains(&header.id.agent.as_str());
        let full = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let no_room = self.no_room.load(Ordering::SeqCst);
        let begun = self.store.begin(header, prompt);
        async move {
            if no_room {
                let full = io::Error::from(io::ErrorKind::StorageFull);
                return Err(RefError::io("write", "prompt.txt", full));
            }
            let recording = begun.await?;
            let failure = if unkept {
                Some((Full::Finish, io::ErrorKind::PermissionDenied))
            } else {
                full.map(|at| (at, io::ErrorKind::StorageFull))
            };
            Ok(match failure {
                Some((at, kind)) => Box::new(Failing(recording, at, kind)),
                None => recording,
            })
        }
        .boxed()
    }

    fn stamp<'a>(&'a self, id: &'a RefId, judged: Judged) -> BoxFuture<'a, Result<(), RefError>> {
        self.store.stamp(id, judged)
    }

    fn guard<'a>(
        &'a self,
        id: &'a RefId,
        check: &'a Check,
    ) -> BoxFuture<'a, Result<Ref, RefError>> {
        self.store.guard(id, check)
    }

    fn get<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Ref, RefError>> {
        async move {
            let mut found = self.store.get(id).await?;
            let known = self.classified.iter().find(|(known, _)| known == id);
            found.stamps.classification = known.map(|(_, c)| c.clone());
            Ok(found)
        }
        .boxed()
    }

    fn text<'a>(
        &'a self,
        id: &'a RefId,
    ) -> BoxFuture<'a, Result<swarm_core::content::Content, RefError>> {
        self.store.text(id)
    }
}

/// When a record fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// While the agent prints.
    Write,
    /// When it has ended.
    Finish,
}

struct Failing(Box<dyn Recording>, Full, io::ErrorKind);

impl OutputSink for Failing {
    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>> {
        if self.1 == Full::Write {
            let failed = Err(self.2.into());
            return async { failed }.boxed();
        }
        self.0.write(stream, chunk)
    }
}

impl Recording for Failing {
    fn prompt(&self) -> swarm_core::content::Content {
        self.0.prompt()
    }

    fn stderr_tail(&self) -> String {
        self.0.stderr_tail()
    }

    fn finish(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<Ref, RefError>> {
        if self.1 == Full::Write {
            return self.0.finish(end);
        }
        let failed = io::Error::from(self.2);
        async { Err(RefError::io("write", "result.json", failed)) }.boxed()
    }
}

/// A runtime whose agents take ten seconds to end when they are stopped, as real ones may.
#[derive(Debug)]
pub(crate) struct Slow(pub(crate) ScriptedRuntime);

impl AgentRuntime for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        self.0.check(sandbox)
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        async move {
            let exit = self.0.run(job, output, stop).await;
            if stop.is_cancelled() {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            exit
        }
        .boxed()
    }

    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        self.0.sweep(is_live)
    }
}

/// Remembers what it is given.
pub(crate) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Seen<T> {
    pub(crate) fn add(&self, thing: T) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thing);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<T> fmt::Debug for Seen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}
