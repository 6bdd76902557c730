//! Agents that take all there is.

use std::time::Duration;

use serde_json::{Value, json};
use swarm_core::{outcome::ExitReason, runtime::AgentExit};

use crate::support::{Background, Bench, shell};

/// Runs a bomb while another agent, and the engine, go on as ever. Returns how the bomb ended.
async fn beside_another(name: &str, sandbox: Value, bomb: &str) -> (AgentExit, String) {
    let bench = Bench::new().await;
    let mut job = shell(sandbox, bomb);
    job.timeout = Duration::from_secs(3);
    let bomb = Background::start(&bench.runtime, &job);
    let id = bench.running(&job).await;
    let other = shell(json!({}), "head -c 1000000 /dev/zero | wc -c");
    let other = Background::start(&bench.runtime, &other);
    let heard = other.sink.clone();
    let ended = other.end().await.unwrap();
    assert_eq!(ended.reason, ExitReason::Completed, "beside {name}");
    assert_eq!(heard.text(), "1000000\n", "beside {name}");
    // It may have ended by now.
    drop(bench.docker.inspect_container(&id, None).await);
    let said = bomb.sink.clone();
    let exit = bomb.end().await.unwrap();
    bench.assert_nothing_left().await;
    (exit, said.text())
}

#[tokio::test]
async fn a_fork_bomb_goes_off_in_its_own_limit() {
    let sandbox = json!({"pids": 64, "memory": "128m"});
    let bomb = "trap '' TERM; f() { f | f & f; }; while :; do f; done 2>/dev/null";
    let (exit, _) = beside_another("a fork bomb", sandbox, bomb).await;
    assert!(!exit.reason.is_success(), "{exit:?}");
}

#[tokio::test]
async fn a_memory_bomb_of_many_processes_goes_off_in_its_own_limit() {
    let sandbox = json!({"pids": 64, "memory": "64m"});
    let bomb = "i=0; while [ $i -lt 20 ]; do tail /dev/zero & i=$((i+1)); done; wait; exit 3";
    let (exit, _) = beside_another("a memory bomb", sandbox, bomb).await;
    assert!(!exit.reason.is_success(), "{exit:?}");
}

#[tokio::test]
async fn a_million_files_take_memory_of_the_agents_own() {
    let bomb = "i=0; while :> /tmp/$i; do i=$((i+1)); done; echo $i";
    let (exit, _) = beside_another("files without end", json!({"memory": "16m"}), bomb).await;
    assert!(!exit.reason.is_success(), "{exit:?}");
}

#[tokio::test]
async fn every_place_that_can_be_written_is_in_memory() {
    let bench = Bench::new().await;
    // Which file systems take a byte.
    let script = "while read -r _ place kind _; do [ -d $place ] || continue; \
                  ( : > $place/x ) 2>/dev/null && echo $kind; done < /proc/mounts | sort -u";
    assert_eq!(bench.text(json!({}), script).await, "mqueue\ntmpfs\n");
    // The root itself, which is on a disk.
    let script = "d=$(find / -xdev -type d 2>/dev/null | grep -vxE '/(tmp|workspace)'); for d in $d; do touch $d/x 2>/dev/null && echo $d; done; exit 0";
    assert_eq!(bench.text(json!({}), script).await, "");
}

#[tokio::test]
async fn an_agent_with_all_its_descriptors_open_leaves_some_for_others() {
    let bomb = "n=0; while [ $n -lt 40 ]; do \
                sh -c 'i=10; while eval \"exec $i</dev/null\"; do i=$((i+1)); done' & n=$((n+1)); done; wait";
    let sandbox = json!({"pids": 64, "memory": "128m"});
    let (exit, _) = beside_another("open descriptors", sandbox, bomb).await;
    drop(std::fs::File::open("/dev/null").unwrap());
    assert!(exit.duration < Duration::from_secs(30), "{exit:?}");
}

/// It prints more than anybody reads, from several processes, after its first one has closed its output.
#[tokio::test]
async fn a_flood_of_output_ends_with_its_agent() {
    let bomb = "(yes a & yes b >&2 &) ; exec >&- 2>&-; sleep 1000";
    let sandbox = json!({"pids": 16, "memory": "64m"});
    let (exit, said) = beside_another("a flood", sandbox, bomb).await;
    assert!(
        matches!(exit.reason, ExitReason::TimedOut { .. }),
        "{exit:?}"
    );
    assert!(said.starts_with("a\na\n"));
}
