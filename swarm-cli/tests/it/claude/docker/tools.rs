//! What it may do.

use std::fs;

use serde_json::json;

use crate::{claude::stage::Stage, model_server::Turn};

fn bash(command: &str) -> Turn {
    Turn::tool("Bash", &json!({"command": command, "description": "Do it"}))
}

fn mount(folder: &std::path::Path) -> String {
    format!("{}:/shared:rw", folder.display())
}

#[test]
fn tools_really_run_and_what_they_do_is_there() {
    let stage = Stage::in_container([
        bash("echo from the shell > /shared/shell.txt; id -u"),
        Turn::tool("Read", &json!({"file_path": "/shared/given.txt"})),
        Turn::tool(
            "Write",
            &json!({"file_path": "/shared/written.txt", "content": "by hand"}),
        ),
        Turn::text("Done."),
    ]);
    let shared = stage.shared();
    fs::write(shared.join("given.txt"), "what I was given").unwrap();
    let options = ["--mount", &mount(&shared), "--tools", "Bash,Read,Write"];
    let found = stage.run("Work.", &options).ok().value();
    assert_eq!(stage.text(&found), "Done.");
    let read = |name| fs::read_to_string(shared.join(name)).unwrap();
    assert_eq!(read("shell.txt"), "from the shell\n");
    assert_eq!(read("written.txt"), "by hand");
    assert_eq!(found["conversation"]["tool_calls"], 3);
    let requests = stage.model.requests();
    let results = requests[3].tool_results();
    assert!(results.iter().all(|(_, is_error)| !is_error), "{results:?}");
    assert_ne!(results[0].0.trim(), "0", "it is root");
    assert!(results[1].0.contains("what I was given"), "{results:?}");
}

#[test]
fn a_tool_that_is_not_named_is_not_offered_and_does_not_run() {
    let stage = Stage::in_container([
        bash("touch /shared/ran"),
        Turn::tool(
            "Write",
            &json!({"file_path": "/shared/ran", "content": "anyway"}),
        ),
        Turn::text("I could not."),
    ]);
    let shared = stage.shared();
    let options = ["--mount", &mount(&shared), "--tools", "Read,Glob"];
    let found = stage.run("Try.", &options).ok().value();
    assert!(!shared.join("ran").exists());
    assert_eq!(stage.text(&found), "I could not.");
    let requests = stage.model.requests();
    for tool in ["Bash", "Write", "Edit", "WebFetch", "Agent"] {
        assert!(!requests[0].tools().contains(&tool), "{tool} is offered");
    }
    for (result, is_error) in requests[2].tool_results() {
        assert!(is_error, "{result}");
    }
}

#[test]
fn a_command_that_no_rule_allows_is_denied_and_named() {
    let stage = Stage::in_container([
        bash("touch ran"),
        bash("mkdir made"),
        Turn::text("One of two."),
    ]);
    let shared = stage.shared();
    let mount = format!("{}:/workspace:rw", shared.display());
    let options = ["--mount", &mount, "--tools", "Bash(mkdir *)"];
    let found = stage.run("Try.", &options).ok().value();
    assert!(!shared.join("ran").exists());
    assert!(shared.join("made").is_dir());
    assert_eq!(found["conversation"]["denied_tools"], json!(["Bash"]));
    let results = stage.model.requests()[2].tool_results();
    let errors: Vec<bool> = results.iter().map(|(_, is_error)| *is_error).collect();
    assert_eq!(errors, [true, false], "{results:?}");
}

#[test]
fn an_agent_without_tools_is_offered_none() {
    let stage = Stage::in_container([bash("echo hello"), Turn::text("Just talk.")]);
    let options = ["--sandbox", r#"{"tools": []}"#];
    drop(stage.run("Talk.", &options).ok());
    let requests = stage.model.requests();
    assert_eq!(requests[0].tools(), Vec::<&str>::new());
    assert!(requests[1].tool_results()[0].1);
}
