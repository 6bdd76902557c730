//! What a run costs beyond the processes that do its work.
//!
//! `cargo bench -p swarm-refs --bench par [-- FOLDER]`; the disk that is measured is that of FOLDER, or of the folder
//! for temporary files.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    error::Error,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use swarm_core::{
    Plan, Swarm,
    journal::{EventLog, MemoryEventLog, SqliteEventLog},
    plan::{par, run},
    refs::{MemoryRefStore, RefStore},
    runtime::process::{ProcessOptions, ProcessRuntime},
    spec::AgentSpec,
    time::SystemClock,
};
use swarm_refs::FsRefStore;
use tokio::time::Instant;

type Res<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const AGENTS: u32 = 100;
/// As many as run at once if nobody says otherwise.
const AT_ONCE: usize = swarm_core::resources::DEFAULT_MAX_CONCURRENT;
const TARGET: Duration = Duration::from_millis(1);

fn main() -> Res<()> {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    // Removed at the end only: some file systems are slow to make files where many were removed of late.
    let folder = tempfile::tempdir_in(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare(folder.path()))
}

async fn compare(folder: &Path) -> Res<()> {
    let (mut loops, mut threads, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    let (mut forgotten, mut kept) = (Vec::new(), Vec::new());
    // All kinds of rounds take turns, so that what else the machine does hits them alike.
    for round in 0..ROUNDS {
        let folder = folder.join(round.to_string());
        fs::create_dir(&folder)?;
        loops.push(spawned_in_a_loop().await?);
        threads.push(tokio::task::block_in_place(|| {
            spawned_by_threads(|_| Ok(()))
        })?);
        forgotten.push(ran(&folder, Keeping::InMemory).await?);
        let hand = folder.join("by-hand");
        fs::create_dir(&hand)?;
        by_hand.push(tokio::task::block_in_place(|| {
            spawned_by_threads(|agent| keep_by_hand(&hand, agent))
        })?);
        kept.push(ran(&folder, Keeping::OnDisk).await?);
    }
    // Starting a process blocks, so one loop is not the best that can be done.
    let (loops, threads) = (median(loops), median(threads));
    let bare = loops.min(threads);
    println!("{AGENTS} processes that do nothing, {AT_ONCE} at once; time per process");
    println!(
        "{:<46} {:>10} {:>10} {:>7}",
        "", "measured", "overhead", "ratio"
    );
    baseline("spawned in one loop", loops);
    baseline(&format!("spawned in {AT_ONCE} threads"), threads);
    figure(
        "par, results and log in memory",
        median(forgotten),
        bare,
        true,
    );
    let by_hand = median(by_hand);
    figure(
        "spawned in threads, output synced to disk",
        by_hand,
        bare,
        false,
    );
    let kept = median(kept);
    figure("par, results in files and log in SQLite", kept, bare, true);
    figure(
        "  the same, beyond output synced to disk",
        kept,
        by_hand,
        false,
    );
    Ok(())
}

fn micros(time: Duration) -> String {
    format!("{:.0} us", time.as_secs_f64() * 1e6)
}

fn baseline(what: &str, measured: Duration) {
    println!("{what:<46} {:>10}", micros(measured));
}

fn figure(what: &str, measured: Duration, baseline: Duration, has_target: bool) {
    let overhead = measured.saturating_sub(baseline);
    let ratio = measured.as_secs_f64() / baseline.as_secs_f64().max(1e-12);
    let verdict = match (has_target, overhead <= TARGET) {
        (false, _) => String::new(),
        (true, true) => format!("  PASS (target {} of overhead)", micros(TARGET)),
        (true, false) => format!("  MISS (target {} of overhead)", micros(TARGET)),
    };
    let (measured, overhead) = (micros(measured), micros(overhead));
    println!("{what:<46} {measured:>10} {overhead:>10} {ratio:>7.2}{verdict}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default() / AGENTS
}

/// The same processes, with the same pipes, and nothing else.
async fn spawned_in_a_loop() -> Res<Duration> {
    let began = Instant::now();
    let mut ends = stream::iter(0..AGENTS)
        .map(|_| {
            let mut command = tokio::process::Command::new("true");
            command.stdin(Stdio::null()).process_group(0).env_clear();
            command.output()
        })
        .buffer_unordered(AT_ONCE);
    while let Some(end) = ends.next().await {
        if !end?.status.success() {
            return Err("a process failed".into());
        }
    }
    Ok(began.elapsed())
}

/// The same in as many threads as processes run at once; each does `then` when its process has ended.
fn spawned_by_threads(then: impl Fn(u32) -> io::Result<()> + Sync) -> Res<Duration> {
    let at_once = u32::try_from(AT_ONCE)?;
    let work = |first: u32| -> io::Result<()> {
        for agent in (first..AGENTS).step_by(AT_ONCE) {
            let mut command = Command::new("true");
            command.stdin(Stdio::null()).process_group(0).env_clear();
            if !command.output()?.status.success() {
                return Err(io::Error::other("a process failed"));
            }
            then(agent)?;
        }
        Ok(())
    };
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once)
            .map(|first| scope.spawn(move || work(first)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })
    })?;
    Ok(began.elapsed())
}

/// The least that makes one result durable: a folder, a file that is synced and renamed, and the folders synced.
fn keep_by_hand(folder: &Path, agent: u32) -> io::Result<()> {
    let own = folder.join(format!("agent-{agent}"));
    fs::create_dir(&own)?;
    fs::write(own.join("prompt.txt"), "")?;
    let mut file = File::create_new(own.join("aside"))?;
    file.write_all(&[b'x'; 1000])?;
    file.sync_all()?;
    fs::rename(own.join("aside"), own.join("result.json"))?;
    File::open(&own)?.sync_all()?;
    File::open(folder)?.sync_all()
}

#[derive(Clone, Copy)]
enum Keeping {
    InMemory,
    OnDisk,
}

async fn ran(folder: &Path, keeping: Keeping) -> Res<Duration> {
    let runtime = ProcessRuntime::new(ProcessOptions::new(folder.join("agents")));
    let (store, log): (Arc<dyn RefStore>, Arc<dyn EventLog>) = match keeping {
        Keeping::InMemory => (
            Arc::new(MemoryRefStore::default()),
            Arc::new(MemoryEventLog::new()),
        ),
        Keeping::OnDisk => (
            Arc::new(FsRefStore::open(folder, Arc::new(SystemClock))?),
            Arc::new(SqliteEventLog::open(&folder.join("swarm.db"))?),
        ),
    };
    let swarm = Swarm::builder(Arc::new(runtime))
        .store(store)
        .log(log)
        .build();
    let plan = no_ops()?;
    let began = Instant::now();
    let view = swarm.execute(plan).await?;
    let took = began.elapsed();
    if view.counts().succeeded == usize::try_from(AGENTS)? {
        Ok(took)
    } else {
        Err(format!("not all succeeded: {:?}", view.end()).into())
    }
}

fn no_ops() -> Res<Plan> {
    let agent = AgentSpec::command("", ["true"])?;
    Ok(par((0..AGENTS).map(|_| run(agent.clone()))))
}
