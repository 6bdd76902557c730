//! What waiting for a turn costs beyond the waiting.
//!
//! `cargo bench -p swarm-core --bench resources`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{collections::BTreeMap, error::Error, num::NonZeroUsize, sync::Arc, time::Duration};

use swarm_core::resources::{PoolLimits, ResourcePools};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

type Res<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const TURNS: u32 = 100_000;
const SLOTS: usize = 10;

fn main() -> Res<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        println!(
            "{:<52} {:>12} {:>12} {:>7}",
            "", "measured", "baseline", "ratio"
        );
        let baseline = semaphore_alone().await?;
        let free = median(async || alone(&[]).await).await?;
        figure("turn, nobody waits (semaphore)", free, baseline);
        let free = median(async || alone(&["gpu", "db"]).await).await?;
        figure(
            "turn with two named pools, nobody waits (semaphore)",
            free,
            baseline,
        );
        for waiters in [1_000, 10_000] {
            let baseline = semaphore_queue(waiters).await?;
            let queued = median(async || queue(waiters, &[]).await).await?;
            figure(
                &format!("turn, {waiters} in line for a slot (semaphore)"),
                queued,
                baseline,
            );
            let queued = median(async || queue(waiters, &["gpu"]).await).await?;
            figure(
                &format!("turn, {waiters} in line for a pool (semaphore)"),
                queued,
                baseline,
            );
        }
        Ok(())
    })
}

/// Prints one line of the table.
fn figure(what: &str, measured: Duration, baseline: Duration) {
    let micros = |time: Duration| format!("{:.2} us", time.as_secs_f64() * 1e6);
    let ratio = measured.as_secs_f64() / baseline.as_secs_f64().max(1e-12);
    let target = Duration::from_micros(100);
    let verdict = if measured <= target { "PASS" } else { "MISS" };
    let (measured, baseline) = (micros(measured), micros(baseline));
    println!("{what:<52} {measured:>12} {baseline:>12} {ratio:>7.2}  {verdict} (target 100 us)");
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

fn pools() -> ResourcePools {
    let some = NonZeroUsize::new(SLOTS).unwrap_or(NonZeroUsize::MIN);
    ResourcePools::new(PoolLimits {
        slots: NonZeroUsize::new(2 * SLOTS).unwrap_or(NonZeroUsize::MIN),
        pools: BTreeMap::from([("gpu".to_owned(), some), ("db".to_owned(), some)]),
        ..PoolLimits::default()
    })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

async fn alone(wanted: &[&str]) -> Res<Duration> {
    let (pools, wanted) = (pools(), names(wanted));
    let began = Instant::now();
    for _ in 0..TURNS {
        drop(pools.acquire(wanted.iter().cloned()).await?);
    }
    Ok(began.elapsed() / TURNS)
}

async fn semaphore_alone() -> Res<Duration> {
    median(async || {
        let semaphore = Semaphore::new(SLOTS);
        let began = Instant::now();
        for _ in 0..TURNS {
            drop(semaphore.acquire().await?);
        }
        Ok(began.elapsed() / TURNS)
    })
    .await
}

/// Everybody gets in line first, then all take their turns.
async fn queue(waiters: u32, wanted: &[&str]) -> Res<Duration> {
    let pools = pools();
    let mut held = Vec::new();
    for _ in 0..if wanted.is_empty() { 2 * SLOTS } else { SLOTS } {
        held.push(pools.acquire(names(wanted)).await?);
    }
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..waiters {
        let (pools, wanted) = (pools.clone(), names(wanted));
        tasks.spawn(async move { pools.acquire(wanted).await.map(drop) });
    }
    tokio::task::yield_now().await;
    drop(held);
    for taken in tasks.join_all().await {
        taken?;
    }
    Ok(began.elapsed() / waiters)
}

async fn semaphore_queue(waiters: u32) -> Res<Duration> {
    median(async || {
        let semaphore = Arc::new(Semaphore::new(SLOTS));
        let mut held = Vec::new();
        for _ in 0..SLOTS {
            held.push(semaphore.acquire().await?);
        }
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        for _ in 0..waiters {
            let semaphore = Arc::clone(&semaphore);
            tasks.spawn(async move { semaphore.acquire().await.map(drop) });
        }
        tokio::task::yield_now().await;
        drop(held);
        for taken in tasks.join_all().await {
            taken?;
        }
        Ok(began.elapsed() / waiters)
    })
    .await
}
