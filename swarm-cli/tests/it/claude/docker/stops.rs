//! What ends it before its time.

use rustix::process::Signal;
use serde_json::json;

use crate::{
    claude::stage::{Stage, things_of},
    common::{Outcome, eventually, run, signal},
    model_server::{Turn, Usage},
};

/// Costs twenty cents.
const DEAR: Usage = Usage {
    input: 100_000,
    output: 1,
    cache_read: 0,
    cache_write: 0,
};

#[test]
fn a_budget_that_is_crossed_in_mid_stream_stops_it_there() {
    let stage = Stage::in_container([
        Turn::text("So far.").and_tool("Read", &json!({"file_path": "/etc/passwd"})),
        Turn::text("Much too dear.").usage(DEAR).held(),
    ]);
    let found = stage
        .run("Spend.", &["--max-budget", "0.05"])
        .code(4)
        .value();
    assert_eq!(found["exit"], json!({"kind": "over_budget"}));
    assert!(stage.text(&found).starts_with("So far."));
    let error = found["error"].as_str().unwrap();
    assert!(error.contains("of $0.05"), "{error}");
    let cost = found["cost_usd"].as_f64().unwrap();
    assert!((0.2..0.3).contains(&cost), "{cost}");
}

#[test]
fn a_timeout_ends_an_answer_that_never_ends_and_keeps_its_beginning() {
    let stage = Stage::in_container([Turn::text("In the beginning").held()]);
    let found = stage
        .run("Tell me all.", &["--timeout", "10"])
        .code(3)
        .value();
    assert_eq!(found["exit"], json!({"kind": "timed_out", "after": 10}));
    assert_eq!(stage.text(&found), "In the beginning");
}

#[test]
fn ctrl_c_stops_it_and_leaves_nothing() {
    let stage = Stage::in_container([Turn::text("In the beginning").held()]);
    let child = stage.start("Tell me all.", &[]);
    stage.model.wait_for(1);
    signal(&child, Signal::INT);
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).code(130);
    let [run_id] = &stage.runs()[..] else {
        panic!("there is one run: {outcome:#?}");
    };
    assert_eq!(things_of(run_id), Vec::<String>::new());
    assert_eq!(outcome.value()["state"], "interrupted");
    drop(run(&mut stage.command(&["runs", "kill", run_id])).ok());
}

#[test]
fn a_tool_that_outlives_everything_goes_with_its_container() {
    let command = "setsid sh -c 'trap \"\" INT TERM HUP; while :; do touch /shared/alive; sleep 0.1; done' & \
                   timeout 300 tail -f /dev/null";
    let stage = Stage::in_container([Turn::tool(
        "Bash",
        &json!({"command": command, "description": "Hang"}),
    )]);
    let shared = stage.shared();
    let mount = format!("{}:/shared:rw", shared.display());
    let child = stage.start("Hang.", &["--mount", &mount, "--tools", "Bash"]);
    let alive = shared.join("alive");
    eventually("the tool runs", || alive.exists());
    signal(&child, Signal::INT);
    drop(Outcome::of(&child.wait_with_output().unwrap()).code(130));
    // Nobody is left who could make it again.
    let [run_id] = &stage.runs()[..] else {
        panic!("there is one run");
    };
    assert_eq!(things_of(run_id), Vec::<String>::new());
    std::fs::remove_file(&alive).unwrap();
    drop(run(&mut stage.command(&["runs", "kill", run_id])).ok());
    assert!(!alive.exists());
}
