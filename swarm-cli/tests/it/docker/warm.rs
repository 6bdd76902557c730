//! Containers that are started ahead of their agents.

use super::{containers, docker, newest_run, ready};
use crate::common::run;

#[test]
fn a_run_with_containers_started_ahead_gives_the_same_and_leaves_nothing() {
    let env = ready();
    let args = [
        "chain",
        "one",
        "{prev}two",
        "{prev}three",
        "--no-network",
        "--warm",
        "2",
        "--text",
        "-q",
        "--",
        "cat",
    ];
    let warm = run(&mut docker(&env, &args)).ok();
    let fresh: Vec<&str> = args
        .iter()
        .copied()
        .filter(|arg| !["--warm", "2"].contains(arg))
        .collect();
    let fresh = run(&mut docker(&env, &fresh)).ok();
    assert_eq!(warm.stdout, fresh.stdout);
    assert!(warm.stdout.contains("three"), "{warm:#?}");
    let list = run(&mut docker(&env, &["runs", "list", "--json"])).ok();
    for line in list.stdout.lines() {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            containers(run["run_id"].as_str().unwrap()),
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_run_that_fails_leaves_none_of_those_that_waited() {
    let env = ready();
    let args = [
        "par",
        "a",
        "b",
        "c",
        "--no-network",
        "--max-concurrency",
        "1",
        "--warm",
        "3",
        "--",
        "false",
    ];
    drop(run(&mut docker(&env, &args)).code(1));
    let id = newest_run(&env)["run_id"].as_str().unwrap().to_owned();
    assert_eq!(containers(&id), Vec::<String>::new());
}

#[test]
fn whoever_cannot_have_any_is_told() {
    let env = ready();
    env.write("file", "text");
    let args = [
        "run",
        "x",
        "--no-network",
        "--input-file",
        "file=file",
        "--warm",
        "1",
        "--",
        "cat",
    ];
    let told = run(&mut docker(&env, &args)).ok();
    drop(told.says(&["--warm has no effect: only agents of a program"]));
    let args = [
        "run",
        "x",
        "--runtime",
        "process",
        "--warm",
        "1",
        "--",
        "cat",
    ];
    let told = run(&mut env.command(&args)).ok();
    drop(told.says(&["--warm has no effect: agents run as plain processes"]));
    for wrong in ["0", "65", "many"] {
        let args = ["run", "x", "--warm", wrong, "--", "cat"];
        drop(run(&mut env.command(&args)).code(2).says(&["--warm"]));
    }
}
