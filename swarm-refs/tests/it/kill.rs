//! A whole run that is killed at any moment and resumed by another process: it ends as an undisturbed one does,
//! nobody who has ended works again, and nothing stays behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _};
use rustix::process::{Signal, getpid, kill_process};
use swarm_core::{
    Control, NewRun, Plan, RunView, Swarm, SwarmError,
    content::Content,
    ids::{RefId, RunId},
    journal::{
        EventLog, LogError, NewEvent, Recorded, RunLimits, Sequence, SqliteEventLog, StreamId,
        StreamInfo,
    },
    machine::End,
    outcome::ExitReason,
    plan::{chain, par, race, retry, run},
    prompt::Piece,
    refs::{Check, Judged, RecordEnd, RecordHeader, Recording, Ref, RefError, RefStore},
    runtime::{
        OutputSink, OutputStream,
        process::{ProcessOptions, ProcessRuntime},
    },
    spec::AgentSpec,
    time::SystemClock,
};
use swarm_refs::FsRefStore;

/// Tells the re-executed test binary where everything is.
const HOME: &str = "SWARM_TEST_HOME";
/// Which plan to run.
const PLAN: &str = "SWARM_TEST_PLAN";
/// Before which write to die; never if it is not given.
const DIE_BEFORE: &str = "SWARM_TEST_DIE_BEFORE";

const NEVER: i64 = i64::MAX;

fn run_id() -> RunId {
    RunId::new("killed").unwrap()
}

/// An agent that reads its prompt, notes that it began, does `then`, and takes a moment for it.
fn agent(home: &Path, name: &str, then: &str) -> Plan {
    let script = format!("prompt=$(cat); echo \"$1 began\" >> \"$2\"; sleep 0.02; {then}");
    let trace = trace(home).display().to_string();
    let command = ["sh", "-c", &script, "sh", name, &trace];
    run(AgentSpec::command(format!("I am {name}."), command).unwrap())
}

fn trace(home: &Path) -> PathBuf {
    home.join("trace")
}

fn plan(home: &Path, name: &str) -> Plan {
    let quick = |name: &str| agent(home, name, "echo \"$prompt\"");
    match name {
        "gather" => Plan::Reduce {
            inputs: Vec::new(),
            body: Some(Box::new(par([
                quick("agent-0"),
                agent(home, "agent-1", "echo half; echo no >&2; exit 3"),
                quick("agent-2"),
            ]))),
            reducer: Box::new(quick("reducer")),
        },
        "race" => chain([
            race([
                agent(home, "stage-0.agent-0", "sleep 600"),
                quick("stage-0.agent-1"),
            ]),
            retry(
                // Only who is told of an earlier attempt succeeds.
                agent(
                    home,
                    "stage-1",
                    "echo \"$prompt\"; case $prompt in *Prior*) ;; *) echo no >&2; exit 1; esac",
                ),
                NonZeroU32::new(3).unwrap(),
            ),
        ]),
        other => panic!("no plan {other}"),
    }
}

/// Kills this process before one of its writes, and thereby after another.
#[derive(Debug)]
struct Doom(AtomicI64);

impl Doom {
    fn step(&self) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            kill_process(getpid(), Signal::KILL).unwrap();
            std::thread::park();
            panic!("a killed process goes on");
        }
    }
}

/// The real log or store, whose writes are counted.
#[derive(Debug)]
struct Doomed<T> {
    inner: T,
    doom: Arc<Doom>,
}

impl EventLog for Doomed<SqliteEventLog> {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>> {
        self.doom.step();
        self.inner.append(stream, events)
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>> {
        self.inner.read(stream, after, limit)
    }

    fn remove<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), LogError>> {
        self.inner.remove(stream)
    }

    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>> {
        self.inner.streams(prefix)
    }
}

impl RefStore for Doomed<FsRefStore> {
    fn begin(
        &self,
        header: RecordHeader,
        prompt: Vec<Piece>,
    ) -> BoxFuture<'_, Result<Box<dyn Recording>, RefError>> {
        async move {
            self.doom.step();
            let inner = self.inner.begin(header, prompt).await?;
            let doom = Arc::clone(&self.doom);
            let recording: Box<dyn Recording> = Box::new(Doomed { inner, doom });
            Ok(recording)
        }
        .boxed()
    }

    fn get<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Ref, RefError>> {
        self.inner.get(id)
    }

    fn stamp<'a>(&'a self, id: &'a RefId, judged: Judged) -> BoxFuture<'a, Result<(), RefError>> {
        self.doom.step();
        self.inner.stamp(id, judged)
    }

    fn guard<'a>(
        &'a self,
        id: &'a RefId,
        check: &'a Check,
    ) -> BoxFuture<'a, Result<Ref, RefError>> {
        RefStore::guard(&self.inner, id, check)
    }

    fn text<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Content, RefError>> {
        self.inner.text(id)
    }
}

impl OutputSink for Doomed<Box<dyn Recording>> {
    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, std::io::Result<()>> {
        self.doom.step();
        self.inner.write(stream, chunk)
    }
}

impl Recording for Doomed<Box<dyn Recording>> {
    fn prompt(&self) -> Content {
        self.inner.prompt()
    }

    fn stderr_tail(&self) -> String {
        self.inner.stderr_tail()
    }

    fn finish(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<Ref, RefError>> {
        self.doom.step();
        self.inner.finish(end)
    }
}

/// Starts the run, or goes on with it.
async fn drive(home: &Path, plan_name: &str, die_before: i64) -> RunView {
    let doom = Arc::new(Doom(AtomicI64::new(die_before)));
    let log = SqliteEventLog::open(&home.join("swarm.db")).unwrap();
    let store = FsRefStore::open(home, Arc::new(SystemClock)).unwrap();
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.join("agents")));
    let swarm = Swarm::builder(Arc::new(runtime))
        .log(Arc::new(Doomed {
            inner: log,
            doom: Arc::clone(&doom),
        }))
        .store(Arc::new(Doomed { inner: store, doom }))
        .build();
    match swarm.resume(&run_id(), Control::default()).await {
        Ok(view) => view,
        Err(SwarmError::RunEnded(_)) => swarm.view(&run_id()).await.unwrap(),
        Err(SwarmError::RunNotFound(_)) => {
            let new = NewRun {
                id: run_id(),
                plan: plan(home, plan_name),
                limits: RunLimits::default(),
            };
            swarm.run(new, Control::default()).await.unwrap()
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of the tests below, which run it in a process of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "the only way to reach a test in a process of its own"
)]
async fn drives_a_run() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let plan = std::env::var(PLAN).unwrap();
    let die_before = std::env::var(DIE_BEFORE).map_or(NEVER, |text| text.parse().unwrap());
    drive(Path::new(&home), &plan, die_before).await;
}

fn process(home: &Path, plan: &str, die_before: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::drives_a_run", "--exact", "--ignored", "--nocapture"])
        .env(HOME, home)
        .env(PLAN, plan)
        .env(DIE_BEFORE, die_before.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether the process came to its end; if it did not, it was killed.
fn came_to_its_end(mut child: Child) -> bool {
    let status: ExitStatus = child.wait().unwrap();
    if status.code().is_none() {
        return false;
    }
    // What was orphaned holds the pipes open only if the process was killed.
    let mut said = String::new();
    child.stdout.unwrap().read_to_string(&mut said).unwrap();
    child.stderr.unwrap().read_to_string(&mut said).unwrap();
    assert!(status.success() && said.contains("1 passed"), "{said}");
    true
}

/// What can be seen from outside between two processes.
#[derive(Debug)]
struct Seen {
    view: Option<RunView>,
    /// Agents that the log or the store knows to have ended.
    ended: BTreeSet<String>,
    /// How often each agent has begun.
    began: BTreeMap<String, usize>,
}

async fn look(home: &Path) -> Seen {
    let log = SqliteEventLog::open(&home.join("swarm.db")).unwrap();
    let store = FsRefStore::open(home, Arc::new(SystemClock)).unwrap();
    let runtime = ProcessRuntime::new(ProcessOptions::new(home.join("agents")));
    let swarm = Swarm::builder(Arc::new(runtime)).log(Arc::new(log)).build();
    let view = swarm.view(&run_id()).await.ok();
    let mut ended = BTreeSet::new();
    for agent in view.iter().flat_map(|view| view.agents.values()) {
        let id = RefId::new(run_id(), agent.agent.clone());
        if agent.outcome.is_some() || store.get(&id).await.is_ok() {
            ended.insert(agent.agent.to_string());
        }
    }
    let trace = fs::read_to_string(trace(home)).unwrap_or_default();
    let mut began = BTreeMap::new();
    for name in trace.lines().filter_map(|line| line.strip_suffix(" began")) {
        *began.entry(name.to_owned()).or_default() += 1;
    }
    Seen { view, ended, began }
}

/// How a run ended, and what its agents said, but for losers of a race.
type Conclusion = (End, BTreeMap<String, (ExitReason, String)>);

async fn conclusion(home: &Path) -> Conclusion {
    let store = FsRefStore::open(home, Arc::new(SystemClock)).unwrap();
    let view = look(home).await.view.unwrap();
    let mut agents = BTreeMap::new();
    for agent in view.agents.values() {
        let outcome = agent.outcome.as_ref().unwrap();
        let Some(id) = &outcome.result else {
            assert_eq!(outcome.exit, ExitReason::Cancelled, "{}", agent.agent);
            continue;
        };
        let found = store.get(id).await.unwrap();
        assert_eq!(found.exit, outcome.exit, "{id}");
        let text = store.text(id).await.unwrap().read().unwrap();
        if outcome.exit != ExitReason::Cancelled {
            let text = String::from_utf8(text).unwrap();
            agents.insert(agent.agent.to_string(), (outcome.exit.clone(), text));
        }
    }
    (view.end().unwrap().clone(), agents)
}

/// Processes that were started with a path below `home` in their environment, and folders of agents.
fn leftovers(home: &Path) -> Vec<String> {
    let folders = fs::read_dir(home.join("agents")).into_iter().flatten();
    let mut left: Vec<String> = folders
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    let mark = home.join("agents").display().to_string();
    for entry in fs::read_dir("/proc").into_iter().flatten() {
        let folder = entry.unwrap().path();
        let environ = fs::read(folder.join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environ).contains(&mark) {
            left.push(folder.display().to_string());
        }
    }
    left
}

/// Resumes the run in `home`, which was killed `when`, and checks that nobody can tell.
async fn resumed(home: &Path, plan: &str, when: &str, expected: &Conclusion) {
    let before = look(home).await;
    assert!(came_to_its_end(process(home, plan, NEVER)), "{when}");
    let after = look(home).await;
    assert_eq!(&conclusion(home).await, expected, "{when}");
    for agent in &before.ended {
        // All attempts go by one name.
        if agent.contains("attempt") {
            continue;
        }
        let began = |seen: &Seen| seen.began.get(agent).copied();
        assert_eq!(
            began(&before),
            began(&after),
            "{agent} had ended and ran again, {when}"
        );
    }
    assert_eq!(leftovers(home), Vec::<String>::new(), "{when}");
}

async fn undisturbed(plan: &str) -> Conclusion {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    assert!(came_to_its_end(process(&home, plan, NEVER)));
    assert_eq!(leftovers(&home), Vec::<String>::new());
    conclusion(&home).await
}

/// Kills a run before its first write, before its second, and so on until there is none to be killed before.
async fn killed_before_every_write(plan: &str) {
    let expected = undisturbed(plan).await;
    for write in 0.. {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        if came_to_its_end(process(&home, plan, write)) {
            assert!(write > 10, "there is something to be killed before");
            return;
        }
        let when = format!("killed before write {write} of {plan}");
        resumed(&home, plan, &when, &expected).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reduction_that_is_killed_before_any_write_ends_as_an_undisturbed_one() {
    killed_before_every_write("gather").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_race_that_is_killed_before_any_write_ends_as_an_undisturbed_one() {
    killed_before_every_write("race").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_run_that_is_killed_at_any_time_and_again_when_it_is_resumed_ends_as_an_undisturbed_one()
{
    let plan = "gather";
    let expected = undisturbed(plan).await;
    for step in 0..20_u64 {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let delays = [step * 8, (step * 37) % 160];
        for delay in delays.map(Duration::from_millis) {
            let mut child = process(&home, plan, NEVER);
            tokio::time::sleep(delay).await;
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let when = format!("killed after {delays:?} ms");
        resumed(&home, plan, &when, &expected).await;
    }
}
