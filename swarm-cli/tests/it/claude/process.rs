//! As processes.

use rustix::process::Signal;
use serde_json::json;

use super::stage::{KEY, Stage};
use crate::{
    common::{Outcome, run, signal},
    model_server::{Turn, Usage},
};

#[test]
fn what_it_says_is_the_result() {
    let stage = Stage::as_process([Turn::text("Hello, world.")]);
    let found = stage.run("Say hello.", &[]).ok().value();
    assert_eq!(stage.text(&found), "Hello, world.");
    assert_eq!(stage.model.requests()[0].header("x-api-key"), KEY);
}

#[test]
fn standing_instructions_arrive() {
    let stage = Stage::as_process([Turn::text("Aye.")]);
    drop(
        stage
            .run("Report.", &["--claude-md=Never mention the parrot."])
            .ok(),
    );
    let asked = stage.model.requests()[0].said();
    assert!(asked.contains("Never mention the parrot."), "{asked}");
}

#[test]
fn tools_work_in_the_folder_that_it_was_given() {
    let command = json!({"command": "echo ran > made.txt", "description": "Make"});
    let stage = Stage::as_process([Turn::tool("Bash", &command), Turn::text("Done.")]);
    let shared = stage.shared();
    let mount = format!("{}:/workspace:rw", shared.display());
    drop(
        stage
            .run("Work.", &["--mount", &mount, "--tools", "Bash"])
            .ok(),
    );
    let made = std::fs::read_to_string(shared.join("made.txt")).unwrap();
    assert_eq!(made, "ran\n");
}

#[test]
fn what_it_writes_is_in_its_record_as_its_claim() {
    let content = json!({"file_path": "made.txt", "content": "by hand"});
    let stage = Stage::as_process([Turn::tool("Write", &content), Turn::text("Done.")]);
    let found = stage.run("Work.", &["--tools", "Write"]).ok().value();
    let id = found["ref"].as_str().unwrap();
    let inspection = run(&mut stage.command(&["inspect", id, "--json"])).ok();
    let claims = inspection.value()["claimed_artifacts"].clone();
    assert_eq!(claims[0]["tool"], "Write", "{claims}");
    let path = claims[0]["path"].as_str().unwrap();
    assert!(path.ends_with("made.txt"), "{path}");
    assert_eq!(claims[1], json!(null));
}

#[test]
fn a_budget_that_is_crossed_in_mid_stream_stops_it_there() {
    let dear = Usage {
        input: 100_000,
        ..Usage::default()
    };
    let stage = Stage::as_process([Turn::text("Much too dear.").usage(dear).held()]);
    let found = stage
        .run("Spend.", &["--max-budget", "0.05"])
        .code(4)
        .value();
    assert_eq!(found["exit"], json!({"kind": "over_budget"}));
}

#[test]
fn an_error_of_the_api_is_never_a_success() {
    let error = Turn::error(500, "api_error", "Not today.").for_ever();
    let stage = Stage::as_process([error]);
    let found = stage.run("Hello?", &[]).code(1).value();
    assert_eq!(found["exit"], json!({"kind": "failed", "code": 1}));
}

#[test]
fn ctrl_c_stops_it_together_with_its_tools() {
    let stray = "setsid -f sh -c 'touch stray; exec timeout 300 tail -f /dev/null'; \
                 until test -e stray; do sleep 0.1; done";
    let stage = Stage::as_process([
        Turn::tool("Bash", &json!({"command": stray, "description": "Stray"})),
        Turn::text("In the beginning").held(),
    ]);
    let shared = stage.shared();
    let mount = format!("{}:/workspace:rw", shared.display());
    let child = stage.start("Tell me all.", &["--mount", &mount, "--tools", "Bash"]);
    stage.model.wait_for(2);
    assert!(shared.join("stray").exists());
    signal(&child, Signal::INT);
    drop(Outcome::of(&child.wait_with_output().unwrap()).code(130));
    drop(run(&mut stage.command(&["runs", "kill", &stage.runs()[0]])).ok());
}
