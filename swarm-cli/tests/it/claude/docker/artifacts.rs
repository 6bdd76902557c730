//! What it says that it has written.

use std::fs;

use serde_json::{Value, json};

use crate::{claude::stage::Stage, common::run, model_server::Turn};

fn bash(command: &str) -> Turn {
    Turn::tool("Bash", &json!({"command": command, "description": "Do it"}))
}

fn write(path: &str, content: &str) -> Turn {
    Turn::tool("Write", &json!({"file_path": path, "content": content}))
}

/// What `swarm inspect` finds of the result that an answer is about, and its report.
fn inspected(stage: &Stage, found: &Value) -> (Value, String) {
    let id = found["ref"].as_str().unwrap();
    let inspection = run(&mut stage.command(&["inspect", id, "--json"]))
        .ok()
        .value();
    let report = fs::read_to_string(inspection["file"].as_str().unwrap()).unwrap();
    (inspection["claimed_artifacts"].clone(), report)
}

/// The tools and paths of claims.
fn calls(claims: &Value) -> Vec<(&str, &str)> {
    let claims = claims.as_array().into_iter().flatten();
    claims
        .map(|claim| {
            (
                claim["tool"].as_str().unwrap(),
                claim["path"].as_str().unwrap_or("-"),
            )
        })
        .collect()
}

/// What it writes, edits and fails to write.
pub(crate) fn turns() -> [Turn; 5] {
    let long = "0123456789".repeat(10_000);
    [
        write("/workspace/a.txt", "first\n"),
        write("/workspace/long.txt", &long),
        Turn::tool(
            "Edit",
            &json!({"file_path": "/workspace/a.txt", "old_string": "first", "new_string": "second"}),
        ),
        bash("cat a.txt"),
        Turn::text("Done."),
    ]
}

#[test]
fn what_it_writes_and_edits_is_in_its_record_as_its_claims() {
    let stage = Stage::in_container(turns());
    let options = ["--tools", "Bash,Edit,Write", "--claude-md=Be kind."];
    let found = stage.run("Work.", &options).ok().value();
    assert_eq!(stage.text(&found), "Done.");
    assert!(stage.model.requests()[0].said().contains("Be kind."));
    let (claims, report) = inspected(&stage, &found);
    assert_eq!(
        calls(&claims),
        [
            ("Write", "/workspace/a.txt"),
            ("Write", "/workspace/long.txt"),
            ("Edit", "/workspace/a.txt")
        ]
    );
    let shown = "## Artifacts (3 claimed by the agent, unverified)";
    assert!(report.contains(shown), "{report}");
    assert!(
        report.contains("\"Write\" \"/workspace/a.txt\""),
        "{report}"
    );
}

#[test]
fn an_agent_that_cannot_write_has_no_hook_and_claims_nothing() {
    let look = "ls -A /home/agent/.claude; true";
    let stage = Stage::in_container([bash(look), Turn::text("Done.")]);
    let found = stage.run("Look.", &["--tools", "Bash"]).ok().value();
    assert_eq!(calls(&inspected(&stage, &found).0), []);
    let results = stage.model.requests()[1].tool_results();
    assert!(!results[0].0.contains("settings.json"), "{results:?}");
}

/// Whatever it does to the file of the hook, the record holds what it holds, and the run ends as it would have.
#[test]
fn what_it_does_to_its_claims_changes_nothing_else() {
    let log = "$HOME/.claude/swarm-artifacts.log";
    let forged = r#"7 {"tool_name":"Write","tool_input":{"file_path":"/etc/passwd"}}"#;
    for (what, script, expected) in [
        ("forged", format!("echo; echo '{forged}' >> {log}"), 2),
        (
            "garbage",
            format!("head -c 100000 /dev/urandom >> {log}"),
            1,
        ),
        ("gone", format!("rm {log}"), 0),
        ("a link", format!("ln -sf /etc/passwd {log}"), 0),
        (
            "a link to claims",
            format!("echo '{forged}' > /tmp/x; ln -sf /tmp/x {log}"),
            0,
        ),
        ("a pipe", format!("rm {log}; mkfifo {log}"), 0),
        ("a folder", format!("rm {log}; mkdir {log}"), 0),
        ("a gigabyte", format!("truncate -s 1G {log}"), 1),
    ] {
        // From a file: the program itself objects to commands that name its folder.
        let stage = Stage::in_container([
            write("/workspace/a", "x"),
            bash("sh /shared/script"),
            Turn::text("Done."),
        ]);
        let shared = stage.shared();
        fs::write(shared.join("script"), script).unwrap();
        let mount = format!("{}:/shared:ro", shared.display());
        let options = ["--tools", "Bash,Write", "--mount", &mount];
        let found = stage.run("Forge.", &options).ok().value();
        assert_eq!(stage.text(&found), "Done.", "{what}");
        assert_eq!(found["conversation"]["tool_calls"], 2, "{what}");
        let results = stage.model.requests()[2].tool_results();
        assert!(!results[1].1, "{what}: {results:?}");
        let (claims, report) = inspected(&stage, &found);
        assert_eq!(calls(&claims).len(), expected, "{what}: {claims}");
        assert!(!report.contains("root:"), "{what}: {report}");
        assert_eq!(
            report.contains("/etc/passwd"),
            what == "forged",
            "{what}: {report}"
        );
    }
}
