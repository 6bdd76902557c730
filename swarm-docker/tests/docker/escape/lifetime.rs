//! Agents that would rather stay.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::json;
use swarm_core::{ids::RunId, outcome::ExitReason};

use crate::support::{Background, Bench, eventually, shell};

/// How an agent is ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Timeout,
    Cancel,
    /// It ends, but leaves something that goes on.
    ByItself,
}

/// `$M` is an argument by which the host knows the process that is to stay.
#[rustfmt::skip]
const ATTEMPTS: &[(&str, &str, End)] = &[
    ("it forks twice, in a session of its own, deaf to signals",
        "trap '' TERM HUP INT; (setsid sh -c \"trap '' TERM HUP INT; (setsid sleep $M &)\" &) ; while :; do sleep 1; done", End::Timeout),
    ("it forks twice and is cancelled",
        "trap '' TERM HUP INT; (setsid sh -c \"trap '' TERM HUP INT; (setsid sleep $M &)\" &) ; while :; do sleep 1; done", End::Cancel),
    ("it leaves a child behind and ends", "setsid sleep $M & cat /gate/pipe", End::ByItself),
    ("it leaves a child behind that holds its output", "(setsid sh -c \"sleep $M; echo late\" &); cat /gate/pipe", End::ByItself),
    ("its processes are stopped, and signals wait", "sleep $M & while ! grep -q ^sleep /proc/$!/cmdline; do :; done; kill -STOP $!; kill -STOP $$; sleep 1000", End::Timeout),
    ("it stops and kills its first process", "sleep $M & kill -STOP 1; kill -9 1; wait", End::Timeout),
    ("it answers the signal with more processes",
        "trap 'while :; do sleep $M & done' TERM; sleep $M & while :; do sleep 0.05; done", End::Timeout),
    ("it closes its output and goes on", "exec >&- 2>&-; sleep $M", End::Timeout),
];

/// Whether a process of the host was started with this argument.
fn lives(marker: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| {
            let mut words = line.split(|byte| *byte == 0);
            words.next().is_some_and(|program| program == b"sleep")
                && words.any(|word| word == marker.as_bytes())
        })
    })
}

async fn attempt(bench: &Bench, script: &str, end: End) {
    // A length of time that nobody else sleeps.
    let marker = format!(
        "9{}",
        u64::from_str_radix(RunId::random().as_str(), 16).unwrap()
    );
    let gate = tempfile::tempdir().unwrap();
    let pipe = gate.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::set_permissions(gate.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let sandbox = json!({"pids": 32, "memory": "64m", "env_vars": {"M": marker}, "mounts": [
        {"host_path": gate.path(), "container_path": "/gate"},
    ]});
    let mut job = shell(sandbox, script);
    if let End::Timeout = end {
        job.timeout = Duration::from_secs(2);
    }
    let agent = Background::start(&bench.runtime, &job);
    eventually(script, async || lives(&marker).then_some(())).await;
    match end {
        End::Timeout => {}
        End::Cancel => agent.stop.cancel(),
        // Waits for the agent to open it as well.
        End::ByItself => fs::write(&pipe, "").unwrap(),
    }
    let exit = agent.end().await.unwrap();
    let reason = match end {
        End::Timeout => ExitReason::TimedOut { after: job.timeout },
        End::Cancel => ExitReason::Cancelled,
        End::ByItself => ExitReason::Completed,
    };
    assert_eq!(exit.reason, reason, "{script}");
    assert!(!lives(&marker), "{script}");
    assert!(exit.duration < Duration::from_secs(20), "{script}");
}

#[tokio::test]
async fn nothing_of_an_agent_outlives_it() {
    let bench = Bench::new().await;
    let all = ATTEMPTS.iter().map(async |(name, script, end)| {
        println!("{name}");
        attempt(&bench, script, *end).await;
    });
    futures_util::future::join_all(all).await;
    bench.assert_nothing_left().await;
}
