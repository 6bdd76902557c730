//! Only one process drives a run.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
};

use swarm_core::{ids::RunId, refs::RefError};
use swarm_refs::RunLock;

use crate::support::TestStore;

fn run() -> RunId {
    "run".parse().unwrap()
}

#[test]
fn a_lock_is_held_by_one_until_it_is_given_back() {
    let store = TestStore::new();
    let first = RunLock::try_acquire(store.home(), &run()).unwrap();
    assert!(first.is_some() && RunLock::is_held(store.home(), &run()));
    assert!(
        RunLock::try_acquire(store.home(), &run())
            .unwrap()
            .is_none()
    );
    let pid = fs::read_to_string(store.layout().run(&run()).join(".lock")).unwrap();
    assert_eq!(pid.trim(), std::process::id().to_string());
    drop(first);
    assert!(!RunLock::is_held(store.home(), &run()));
    assert!(
        RunLock::try_acquire(store.home(), &run())
            .unwrap()
            .is_some()
    );
}

#[test]
fn asking_about_a_run_that_nobody_knows_makes_nothing() {
    let store = TestStore::new();
    assert!(!RunLock::is_held(store.home(), &run()));
    assert!(!store.layout().run(&run()).exists());
}

#[test]
fn a_lock_dies_with_its_process() {
    let store = TestStore::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "run_lock::holds_a_lock",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", store.home().display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("held")));
    assert!(RunLock::is_held(store.home(), &run()));
    assert!(
        RunLock::try_acquire(store.home(), &run())
            .unwrap()
            .is_none()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!RunLock::is_held(store.home(), &run()));
    assert!(
        RunLock::try_acquire(store.home(), &run())
            .unwrap()
            .is_some()
    );
}

/// The process that is killed. It is told the folder on stdin.
#[test]
#[ignore = "started by the test above"]
fn holds_a_lock() {
    let mut home = String::new();
    std::io::stdin().read_line(&mut home).unwrap();
    let lock = RunLock::try_acquire(home.trim().as_ref(), &run()).unwrap();
    assert!(lock.is_some());
    println!("held");
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
}

#[tokio::test]
async fn a_record_is_begun_by_one_agent_at_a_time() {
    let store = TestStore::new();
    let first = store.begin("run/a", &[]).await.unwrap();
    let error = store.begin("run/a", &[]).await.err().unwrap();
    assert!(matches!(error, RefError::Busy { .. }), "{error}");
    drop(first);
    store.record("run/a", &[], "x").await;
}
