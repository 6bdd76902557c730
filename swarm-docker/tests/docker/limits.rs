//! Time, memory, processes and processors.

use std::{
    collections::HashMap, fs::Permissions, os::unix::fs::PermissionsExt as _, time::Duration,
};

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt as _;
use serde_json::json;
use swarm_core::outcome::ExitReason;

use crate::support::{Bench, now, shell};

/// How long the container of this home ran, as the engine saw it.
async fn ran_for(bench: &Bench) -> Duration {
    let now = now(&bench.docker).await;
    let options = EventsOptionsBuilder::new()
        .since("0")
        .until(&now)
        .filters(&HashMap::from([
            ("label", vec![format!("swarm.home={}", bench.home)]),
            ("event", vec!["start".to_owned(), "die".to_owned()]),
        ]))
        .build();
    let times: Vec<i64> = bench
        .docker
        .events(Some(options))
        .map(|event| event.unwrap().time_nano.unwrap())
        .collect()
        .await;
    let [started, died] = times.as_slice() else {
        panic!("{times:?}");
    };
    Duration::from_nanos(u64::try_from(died - started).unwrap())
}

/// Runs a script that does not end by itself, and returns by how much it was late.
async fn late(script: &str) -> Duration {
    let bench = Bench::new().await;
    let mut job = shell(json!({}), script);
    job.timeout = Duration::from_millis(1500);
    let (exit, _) = bench.run(&job).await;
    assert_eq!(
        exit.unwrap().reason,
        ExitReason::TimedOut { after: job.timeout }
    );
    let ran = ran_for(&bench).await;
    ran.checked_sub(job.timeout)
        .unwrap_or_else(|| panic!("{script:?} was stopped after {ran:?}"))
}

#[tokio::test]
async fn the_timeout_is_kept_to_a_quarter_of_a_second() {
    for script in [
        "sleep 600",
        "trap '' TERM; while :; do sleep 0.01; done",
        "while :; do :; done",
    ] {
        // A machine with other things to do delays the engine as well; it gets more chances, but no more time.
        let mut delays = Vec::new();
        while delays
            .last()
            .is_none_or(|delay| *delay >= Duration::from_millis(250))
        {
            assert!(delays.len() < 4, "{script:?} was late by {delays:?}");
            delays.push(late(script).await);
        }
    }
}

/// The engine tells of the end of such a program only when it has sorted what was printed, line by line; the
/// program itself has to be dead by then.
#[tokio::test]
async fn a_program_that_prints_more_than_the_engine_can_take_is_stopped_on_time() {
    let bench = Bench::new().await;
    let clock = tempfile::tempdir().unwrap();
    std::fs::set_permissions(clock.path(), Permissions::from_mode(0o777)).unwrap();
    let mount = json!({"host_path": clock.path(), "container_path": "/clock", "readonly": false});
    let read_clock = || {
        let read = |name| std::fs::read_to_string(clock.path().join(name)).unwrap();
        let seconds = |name| read(name).trim().parse::<f64>().unwrap();
        seconds("last") - seconds("first")
    };
    let script = "cut -d' ' -f1 /proc/uptime > /clock/first; yes & \
                  while :; do cut -d' ' -f1 /proc/uptime > /clock/next; mv /clock/next /clock/last; done";
    let mut job = shell(json!({"mounts": [mount]}), script);
    job.timeout = Duration::from_secs(2);
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(
        exit.unwrap().reason,
        ExitReason::TimedOut { after: job.timeout }
    );
    assert!(sink.text().starts_with("y\ny\ny\n"), "{:.20}", sink.text());
    let worked = read_clock();
    assert!((1.0..4.0).contains(&worked), "it worked for {worked} s");
}

#[tokio::test]
async fn an_agent_may_use_its_grace_period() {
    let bench = Bench::with(swarm_docker::DockerOptions {
        stop_grace: Duration::from_secs(20),
        ..crate::support::options()
    })
    .await;
    let mut job = shell(
        json!({}),
        "trap 'echo saving; exit 0' TERM; echo started; while :; do sleep 0.1; done",
    );
    job.timeout = Duration::from_secs(1);
    let (exit, sink) = bench.run(&job).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::TimedOut { after: job.timeout });
    assert!(
        exit.duration < Duration::from_secs(15),
        "{:?}",
        exit.duration
    );
    assert_eq!(sink.text(), "started\nsaving\n");
}

#[tokio::test]
async fn an_agent_at_its_memory_limit_is_out_of_memory() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        // As the agent itself, and as a child of it.
        for script in ["exec tail /dev/zero", "tail /dev/zero; exit $?"] {
            let job = shell(json!({"memory": "16m"}), script);
            let (exit, _) = bench.run(&job).await;
            assert_eq!(exit.unwrap().reason, ExitReason::OutOfMemory, "{script}");
        }
    }
}

#[tokio::test]
async fn scratch_counts_towards_the_memory_limit_and_has_one_of_its_own() {
    let bench = Bench::new().await;
    let job = shell(
        json!({"memory": "32m"}),
        "head -c 100000000 /dev/zero > /tmp/x",
    );
    let (exit, _) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::OutOfMemory);
    let kib = bench
        .text(
            json!({}),
            "df -k /workspace | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2",
        )
        .await;
    assert_eq!(
        kib.trim().parse::<u64>().unwrap() * 1024,
        swarm_docker::SCRATCH_BYTES
    );
}

#[tokio::test]
async fn an_agent_cannot_have_more_processes_than_its_limit() {
    let bench = Bench::new().await;
    // The shell is one of the eight.
    let script =
        "n=0; while [ $n -lt 30 ]; do sleep 600 & n=$((n+1)); done 2>/tmp/err; echo made $n";
    let job = shell(
        json!({"pids": 8}),
        &format!("{script}; ls /proc | grep -c '^[0-9]'"),
    );
    let (exit, sink) = bench.run(&job).await;
    // A shell that cannot fork ends with 2.
    assert_eq!(exit.unwrap().reason, ExitReason::Failed { code: 2 });
    assert_eq!(sink.text(), "");

    let script = "i=0; while [ $i -lt 7 ]; do sleep 1 & i=$((i+1)); done; wait; echo seven";
    assert_eq!(bench.text(json!({"pids": 8}), script).await, "seven\n");
}

#[tokio::test]
async fn processor_memory_and_swap_limits_reach_the_kernel() {
    let bench = Bench::new().await;
    let script = "cd /sys/fs/cgroup; \
         if [ -f cpu.max ]; then cat cpu.max memory.max memory.swap.max; else \
         echo $(cat cpu/cpu.cfs_quota_us) $(cat cpu/cpu.cfs_period_us); cat memory/memory.limit_in_bytes; \
         echo 0; fi";
    let text = bench
        .text(json!({"cpus": 0.5, "memory": "64m"}), script)
        .await;
    assert_eq!(text, "50000 100000\n67108864\n0\n");
}
