//! A pipeline's `classification` keeps MCP servers away from its agents.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::common::{Outcome, TestEnvironment, run};

/// Writes down that it was started, and with which servers.
const CLAUDE: &str = r#"#!/bin/sh
cat > /dev/null
cat "$HOME/.claude/swarm-mcp.json" >> "$SEEN" 2>&1; echo >> "$SEEN"
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","total_cost_usd":0.01,"num_turns":1}'
"#;

/// Runs a pipeline with this classification, whose agents have the MCP servers `files` and `mail`, or only `files`.
fn classified(env: &TestEnvironment, classification: &Value) -> Outcome {
    let program = env.write("bin/claude", CLAUDE);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let servers = json!({"files": {"command": "files"}, "mail": {"command": "mail"}});
    env.write(".mcp.json", &json!({"mcpServers": servers}).to_string());
    let vars = json!({
        "PATH": format!("{}:/usr/bin:/bin", env.work().join("bin").display()),
        "SEEN": env.work().join("seen"),
    });
    let text = json!({
        "classification": classification,
        "sandbox": {"agent": "claude", "env_vars": vars},
        "steps": [
            {"id": "quiet", "prompt": "x", "mcps": ["files"]},
            {"id": "loud", "prompt": "y", "mcps": ["files", "mail"]},
        ],
    });
    let mut command = env.command(&["pipeline", "run", "--json", &text.to_string()]);
    run(command.env("ANTHROPIC_API_KEY", "key"))
}

fn starts(env: &TestEnvironment) -> usize {
    let seen = fs::read_to_string(env.work().join("seen")).unwrap_or_default();
    seen.lines()
        .filter(|line| line.contains("mcpServers"))
        .count()
}

#[test]
fn a_server_that_the_classification_of_a_pipeline_denies_is_attached_to_none_of_its_agents() {
    for (classification, problem) in [
        (
            json!({"level": "confidential", "denied_mcps": ["mail"]}),
            "MCP 'mail' denied for classification 'confidential'",
        ),
        (
            json!({"level": "internal", "allowed_mcps": ["files"]}),
            "MCP 'mail' not in allowed list for classification 'internal'",
        ),
    ] {
        let env = TestEnvironment::new();
        let outcome = classified(&env, &classification).code(5);
        let report = outcome.value();
        assert_eq!(report["status"], "broken", "{report}");
        let reason = report["broken_reason"].as_str().unwrap();
        assert!(reason.contains(problem), "{reason}");
        // The first step may use its server, and the second was never started.
        assert_eq!(starts(&env), 1, "{classification}");
        let seen = fs::read_to_string(env.work().join("seen")).unwrap();
        assert!(!seen.contains("mail"), "{seen}");
    }
}

#[test]
fn a_classification_without_lists_keeps_no_server_away_and_its_results_have_its_level() {
    let env = TestEnvironment::new();
    let report = classified(&env, &json!("confidential")).ok().value();
    assert_eq!(starts(&env), 2);
    for result in report["all_results"].as_array().unwrap() {
        assert_eq!(
            result["classification"]["level"], "confidential",
            "{result}"
        );
    }
}
