//! What a step costs besides its agent, how wide a run may be, and how fast its log is read again.
//!
//! `cargo bench -p swarm-pipeline --bench steps [-- FOLDER]`; the disk that is measured is that of FOLDER, or of the folder for temporary
//! files. Linux, since the memory is read from `/proc`.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use swarm_core::{
    Control, NewRun, Plan, RunView, Swarm,
    drive::{Driven, Halt, Happened, Performed, Performer, Recorder, Start, drive},
    ids::{RefId, RunId},
    journal::{LogError, RunEvent, RunJournal, RunLimits, SqliteEventLog},
    machine::{Machine, ScopeLimits},
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    plan::{self, Program, Step},
    resources::PoolLimits,
    runtime::{AgentExit, AgentJob, AgentRuntime, OutputSink, RuntimeError},
    spec::{AgentSpec, Sandbox},
    time::SystemClock,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

type Res<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const STEPS: u32 = 300;
const BRANCHES: u32 = 1_000;
const EVENTS: u32 = 100_000;
const MANY: u32 = 10_000;
/// In KiB.
const MOST_MEMORY: u64 = 64 * 1024;

fn main() -> Res<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if first.as_deref() == Some("--peak") {
        let branches = args.next().unwrap_or_default().parse()?;
        return runtime.block_on(peak(branches));
    }
    let folder = first.map_or_else(std::env::temp_dir, PathBuf::from);
    runtime.block_on(async {
        steps(&folder).await?;
        fan_out(&folder).await?;
        replay(&folder).await
    })?;
    memory()
}

fn verdict(holds: bool, target: &str) -> String {
    let word = if holds { "PASS" } else { "MISS" };
    format!("{word} (target {target})")
}

fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Agents that complete as soon as they are started, and a note of when that was.
#[derive(Clone, Debug, Default)]
struct Instantly {
    starts: Arc<Mutex<Vec<Instant>>>,
}

impl AgentRuntime for Instantly {
    fn name(&self) -> &'static str {
        "instantly"
    }

    fn check(&self, _: &Sandbox) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn run<'a>(
        &'a self,
        _: &'a AgentJob,
        _: &'a mut dyn OutputSink,
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        let starts = self.starts.lock();
        starts
            .unwrap_or_else(PoisonError::into_inner)
            .push(Instant::now());
        Box::pin(std::future::ready(Ok(AgentExit {
            reason: ExitReason::Completed,
            duration: Duration::ZERO,
        })))
    }

    fn sweep<'a>(
        &'a self,
        _: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

fn agent() -> Res<AgentSpec> {
    Ok(AgentSpec::command("Say nothing.", ["true"])?)
}

fn pipeline(count: u32) -> Res<Plan> {
    let steps = (0..count).map(|i| {
        Ok(Step {
            id: format!("step-{i}").parse()?,
            work: plan::run(agent()?),
            only_after_error: false,
            on_fail: None,
            on_success: None,
            retry_if: Vec::new(),
            next: None,
            max_retries: 3,
        })
    });
    let program = Program {
        name: None,
        steps: steps.collect::<Res<_>>()?,
        entry: 0,
        given: Vec::new(),
        limits: ScopeLimits::default(),
        governors: std::collections::BTreeMap::new(),
        definition: Arc::default(),
        input: None,
        digest: String::new(),
    };
    Ok(Plan::Pipeline {
        program: program.into(),
    })
}

fn branches(count: u32) -> Res<Plan> {
    let inputs: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    Ok(plan::map(&agent()?, inputs.iter().map(String::as_str)))
}

fn swarm(runtime: &Instantly, folder: &Path, slots: usize) -> Res<(Swarm, Arc<SqliteEventLog>)> {
    let log = Arc::new(SqliteEventLog::open(&folder.join("swarm.db"))?);
    let limits = PoolLimits {
        slots: slots.try_into()?,
        ..PoolLimits::default()
    };
    let swarm = Swarm::builder(Arc::new(runtime.clone()))
        .log(Arc::<SqliteEventLog>::clone(&log))
        .limits(limits);
    Ok((swarm.build(), log))
}

/// From the start of an agent to the start of the next: its end is decided and kept, and so is the start of the next one.
async fn steps(folder: &Path) -> Res<()> {
    let runtime = Instantly::default();
    let folder = tempfile::tempdir_in(folder)?;
    let (swarm, _) = swarm(&runtime, folder.path(), 10)?;
    let view = swarm.execute(pipeline(STEPS)?).await?;
    let starts = runtime.starts.lock();
    let starts = starts.unwrap_or_else(PoisonError::into_inner).clone();
    let pairs = starts.iter().zip(starts.iter().skip(1));
    let step = median(pairs.map(|(a, b)| *b - *a).collect());
    // The events of one step, in their size.
    let events = swarm.journal(&view.run).read().await?;
    let bytes: usize = events
        .iter()
        .skip(1)
        .map(|(_, event)| serde_json::to_string(event).map_or(0, |text| text.len()))
        .sum();
    let bytes = bytes / events.len().max(1);
    let bare = bare_append(&folder.path().join("bare.db"), bytes)?;
    let commits = 2_u32;
    let ratio = step.as_secs_f64() / (bare * commits).as_secs_f64();
    println!(
        "step: {} median, decided, kept in {commits} commits, applied; {}",
        millis(step),
        verdict(step <= Duration::from_millis(1), "1 ms")
    );
    println!(
        "  bare append of {bytes} bytes with its sync: {} median; the step is {ratio:.2} times {commits} of them",
        millis(bare)
    );
    Ok(())
}

/// What SQLite itself takes to make one row durable, without anything around it.
fn bare_append(path: &Path, bytes: usize) -> Res<Duration> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("CREATE TABLE rows (number INTEGER PRIMARY KEY, data TEXT NOT NULL)")?;
    let mut insert = db.prepare("INSERT INTO rows (data) VALUES (?1)")?;
    let data = "x".repeat(bytes);
    let mut times = Vec::new();
    for _ in 0..STEPS {
        let began = Instant::now();
        insert.execute([&data])?;
        times.push(began.elapsed());
    }
    Ok(median(times))
}

async fn fan_out(folder: &Path) -> Res<()> {
    for slots in [10, 1_000] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let folder = tempfile::tempdir_in(folder)?;
            let (swarm, _) = swarm(&Instantly::default(), folder.path(), slots)?;
            let began = Instant::now();
            let view = swarm.execute(branches(BRANCHES)?).await?;
            times.push(began.elapsed());
            if view.counts().succeeded != usize::try_from(BRANCHES)? {
                return Err("not all of them ended well".into());
            }
        }
        let time = median(times);
        println!(
            "fan-out of {BRANCHES}, {slots} at once: {} median; {}",
            millis(time),
            verdict(time <= Duration::from_secs(1), "1 s")
        );
    }
    Ok(())
}

/// Keeps starts and ends as a run does, many in one commit.
struct Keeping<'j> {
    journal: &'j RunJournal,
    batch: Vec<RunEvent>,
}

impl Recorder for Keeping<'_> {
    async fn happened(&mut self, events: &[Happened]) -> Result<(), LogError> {
        for event in events {
            if let Happened::Agent(ended) = event {
                self.batch.push(RunEvent::AgentStarted {
                    at: ended.at.clone(),
                    agent: ended.agent.clone(),
                    reserved: Usd::ZERO,
                });
                self.batch.push(RunEvent::AgentEnded(ended.clone()));
            }
        }
        if self.batch.len() > 5_000 {
            self.journal.append(std::mem::take(&mut self.batch)).await?;
        }
        Ok(())
    }

    async fn cancel_requested(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

struct NoOp(RunId);

impl Performer for NoOp {
    async fn perform(&self, start: Start, _: Halt) -> Performed {
        Performed::Ended(AgentOutcome {
            exit: ExitReason::Completed,
            error: None,
            cost: Some(Usd::ZERO),
            duration: Duration::ZERO,
            result: Some(RefId::new(self.0.clone(), start.agent)),
            finding: None,
            cached: false,
        })
    }
}

/// From the file to the state of the run.
async fn replay(folder: &Path) -> Res<()> {
    let folder = tempfile::tempdir_in(folder)?;
    for (what, plan) in [
        ("side by side", branches(EVENTS / 2)?),
        ("one after the other", {
            let agent = agent()?;
            plan::chain((0..EVENTS / 2).map(|_| agent.clone()))
        }),
    ] {
        let log = Arc::new(SqliteEventLog::open(&folder.path().join("swarm.db"))?);
        let run = RunId::random();
        let journal = RunJournal::new(log, Arc::new(SystemClock), &run);
        let started = RunEvent::Started {
            plan: plan.clone(),
            limits: RunLimits::default(),
            runtime: "none".to_owned(),
        };
        journal.append(vec![started]).await?;
        let mut keeping = Keeping {
            journal: &journal,
            batch: Vec::new(),
        };
        let (_nobody, stop) = watch::channel(None);
        let mut machine = Machine::new(plan);
        let driven = drive(&mut machine, &NoOp(run.clone()), &mut keeping, stop).await?;
        let Driven::Ended(end) = driven else {
            return Err("nobody interrupts a bench".into());
        };
        let mut last = keeping.batch;
        last.push(RunEvent::Ended { end });
        journal.append(last).await?;
        let mut times = Vec::new();
        let mut count = 0;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let events = journal.read().await?;
            count = events.len();
            let view = RunView::fold(&run, &events);
            times.push(began.elapsed());
            if view.is_none_or(|view| view.end().is_none()) {
                return Err("a replayed run has not ended".into());
            }
        }
        let time = median(times);
        println!(
            "replay of {count} events from the file, {what}: {} median; {}",
            millis(time),
            verdict(time <= Duration::from_secs(1), "1 s")
        );
    }
    Ok(())
}

/// Runs so many branches, and prints the most memory that this process ever had, in KiB.
async fn peak(count: u32) -> Res<()> {
    let folder = tempfile::tempdir()?;
    let (swarm, _) = swarm(&Instantly::default(), folder.path(), 10)?;
    let new = NewRun::from(branches(count)?);
    let view = swarm.run(new, Control::default()).await?;
    if view.counts().succeeded != usize::try_from(count)? {
        return Err("not all of them ended well".into());
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line
        .ok_or("there is no VmHWM")?
        .trim()
        .trim_end_matches(" kB");
    println!("{peak}");
    Ok(())
}

/// In processes of their own, since memory that was used once stays.
fn memory() -> Res<()> {
    let peak = |count: u32| -> Res<u64> {
        let mut command = Command::new(std::env::current_exe()?);
        let output = command.args(["--peak", &count.to_string()]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    let (one, many) = (peak(1)?, peak(MANY)?);
    println!(
        "memory of a run of {MANY} branches, results in memory: {} KiB (of one branch: {one} KiB); {}",
        many,
        verdict(many <= MOST_MEMORY, "64 MiB")
    );
    Ok(())
}
