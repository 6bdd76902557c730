//! What deciding and recording costs, per step of a run.
//!
//! `cargo bench -p swarm-core --bench machine [-- FOLDER]`; the disk that is measured is that of FOLDER, or of the
//! folder for temporary files.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use rusqlite::Connection;
use swarm_core::{
    Plan,
    drive::{Driven, Halt, Happened, Performed, Performer, Recorder, Start, drive},
    ids::RunId,
    journal::{
        EventLog, LogError, MemoryEventLog, RunEvent, RunJournal, RunLimits, SqliteEventLog,
    },
    machine::Machine,
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    plan::{chain, map, run},
    spec::AgentSpec,
    time::SystemClock,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

type Res<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const STEPS: u32 = 2_000;
const DURABLE_STEPS: u32 = 200;
const WRITERS: u32 = 50;
const BRANCHES: u32 = 10_000;

fn main() -> Res<()> {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        println!(
            "{:<52} {:>12} {:>12} {:>7}",
            "", "measured", "baseline", "ratio"
        );
        in_memory().await?;
        durable(&folder).await?;
        shared_commits(&folder).await?;
        wide().await
    })
}

/// Prints one line of the table; the ratio is that of the two times.
fn figure(what: &str, measured: Duration, baseline: Duration, target: Option<Duration>) {
    let micros = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
    let ratio = measured.as_secs_f64() / baseline.as_secs_f64().max(1e-12);
    let verdict = target.map_or(String::new(), |target| {
        let word = if measured <= target { "PASS" } else { "MISS" };
        format!("  {word} (target {})", micros(target))
    });
    let (measured, baseline) = (micros(measured), micros(baseline));
    println!("{what:<52} {measured:>12} {baseline:>12} {ratio:>7.2}{verdict}");
}

/// The middle one of several rounds.
async fn median<F: Future<Output = Res<Duration>>>(mut round: impl FnMut() -> F) -> Res<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round().await?);
    }
    times.sort_unstable();
    Ok(times.get(ROUNDS / 2).copied().unwrap_or_default())
}

/// Agents that complete at once.
struct NoOp {
    run: RunId,
}

impl Performer for NoOp {
    async fn perform(&self, start: Start, _: Halt) -> Performed {
        Performed::Ended(AgentOutcome {
            exit: ExitReason::Completed,
            error: None,
            cost: Some(Usd::ZERO),
            duration: Duration::ZERO,
            result: Some(swarm_core::ids::RefId::new(self.run.clone(), start.agent)),
            finding: None,
            cached: false,
        })
    }
}

/// Keeps nothing.
struct Forgetful;

impl Recorder for Forgetful {
    async fn happened(&mut self, _: &[Happened]) -> Result<(), LogError> {
        Ok(())
    }

    async fn cancel_requested(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

fn stages(count: u32) -> Res<Plan> {
    let agent = AgentSpec::command("Say nothing.", ["true"])?;
    Ok(chain((0..count).map(|_| run(agent.clone()))))
}

fn branches(count: u32) -> Res<Plan> {
    let inputs: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    let agent = AgentSpec::command("Look at {input}.", ["true"])?;
    Ok(map(&agent, inputs.iter().map(String::as_str)))
}

/// Drives `plan` to its end and returns how long that took.
async fn driven(plan: Plan, run: &RunId, recorder: &mut impl Recorder) -> Res<Duration> {
    let mut machine = Machine::new(plan);
    let performer = NoOp { run: run.clone() };
    let (_nobody, stop) = watch::channel(None);
    let began = Instant::now();
    match drive(&mut machine, &performer, recorder, stop).await? {
        Driven::Ended(_) => Ok(began.elapsed()),
        Driven::Interrupted => Err("nobody interrupts a bench".into()),
    }
}

fn journal(log: Arc<dyn EventLog>, run: &RunId) -> RunJournal {
    RunJournal::new(log, Arc::new(SystemClock), run)
}

async fn in_memory() -> Res<()> {
    let run = RunId::random();
    let bare =
        median(async || Ok(driven(stages(STEPS)?, &run, &mut Forgetful).await? / STEPS)).await?;
    let kept = median(async || {
        let mut journal = journal(Arc::new(MemoryEventLog::new()), &RunId::random());
        Ok(driven(stages(STEPS)?, &run, &mut journal).await? / STEPS)
    })
    .await?;
    let what = "step, log in memory (baseline: no log)";
    figure(what, kept, bare, Some(Duration::from_micros(20)));
    Ok(())
}

/// One step after the other, so that every step waits for the disk alone.
async fn durable(folder: &std::path::Path) -> Res<()> {
    let run = RunId::random();
    let bare = median(async || {
        let folder = tempfile::tempdir_in(folder)?;
        bare_commits(&folder.path().join("bare.db"))
    })
    .await?;
    let kept = median(async || {
        let folder = tempfile::tempdir_in(folder)?;
        let log = Arc::new(SqliteEventLog::open(&folder.path().join("swarm.db"))?);
        let mut journal = journal(log, &run);
        Ok(driven(stages(DURABLE_STEPS)?, &run, &mut journal).await? / DURABLE_STEPS)
    })
    .await?;
    let what = "step, log in SQLite, one sync per step (bare commit)";
    figure(what, kept, bare, Some(Duration::from_millis(1)));
    let own = kept.saturating_sub(bare);
    figure("  of which not the commit itself", own, bare, None);
    Ok(())
}

/// What SQLite itself takes to make one row durable, without anything around it.
fn bare_commits(path: &std::path::Path) -> Res<Duration> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("CREATE TABLE rows (number INTEGER PRIMARY KEY, data TEXT NOT NULL)")?;
    let mut insert = db.prepare("INSERT INTO rows (data) VALUES (?1)")?;
    let data = "x".repeat(200);
    let began = Instant::now();
    for _ in 0..DURABLE_STEPS {
        insert.execute([&data])?;
    }
    Ok(began.elapsed() / DURABLE_STEPS)
}

/// Steps of agents that run side by side share their commits.
async fn shared_commits(folder: &std::path::Path) -> Res<()> {
    let alone = append_from(folder, 1).await?;
    let together = append_from(folder, WRITERS).await?;
    let what = format!("append beside {} others (append alone)", WRITERS - 1);
    figure(&what, together, alone, Some(Duration::from_millis(1)));
    Ok(())
}

async fn append_from(folder: &std::path::Path, writers: u32) -> Res<Duration> {
    median(async || {
        let folder = tempfile::tempdir_in(folder)?;
        let log = Arc::new(SqliteEventLog::open(&folder.path().join("swarm.db"))?);
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        for _ in 0..writers {
            let log: Arc<dyn EventLog> = Arc::<SqliteEventLog>::clone(&log);
            let journal = journal(log, &RunId::random());
            tasks.spawn(async move {
                for _ in 0..DURABLE_STEPS {
                    journal.append(vec![RunEvent::Resumed]).await?;
                }
                Ok::<_, LogError>(())
            });
        }
        for written in tasks.join_all().await {
            written?;
        }
        Ok(began.elapsed() / DURABLE_STEPS / writers)
    })
    .await
}

/// Planning and replaying must not grow faster than the plan.
async fn wide() -> Res<()> {
    let small = planned_and_replayed(BRANCHES / 100).await? * 100;
    let large = planned_and_replayed(BRANCHES).await?;
    let what = format!("par of {BRANCHES}, planned and replayed (100 x 1 %)");
    figure(&what, large, small, Some(Duration::from_secs(1)));
    Ok(())
}

async fn planned_and_replayed(count: u32) -> Res<Duration> {
    median(async || {
        let run = RunId::random();
        let log: Arc<dyn EventLog> = Arc::new(MemoryEventLog::new());
        let mut journal = journal(log, &run);
        let began = Instant::now();
        let plan = branches(count)?;
        let started = RunEvent::Started {
            plan: plan.clone(),
            limits: RunLimits::default(),
            runtime: "none".to_owned(),
        };
        journal.append(vec![started]).await?;
        driven(plan, &run, &mut journal).await?;
        // And once more from the log alone.
        let events = journal.read().await?;
        let Some((_, RunEvent::Started { plan, .. })) = events.first() else {
            return Err("the log has lost the plan".into());
        };
        let ended = events.iter().filter_map(|(_, event)| match event {
            RunEvent::AgentEnded(ended) => Some(ended),
            _ => None,
        });
        let machine = Machine::replay(plan.clone(), ended)?;
        let took = began.elapsed();
        match machine.end() {
            Some(_) => Ok(took),
            None => Err("a replayed run has not ended".into()),
        }
    })
    .await
}
