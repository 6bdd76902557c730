//! What it gets from the machine of its user.

use std::fs;

use serde_json::{Value, json};

use crate::{
    claude::stage::{KEY, Stage},
    common::run,
    model_server::Turn,
};

/// Answers one call, with a secret that only its definition has. Nothing but a shell.
const SERVER: &str = r#"
while read -r line; do
  id=$(printf %s "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  case "$line" in
  *'"method":"initialize"'*)
    answer='"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"vault","version":"1"}}' ;;
  *'"method":"tools/list"'*)
    answer='"result":{"tools":[{"name":"open","description":"Opens it","inputSchema":{"type":"object"}}]}' ;;
  *'"method":"tools/call"'*)
    answer="\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"inside: ${#COMBINATION} characters\"}]}" ;;
  *) answer='"error":{"code":-32601,"message":"no such method"}' ;;
  esac
  test -z "$id" || printf '{"jsonrpc":"2.0","id":%s,%s}\n' "$id" "$answer"
done
"#;
const COMBINATION: &str = "canary-c0mbinat1on";

fn servers() -> Value {
    let server = |name: &str| {
        let script = format!("touch /shared/{name}; {SERVER}");
        json!({"command": "/bin/sh", "args": ["-c", script], "env": {"COMBINATION": COMBINATION}})
    };
    json!({"mcpServers": {"vault": server("vault"), "other": server("other")}})
}

#[test]
fn a_server_that_is_named_is_attached_and_no_other() {
    let stage = Stage::in_container([
        Turn::tool("mcp__vault__open", &json!({})),
        Turn::tool("mcp__other__open", &json!({})),
        Turn::text("It is open."),
    ]);
    stage.env.write(".mcp.json", &servers().to_string());
    let shared = stage.shared();
    let mount = format!("{}:/shared:rw", shared.display());
    let outcome = stage
        .run("Open it.", &["--mount", &mount, "--mcps", "vault"])
        .ok();
    let found = outcome.value();
    assert_eq!(stage.text(&found), "It is open.");
    let results = stage.model.requests()[2].tool_results();
    let inside = format!("inside: {} characters", COMBINATION.len());
    assert_eq!(results[0], (inside, false), "{results:?}");
    assert!(results[1].1, "{results:?}");
    assert!(shared.join("vault").exists());
    assert!(!shared.join("other").exists());
    assert!(
        !format!("{outcome:?}").contains(COMBINATION),
        "{outcome:#?}"
    );
    stage.assert_nowhere_in_home(COMBINATION);
}

#[test]
fn a_server_that_nobody_knows_is_an_error_before_anything_is_asked() {
    let stage = Stage::in_container([]);
    let outcome = stage.run("Open it.", &["--mcps", "vault"]).code(2);
    assert!(
        outcome.stdout.contains("unknown_mcp_server"),
        "{outcome:#?}"
    );
}

#[test]
fn the_account_of_the_program_goes_along_in_a_file() {
    let stage = Stage::in_container([Turn::text("Hello.")]);
    let home = stage.env.work().parent().unwrap().join("home");
    fs::create_dir(home.join(".claude")).unwrap();
    let account = json!({"claudeAiOauth": {
        "accessToken": KEY, "refreshToken": KEY, "expiresAt": 9_999_999_999_999_u64,
        "scopes": ["user:inference"], "subscriptionType": "max",
    }});
    fs::write(home.join(".claude/.credentials.json"), account.to_string()).unwrap();
    let outcome = run(stage.agent("Hello?", &[]).env_remove("ANTHROPIC_API_KEY")).ok();
    let asked = &stage.model.requests()[0];
    assert_eq!(asked.header("authorization"), format!("Bearer {KEY}"));
    assert!(!format!("{outcome:?}").contains(KEY), "{outcome:#?}");
    stage.assert_nowhere_in_home(KEY);
}
