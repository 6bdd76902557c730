//! What holds for every kind of agents: MCP servers of the user, and names of models.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::json;

use crate::common::{Outcome, TestEnvironment, run};

/// Writes down what it was given.
const PROGRAM: &str = r#"#!/bin/sh
cat > /dev/null
{ for arg in "$@"; do echo "arg $arg"; done
  find "$HOME" -type f -exec sh -c 'echo "file ${1#$HOME/} $(stat -c %a "$1")"; cat "$1"; echo' - {} \;
} > "$SEEN"
"#;

/// A kind, and a variable for its account.
const KINDS: [(&str, &str); 4] = [
    ("claude", "ANTHROPIC_API_KEY"),
    ("codex", "CODEX_API_KEY"),
    ("gemini", "GEMINI_API_KEY"),
    ("opencode", "ANTHROPIC_API_KEY"),
];

struct Stage(TestEnvironment);

impl Stage {
    fn new() -> Self {
        let env = TestEnvironment::new();
        for (kind, _) in KINDS {
            let program = env.write(&format!("bin/{kind}"), PROGRAM);
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let home = env.work().parent().unwrap().join("home");
        let config = json!({"mcpServers": {
            "files": {"command": "srv", "env": {"TOKEN": "canary"}},
            "old": {"type": "sse", "url": "https://canary"},
            "asks": {"command": "srv", "args": ["${WHO}"]},
        }});
        fs::write(home.join(".claude.json"), config.to_string()).unwrap();
        Self(env)
    }

    fn run(&self, kind: &str, args: &[&str], prices: Option<&str>) -> Outcome {
        let (_, account) = KINDS.iter().find(|(name, _)| *name == kind).unwrap();
        let path = format!("PATH={}:/usr/bin:/bin", self.0.work().join("bin").display());
        let seen = format!("SEEN={}", self.seen().display());
        let account = format!("{account}=key");
        let base = ["run", "Do it.", "--agent", kind, "--json"];
        let env = ["--env", &path, "--env", &seen, "--env", &account];
        let mut command = self.0.command(&[&base[..], &env, args].concat());
        if let Some(prices) = prices {
            command.env("SWARM_PRICES", self.0.write("prices.json", prices));
        }
        run(&mut command)
    }

    fn seen(&self) -> PathBuf {
        self.0.work().join("seen")
    }
}

/// What a kind needs besides.
fn model(kind: &str) -> &'static [&'static str] {
    match kind {
        "opencode" => &["--model", "anthropic/claude-opus-5-5"],
        _ => &[],
    }
}

#[test]
fn an_mcp_server_is_in_a_file_of_its_agent_and_its_secret_nowhere_else() {
    let stage = Stage::new();
    for (kind, file) in [
        ("claude", ".claude/swarm-mcp.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("opencode", ".config/opencode/opencode.json"),
    ] {
        let args = [&["--mcps", "files"], model(kind)].concat();
        let outcome = stage.run(kind, &args, None);
        let seen = fs::read_to_string(stage.seen()).unwrap();
        let (args, files) = seen.split_once("file ").unwrap();
        assert!(!args.contains("canary"), "{kind}: {args}");
        let config = files.split("file ").find(|text| text.contains("canary"));
        let config = config.unwrap_or_else(|| panic!("{kind}: {seen}"));
        let name = config.lines().next().unwrap();
        assert_eq!(name.trim_start_matches("file "), format!("{file} 600"));
        assert!(config.contains("srv") && config.contains("TOKEN"), "{kind}");
        assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        fs::remove_file(stage.seen()).unwrap();
    }
}

#[test]
fn a_server_that_the_program_cannot_use_is_refused_before_it_is_started() {
    let stage = Stage::new();
    for (kind, server, problem) in [
        ("codex", "old", "does not speak `sse`"),
        ("codex", "asks", "${WHO}"),
        ("gemini", "asks", "${WHO}"),
        ("opencode", "asks", "${WHO}"),
        ("opencode", "file", "did you mean `files`?"),
    ] {
        let args = [&["--mcps", server], model(kind)].concat();
        let outcome = stage.run(kind, &args, None).code(2);
        let shown = format!("{outcome:?}");
        assert!(
            shown.contains(problem) && !shown.contains("canary"),
            "{kind}: {outcome:?}"
        );
        assert!(!stage.seen().exists(), "{kind}");
    }
    let args = ["--mcps", "asks", "--env", "WHO=me"];
    drop(stage.run("codex", &args, None));
    let seen = fs::read_to_string(stage.seen()).unwrap();
    assert!(seen.contains("\"me\""), "{seen}");
}

#[test]
fn a_model_that_its_kind_cannot_have_is_refused_and_nothing_is_started() {
    let stage = Stage::new();
    for (kind, model, problem) in [
        ("claude", "opuss", "did you mean `opus`?"),
        ("claude", "gpt-5", "claude-…"),
        ("codex", "gpt5.5", "did you mean `gpt-5.5`?"),
        ("codex", "opus", "gpt-…"),
        ("gemini", "flsh", "did you mean `flash`?"),
        (
            "opencode",
            "anthropic/claude_opus-5-5",
            "did you mean `anthropic/claude-opus-5-5`?",
        ),
    ] {
        let outcome = stage.run(kind, &["--model", model], None).code(2);
        assert_eq!(outcome.value()["error"], "unknown_model", "{outcome:?}");
        assert!(outcome.stdout.contains(problem), "{outcome:?}");
        assert!(!stage.seen().exists(), "{kind}");
    }
}

#[test]
fn a_model_with_a_price_of_the_user_is_known_to_every_kind() {
    let stage = Stage::new();
    let price = r#"{"own": {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0}}"#;
    for (kind, model) in [
        ("claude", "own"),
        ("codex", "own"),
        ("gemini", "own"),
        ("opencode", "anthropic/own"),
    ] {
        let refused = stage.run(kind, &["--model", model], None);
        assert!(!stage.seen().exists(), "{refused:?}");
        drop(stage.run(kind, &["--model", model], Some(price)));
        let seen = fs::read_to_string(stage.seen()).unwrap();
        assert!(seen.contains(model), "{kind}: {seen}");
        fs::remove_file(stage.seen()).unwrap();
    }
}
