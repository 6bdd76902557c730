//! What goes on after an interruption.

use std::{fs, process::Stdio};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    claude::stage::{Stage, open_to_all, things_of},
    common::{Outcome, eventually, fifo, run, signal},
    model_server::Turn,
};

#[test]
fn what_ctrl_c_stopped_is_asked_again() {
    let stage = Stage::in_container([Turn::text("In the beginning").held(), Turn::text("All.")]);
    let child = stage.start("Tell me all.", &[]);
    stage.model.wait_for(1);
    signal(&child, Signal::INT);
    drop(Outcome::of(&child.wait_with_output().unwrap()).code(130));
    let run_id = &stage.runs()[0];
    let found = run(&mut stage.command(&["runs", "resume", run_id, "--json"])).ok();
    assert_eq!(stage.text(&found.value()), "All.");
}

#[test]
fn what_goes_on_without_us_is_taken_over_and_nothing_is_paid_twice() {
    let wait = json!({"command": "cat /shared/gate", "description": "Wait"});
    let stage = Stage::in_container([
        Turn::text("First I wait.").and_tool("Bash", &wait),
        Turn::text("Then I am done."),
    ]);
    let shared = stage.shared();
    let gate = shared.join("gate");
    fifo(&gate);
    open_to_all(&gate);
    let mount = format!("{}:/shared:rw", shared.display());
    let mut child = stage.start("Wait.", &["--mount", &mount, "--tools", "Bash"]);
    stage.model.wait_for(1);
    let run_id = stage.runs()[0].clone();
    eventually("it has its prompt", || {
        things_of(&run_id).contains(&format!("swarm-{run_id}-agent-0"))
    });
    child.kill().unwrap();
    drop(child.wait_with_output().unwrap());
    let resume = stage
        .command(&["runs", "resume", &run_id, "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Opens when somebody reads, and that is the tool.
    fs::write(&gate, "now").unwrap();
    let found = Outcome::of(&resume.wait_with_output().unwrap())
        .ok()
        .value();
    assert_eq!(stage.text(&found), "Then I am done.");
    assert_eq!(found["conversation"]["usage"]["output"], 40);
    assert_eq!(found["conversation"]["tool_calls"], 1);
    assert!(found["cost_usd"].as_f64().unwrap() > 0.0);
}
