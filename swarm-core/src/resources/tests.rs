use futures_util::{FutureExt as _, future::join_all};
use proptest::prelude::*;

use super::*;

fn pools(slots: usize, named: &[(&str, usize)]) -> ResourcePools {
    ResourcePools::new(PoolLimits {
        slots: NonZeroUsize::new(slots).unwrap(),
        pools: named
            .iter()
            .map(|&(name, n)| (name.to_owned(), NonZeroUsize::new(n).unwrap()))
            .collect(),
        queue_timeout: Duration::from_secs(10),
    })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_pool_holds_no_slot() {
    let pools = pools(2, &[]);
    let gpu = pools.acquire(names(&["gpu"])).await.unwrap();
    let mut waiting = Box::pin(pools.acquire(names(&["gpu"])));
    assert!(waiting.as_mut().now_or_never().is_none());
    let cpu = pools.acquire(names(&[])).await.unwrap();
    drop(gpu);
    drop(waiting.await.unwrap());
    drop(cpu);
}

#[tokio::test(start_paused = true)]
async fn who_lacks_only_a_slot_is_not_overtaken() {
    let pools = pools(1, &[]);
    let first = pools.acquire(names(&[])).await.unwrap();
    let mut gpu = Box::pin(pools.acquire(names(&["gpu"])));
    let mut cpu = Box::pin(pools.acquire(names(&[])));
    assert!(gpu.as_mut().now_or_never().is_none() && cpu.as_mut().now_or_never().is_none());
    drop(first);
    assert!(cpu.as_mut().now_or_never().is_none());
    let permits = gpu.as_mut().now_or_never().unwrap();
    drop(permits);
    drop(cpu.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn opposite_orders_and_double_names_do_not_deadlock() {
    let pools = pools(4, &[("a", 1), ("b", 1)]);
    let ask = |wanted: &[&str]| {
        let pools = pools.clone();
        let wanted = names(wanted);
        async move { drop(pools.acquire(wanted).await.unwrap()) }
    };
    let all = (0..20).map(|i| {
        ask(if i % 2 == 0 {
            &["a", "b"]
        } else {
            &["b", "a", "b"]
        })
    });
    join_all(all).await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_timeout_names_what_was_missing_and_leaks_nothing() {
    let pools = pools(3, &[("db", 1)]);
    let held = pools.acquire(names(&["db"])).await.unwrap();
    for _ in 0..3 {
        let error = pools.acquire(names(&["db"])).await.unwrap_err().to_string();
        assert!(
            error.starts_with("could not acquire resource `db` within 10s"),
            "{error}"
        );
    }
    drop(held);
    let db = pools.acquire(names(&["db"])).await.unwrap();
    assert!(pools.acquire(names(&["db"])).now_or_never().is_none());
    let others = join_all((0..2).map(|_| pools.acquire(names(&[])))).await;
    assert!(others.iter().all(Result::is_ok));
    let error = pools.acquire(names(&[])).await.unwrap_err().to_string();
    assert!(
        error.starts_with("could not acquire an execution slot"),
        "{error}"
    );
    drop(db);
}

#[test]
fn a_pool_may_be_named_as_a_shell_can_write_it() {
    let capacity = NonZeroUsize::new(3).unwrap();
    let limits = PoolLimits {
        pools: [("DB_MAIN".to_owned(), capacity)].into(),
        ..PoolLimits::default()
    };
    assert_eq!(limits.named("db-main"), Some(3));
    assert_eq!(limits.named("other"), None);
}

#[derive(Clone, Debug)]
struct Job {
    pools: Vec<usize>,
    delay: u64,
    hold: u64,
    patience: u64,
}

fn job() -> impl Strategy<Value = Job> {
    (
        proptest::collection::vec(0..3usize, 0..4),
        0..5u64,
        1..10u64,
        0..30u64,
    )
        .prop_map(|(pools, delay, hold, patience)| Job {
            pools,
            delay,
            hold,
            patience,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the schedule, and whoever gives up: never over capacity, never stuck, nothing leaked.
    #[test]
    fn pools_are_never_over_capacity_and_never_deadlock(jobs in proptest::collection::vec(job(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let capacities = [1, 2, 3];
            let pools = pools(4, &[("p0", 1), ("p1", 2), ("p2", 3)]);
            let used = Arc::new(Mutex::new(([0usize; 3], 0usize)));
            join_all(jobs.iter().map(|job| {
                let (pools, used, job) = (pools.clone(), Arc::clone(&used), job.clone());
                async move {
                    tokio::time::sleep(Duration::from_millis(job.delay)).await;
                    let wanted: BTreeSet<usize> = job.pools.iter().copied().collect();
                    let asked = pools.acquire(job.pools.iter().map(|i| format!("p{i}")));
                    let patience = Duration::from_millis(job.patience);
                    let Ok(permits) = tokio::time::timeout(patience, asked).await else { return };
                    {
                        let mut used = used.lock().unwrap();
                        used.1 += 1;
                        assert!(used.1 <= 4);
                        for &i in &wanted {
                            used.0[i] += 1;
                            assert!(used.0[i] <= capacities[i]);
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(job.hold)).await;
                    {
                        let mut used = used.lock().unwrap();
                        used.1 -= 1;
                        for &i in &wanted {
                            used.0[i] -= 1;
                        }
                    }
                    drop(permits.unwrap());
                }
            })).await;
            let all = join_all((0..4).map(|_| pools.acquire(names(&[])))).await;
            assert!(all.iter().all(Result::is_ok), "a slot leaked");
            drop(all);
            drop(pools.acquire(names(&["p0", "p1", "p2"])).await.unwrap());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_use_a_part_of_the_slots_uses_no_more_and_keeps_none_from_others() {
    let all = pools(3, &[]);
    let limits = |slots| PoolLimits {
        slots: NonZeroUsize::new(slots).unwrap(),
        pools: BTreeMap::new(),
        queue_timeout: Duration::from_secs(1),
    };
    let small = all.within(&limits(1));
    let first = small.acquire([]).await.unwrap();
    let refused = small.acquire([]).await.unwrap_err();
    assert!(
        refused.to_string().contains("this run may use 1 at once"),
        "{refused}"
    );
    let others = [
        all.acquire([]).await.unwrap(),
        all.acquire([]).await.unwrap(),
    ];
    drop(first);
    let again = small.acquire([]).await.unwrap();
    // All are in use, whoever asks.
    assert!(all.within(&limits(9)).acquire([]).await.is_err());
    drop((again, others));
    drop(small);
    let state = all.shared.lock();
    assert!(
        state.sizes.is_empty() && state.pools_used.is_empty(),
        "{state:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_a_limit_has_the_size_that_is_asked_for_first_and_one_with_a_limit_keeps_it()
{
    let all = pools(10, &[("gpu", 1)]);
    let wants = |gpu, db| PoolLimits {
        slots: NonZeroUsize::new(10).unwrap(),
        pools: [("gpu", gpu), ("db", db)]
            .map(|(name, size)| (name.to_owned(), NonZeroUsize::new(size).unwrap()))
            .into(),
        queue_timeout: Duration::from_secs(1),
    };
    let (first, second) = (all.within(&wants(5, 2)), all.within(&wants(5, 9)));
    let held = [
        first.acquire(names(&["gpu"])).await.unwrap(),
        first.acquire(names(&["db"])).await.unwrap(),
        second.acquire(names(&["db"])).await.unwrap(),
    ];
    for pool in ["gpu", "db"] {
        assert!(second.acquire(names(&[pool])).await.is_err(), "{pool}");
    }
    drop(held);
    // As a shell writes it.
    let mut shell = wants(1, 1);
    shell.pools = [("A_B".to_owned(), NonZeroUsize::new(2).unwrap())].into();
    let third = all.within(&shell);
    let held = [
        third.acquire(names(&["a-b"])).await.unwrap(),
        third.acquire(names(&["a-b"])).await.unwrap(),
    ];
    assert!(third.acquire(names(&["a-b"])).await.is_err());
    drop(held);
}
