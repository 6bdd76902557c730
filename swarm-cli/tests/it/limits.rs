//! Exit codes, and the limits behind them.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::common::{TestEnvironment, eventually, is_running, run};

#[test]
fn a_timeout_stops_the_agent_and_keeps_what_it_had_printed() {
    let env = TestEnvironment::new();
    let fifo = env.work().join("silence");
    crate::common::fifo(&fifo);
    let script = format!("echo begun; cat {}", fifo.display());
    let args = [
        "run",
        "x",
        "--timeout",
        "1",
        "--json",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let found = env.swarm(&args).code(3).value();
    assert_eq!(found["exit"]["kind"], "timed_out");
    let id = found["ref"].as_str().unwrap();
    assert_eq!(env.swarm(&["unwrap", "-p", id]).ok().stdout, "begun\n");
    assert!(!is_running(fifo.to_str().unwrap()));
}

/// Runs an agent that prints without end, and checks that it was stopped at the limit.
pub(crate) fn stops_who_prints_without_end(mut swarm: Command) {
    let found = run(swarm.env("SWARM_MAX_OUTPUT", "1m")).code(1).value();
    assert_eq!(
        found["exit"],
        json!({"kind": "output_limit", "bytes": 1_048_576})
    );
    assert_eq!(found["size"], 1_048_576);
    let error = found["error"].as_str().unwrap();
    assert!(error.contains("raise `max_output`"), "{error}");
    let stream = Path::new(found["output_dir"].as_str().unwrap()).join("stream.jsonl");
    let kept = fs::read(stream).unwrap();
    assert!(kept.starts_with(b"begun\n"));
    assert_eq!(kept.len(), 1_048_576);
}

/// Prints until it is stopped.
pub(crate) const WITHOUT_END: [&str; 7] = [
    "run",
    "x",
    "--json",
    "--",
    "sh",
    "-c",
    "echo begun; exec yes without end",
];

#[test]
fn an_agent_that_prints_without_end_is_stopped_at_the_limit_and_keeps_what_it_had_printed() {
    let env = TestEnvironment::new();
    stops_who_prints_without_end(env.command(&WITHOUT_END));
}

#[test]
fn the_budget_is_never_overspent_and_the_rest_is_not_started() {
    let env = TestEnvironment::new();
    let args = [
        "par",
        "a",
        "b",
        "c",
        "--budget",
        "2.50",
        "--max-budget",
        "1",
        "--json",
        "--",
        "cat",
    ];
    let report = env.swarm(&args).code(4).value();
    assert_eq!(
        (&report["succeeded"], &report["failed"]),
        (&json!(2), &json!(1))
    );
    let denied: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["ref"].is_null())
        .collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["exit"]["kind"], "budget_exhausted");
    let run = report["run_id"].as_str().unwrap();
    let shown = env.json(&["runs", "show", run]);
    assert_eq!(
        (&shown["spent_usd"], &shown["budget_usd"]),
        (&json!(2.0), &json!(2.5))
    );
}

#[test]
fn the_budget_is_stamped_on_each_result() {
    let env = TestEnvironment::new();
    let found = env.json(&[
        "run",
        "a",
        "--budget",
        "2",
        "--max-budget",
        "0.5",
        "--deadline",
        "1h",
        "--",
        "cat",
    ]);
    assert_eq!(
        found["budget"],
        json!({"step_cost": 0.5, "spent_so_far": 0.5, "remaining": 1.5, "limit": 2.0})
    );
    assert!(found["deadline"].as_u64().unwrap() > 1_700_000_000);
    assert!(found["time_remaining"].as_f64().unwrap() > 3000.0);
    let id = found["ref"].as_str().unwrap();
    let stored = env.swarm_home().join("runs").join(id).join("result.json");
    let stored: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(stored).unwrap()).unwrap();
    assert_eq!(stored["budget"], found["budget"]);
}

#[test]
fn after_the_deadline_nothing_runs() {
    let env = TestEnvironment::new();
    let fifo = env.work().join("late");
    crate::common::fifo(&fifo);
    let path = fifo.to_str().unwrap();
    let args = [
        "chain",
        "a",
        "b",
        "--deadline",
        "1s",
        "--json",
        "--",
        "cat",
        path,
    ];
    let report = env.swarm(&args).code(3).value();
    assert_eq!(
        report["intermediates"][0]["exit"]["kind"],
        "deadline_exceeded"
    );
    assert_eq!(report["intermediates"].as_array().unwrap().len(), 1);
}

#[test]
fn who_waits_too_long_for_a_pool_is_told_which_one() {
    let env = TestEnvironment::new();
    let fifo = env.work().join("busy");
    crate::common::fifo(&fifo);
    let path = fifo.to_str().unwrap();
    let mut command = env.command(&[
        "par",
        "a",
        "b",
        "--resource",
        "db",
        "--timeout",
        "4",
        "--json",
        "--",
        "cat",
        path,
    ]);
    let report = run(command.env("SWARM_QUEUE_TIMEOUT", "1")).code(3).value();
    let errors: Vec<&str> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["error"].as_str().unwrap())
        .collect();
    assert!(
        errors
            .iter()
            .any(|error| error.contains("resource `db` within 1s")),
        "{errors:?}"
    );
}

#[test]
fn the_capacity_of_a_pool_comes_from_the_environment() {
    let env = TestEnvironment::new();
    let gate = env.work().join("gate");
    crate::common::fifo(&gate);
    // Each says that it is there, then waits: with one place in the pool the second would never come.
    let script = format!("touch $0; cat {}", gate.display());
    let (a, b) = (env.work().join("a"), env.work().join("b"));
    let tasks = json!([&a, &b].map(|path| json!({
        "prompt": "x", "resources": "gpu", "agent": {"command": ["sh", "-c", &script, path]},
    })));
    let tasks = tasks.to_string();
    let mut child = env
        .command(&["par", "--tasks", &tasks])
        .env("SWARM_RESOURCE_gpu", "2")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("both hold the pool", || a.exists() && b.exists());
    fs::write(&gate, "").unwrap();
    eventually("they end", || {
        // A reader that comes late needs a writer of its own.
        let writer = fs::OpenOptions::new().read(true).write(true).open(&gate);
        let ended = child.try_wait().unwrap().is_some();
        drop(writer);
        ended
    });
}

#[test]
fn who_runs_out_of_time_while_its_provider_refuses_says_so() {
    let env = TestEnvironment::new();
    let retry = r#"{"type":"system","subtype":"api_retry","error_status":401}"#;
    let script = format!("#!/bin/sh\necho '{retry}'\nexec sleep 600\n");
    let program = env.write("bin/claude", &script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    let path = format!("{}:/usr/bin:/bin", env.work().join("bin").display());
    let args = [
        "run",
        "x",
        "--agent",
        "claude",
        "--timeout",
        "6s",
        "--env",
        "ANTHROPIC_API_KEY=k",
    ];
    let mut command = env.command(&args);
    command.env("PATH", path);
    let late = run(&mut command).code(3);
    assert!(
        late.stdout.contains("with the status 401") || late.stderr.contains("with the status 401"),
        "{late:#?}"
    );
}
