//! What agents get from the machine of their user: accounts and MCP servers.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::json;

use crate::common::{Outcome, TestEnvironment, run};

/// Writes down what it was given, and ends as the real program does.
const CLAUDE: &str = r#"#!/bin/sh
cat > /dev/null
{ for arg in "$@"; do echo "arg $arg"; done
  env | sort | sed 's/^/env /'
  find "$HOME" -type f -exec sh -c 'echo "file ${1#$HOME/} $(stat -c %a "$1")"; cat "$1"; echo' - {} \;
} > "$SEEN"
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","total_cost_usd":0.01,"num_turns":1}'
"#;

struct Stage(TestEnvironment);

impl Stage {
    fn new() -> Self {
        let env = TestEnvironment::new();
        let program = env.write("bin/claude", CLAUDE);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(env)
    }

    /// `swarm run` with the fake program.
    fn command(&self, args: &[&str]) -> Command {
        let path = format!("PATH={}:/usr/bin:/bin", self.0.work().join("bin").display());
        let seen = format!("SEEN={}", self.seen().display());
        let base = ["run", "Do it.", "--agent", "claude", "--json"];
        let env = ["--env", &path, "--env", &seen];
        self.0.command(&[&base[..], &env, args].concat())
    }

    fn seen(&self) -> std::path::PathBuf {
        self.0.work().join("seen")
    }

    fn what_it_saw(&self) -> String {
        fs::read_to_string(self.seen()).unwrap()
    }

    fn home(&self) -> std::path::PathBuf {
        self.0.work().parent().unwrap().join("home")
    }
}

/// Everything that is kept of a run, and all that was printed about it.
fn kept(stage: &Stage, outcome: &Outcome) -> Vec<u8> {
    let mut kept = format!("{outcome:?}").into_bytes();
    let mut folders = vec![stage.0.swarm_home()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                kept.extend(fs::read(path).unwrap());
            }
        }
    }
    kept
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn a_key_of_the_user_reaches_the_agent_and_is_kept_nowhere() {
    let stage = Stage::new();
    let outcome = run(stage
        .command(&[])
        .env("ANTHROPIC_API_KEY", "canary-key")
        .env("OTHER_KEY", "canary-other"));
    let outcome = outcome.ok();
    let seen = stage.what_it_saw();
    assert!(seen.contains("env ANTHROPIC_API_KEY=canary-key"), "{seen}");
    assert!(!seen.contains("canary-other"), "{seen}");
    assert!(
        !seen
            .lines()
            .any(|line| line.starts_with("arg") && line.contains("canary")),
        "{seen}"
    );
    assert!(!holds(&kept(&stage, &outcome), "canary"));
}

#[test]
fn an_account_that_the_user_logged_in_to_reaches_the_agent_in_a_file_of_its_own() {
    let stage = Stage::new();
    let folder = stage.home().join(".claude");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join(".credentials.json"),
        r#"{"token": "canary-token"}"#,
    )
    .unwrap();
    let outcome = run(&mut stage.command(&[])).ok();
    let seen = stage.what_it_saw();
    assert!(
        seen.contains("file .claude/.credentials.json 600\n{\"token\": \"canary-token\"}"),
        "{seen}"
    );
    assert!(!holds(&kept(&stage, &outcome), "canary"));
}

#[test]
fn without_an_account_nothing_is_started_and_the_error_says_what_was_looked_for() {
    let stage = Stage::new();
    let outcome = run(&mut stage.command(&[])).code(2);
    let error = outcome.value();
    assert_eq!(error["error"], "no_credentials");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("$ANTHROPIC_API_KEY"), "{message}");
    assert!(
        message.contains("home/.claude/.credentials.json"),
        "{message}"
    );
    assert!(!stage.seen().exists());
    let runs = stage.0.swarm(&["runs", "list", "--json"]).ok();
    assert_eq!(runs.stdout, "");
}

#[test]
fn an_mcp_server_is_attached_with_its_secrets_to_the_agent_that_asks_for_it() {
    let stage = Stage::new();
    let server =
        json!({"command": "files", "args": ["--root", "."], "env": {"TOKEN": "canary-mcp"}});
    let config = json!({"mcpServers": {"files": server, "other": {"command": "canary-other"}}});
    fs::write(stage.home().join(".claude.json"), config.to_string()).unwrap();
    let outcome = run(stage
        .command(&["--mcps", "files"])
        .env("ANTHROPIC_API_KEY", "key"))
    .ok();
    let seen = stage.what_it_saw();
    let attached = format!(
        "file .claude/swarm-mcp.json 600\n{}",
        json!({"mcpServers": {"files": server}})
    );
    assert!(seen.contains(&attached), "{seen}");
    assert!(seen.contains("/.claude/swarm-mcp.json\n"), "{seen}");
    assert!(
        seen.contains("arg --allowedTools=Read,Write,Glob,Grep,Bash,mcp__files\n"),
        "{seen}"
    );
    assert!(!seen.contains("canary-other"), "{seen}");
    assert!(!holds(&kept(&stage, &outcome), "canary"));
}

#[test]
fn an_mcp_server_that_nobody_set_up_is_an_error_before_anything_is_started() {
    let stage = Stage::new();
    stage.0.write(
        ".mcp.json",
        r#"{"mcpServers": {"files": {"command": "files"}}}"#,
    );
    let outcome = run(stage
        .command(&["--mcps", "flies"])
        .env("ANTHROPIC_API_KEY", "key"))
    .code(2);
    let error = outcome.value();
    assert_eq!(error["error"], "unknown_mcp_server");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("`flies`; did you mean `files`?"),
        "{message}"
    );
    assert!(!stage.seen().exists());
}

/// Refuses the first of its agents until the second after the next.
const REFUSED_AT_FIRST: &str = r#"#!/bin/sh
cat > /dev/null
if mkdir "$SEEN" 2> /dev/null; then
  echo "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\"resetsAt\":$(($(date +%s) + 2))}}"
  echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"limit reached"}'
  exit 1
fi
echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'
"#;

#[test]
fn agents_that_wait_for_their_provider_say_why_once() {
    let stage = Stage::new();
    stage.0.write("bin/claude", REFUSED_AT_FIRST);
    let path = format!(
        "PATH={}:/usr/bin:/bin",
        stage.0.work().join("bin").display()
    );
    let seen = format!("SEEN={}", stage.seen().display());
    let args = [
        "par",
        "a",
        "b",
        "c",
        "--agent",
        "claude",
        "--max-concurrency",
        "1",
        "--json",
    ];
    let env = [
        "--env",
        &path,
        "--env",
        &seen,
        "--env",
        "ANTHROPIC_API_KEY=k",
    ];
    let outcome = stage.0.swarm(&[&args[..], &env].concat()).code(1);
    let notice = "agents of kind claude wait until 20";
    assert_eq!(
        outcome.stderr.matches(notice).count(),
        1,
        "{}",
        outcome.stderr
    );
    let report = outcome.value();
    let exits: Vec<_> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["exit"]["kind"])
        .collect();
    assert_eq!(
        exits,
        ["rate_limited", "completed", "completed"],
        "{report}"
    );
}

/// Asks for a million tokens, and goes on for as long as it may.
const DEAR: &str = r#"#!/bin/sh
echo '{"type":"assistant","message":{"id":"m1","model":"own-model","content":[],"usage":{"input_tokens":1000000,"output_tokens":0}}}'
exec sleep 600
"#;

#[test]
fn an_agent_is_stopped_at_its_budget_by_the_prices_of_the_user() {
    let stage = Stage::new();
    stage.0.write("bin/claude", DEAR);
    let prices = r#"{"own-model": {"input": 3, "output": 0, "cache_read": 0, "cache_write": 0}}"#;
    let prices = stage.0.write("prices.json", prices);
    let mut command = stage.command(&["--max-budget", "2", "--env", "ANTHROPIC_API_KEY=k"]);
    let found = run(command.env("SWARM_PRICES", &prices)).code(4).value();
    assert_eq!(found["exit"]["kind"], "over_budget", "{found}");
    assert_eq!(found["cost_usd"], 3.0, "{found}");
    assert_eq!(
        found["conversation"]["usage"]["input"], 1_000_000,
        "{found}"
    );
}

#[test]
fn prices_that_are_none_are_named_before_anything_is_started() {
    let stage = Stage::new();
    let prices = stage
        .0
        .write("prices.json", r#"{"own-model": {"inptu": 3}}"#);
    for (path, problem) in [
        (prices.as_path(), "`inptu`"),
        (
            std::path::Path::new("/nonexistent"),
            "cannot read the prices in /nonexistent",
        ),
    ] {
        let mut command = stage.command(&["--env", "ANTHROPIC_API_KEY=k"]);
        let outcome = run(command.env("SWARM_PRICES", path));
        assert!(
            outcome.code != 0 && outcome.stdout.contains(problem),
            "{outcome:?}"
        );
        assert!(!stage.seen().exists());
    }
}

#[test]
fn a_program_in_the_path_of_the_user_is_found_and_none_in_the_current_folder() {
    let stage = Stage::new();
    let bin = stage.0.work().join("bin");
    let seen = format!("SEEN={}", stage.seen().display());
    let args = [
        "run",
        "x",
        "--agent",
        "claude",
        "--json",
        "--env",
        "ANTHROPIC_API_KEY=k",
        "--env",
        &seen,
    ];
    let usual = "/usr/bin:/bin";
    let mut command = stage.0.command(&args);
    drop(run(command.env("PATH", format!("{}:{usual}", bin.display()))).ok());
    let mut command = stage.0.command(&args);
    let lost = run(command.current_dir(bin).env("PATH", format!(".::{usual}"))).code(1);
    assert_eq!(lost.value()["exit"]["kind"], "not_started", "{lost:?}");
}
