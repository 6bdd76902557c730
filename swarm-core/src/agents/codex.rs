//! The Codex CLI.
//!
//! Flags and their effects as measured with version 0.169.0.

mod transcript;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    AgentKind, Invocation, Transcript, UnknownModel, checks,
    hosts::{hosts, variable},
    mcp::{self, Allowed},
    models,
};
use crate::{
    prices::PriceBook,
    spec::{AgentSpec, HostPattern, SpecError},
    supplies::{AccountFile, AccountSource, McpServer, Reach},
};

pub(super) struct Codex;

const KIND: &str = "codex";

/// The program takes any word and hands it on.
const EFFORTS: [&str; 5] = ["minimal", "low", "medium", "high", "xhigh"];

const SYSTEM_PROMPT: &str = ".codex/swarm-system.md";
const MEMORY: &str = ".codex/AGENTS.md";
const CONFIG: &str = ".codex/config.toml";

impl AgentKind for Codex {
    fn name(&self) -> &'static str {
        KIND
    }

    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError> {
        checks::check_budget(spec)?;
        let sandbox = &spec.sandbox;
        if let Some(model) = &sandbox.model {
            checks::check_model(model, "\"gpt-5.5\"")?;
        }
        checks::check_effort(spec, &EFFORTS)?;
        // Its shell can be taken away, but not its way to write files.
        if !checks::has_default_tools(&sandbox.tools) {
            return Err(checks::unsupported(
                KIND,
                "tools",
                "leave it out, or name the default ones and tools of MCP servers: it has a shell and an editor, and the \
                 sandbox is what limits them",
            ));
        }
        checks::check_no_schema(spec, KIND)?;
        if sandbox.claude_md.is_some() {
            checks::check_not_set(
                spec,
                KIND,
                "CODEX_HOME",
                "put `AGENTS.md` into that folder instead of `claude_md`",
            )?;
        }
        if !sandbox.mcps.is_empty() {
            checks::check_not_set(
                spec,
                KIND,
                "CODEX_HOME",
                "put `[mcp_servers.NAME]` into `config.toml` of that folder instead of `mcps`",
            )?;
        }
        mcp::check(spec)
    }

    fn invocation(&self, spec: &AgentSpec) -> Invocation {
        let sandbox = &spec.sandbox;
        let mut invocation = Invocation::new([
            "codex",
            "exec",
            "--json",
            "--ephemeral",
            "--skip-git-repo-check",
            // Nobody is there to be asked, and its own sandbox needs rights that no container has.
            "--dangerously-bypass-approvals-and-sandbox",
            // Else it waits five seconds at its end where there is no internet.
            "--config=analytics.enabled=false",
            // Else it waits for a lost connection until it is stopped.
            "--config=features.unbounded_connection_retries=false",
            // The provider searches, so that no network setting of the sandbox forbids it.
            "--config=web_search=\"disabled\"",
        ]);
        let mut option = |option: String| invocation.argv.push(option);
        if let Some(model) = &sandbox.model {
            option(format!("--model={model}"));
        }
        if let Some(effort) = &sandbox.effort {
            option(format!("--config=model_reasoning_effort=\"{effort}\""));
        }
        if sandbox.system_prompt.is_some() {
            option(format!(
                "--config=model_instructions_file=\"~/{SYSTEM_PROMPT}\""
            ));
        }
        // The prompt is on stdin.
        option("-".to_owned());
        invocation.put(SYSTEM_PROMPT, sandbox.system_prompt.as_ref());
        invocation.put(MEMORY, sandbox.claude_md.as_ref());
        invocation
    }

    fn check_model(&self, spec: &AgentSpec, prices: &PriceBook) -> Result<(), UnknownModel> {
        match &spec.sandbox.model {
            Some(model) => models::OPENAI.check(KIND, model, prices),
            None => Ok(()),
        }
    }

    fn account(&self, _: &AgentSpec) -> Option<AccountSource> {
        Some(AccountSource {
            name: KIND.to_owned(),
            variables: &["CODEX_API_KEY"],
            along: &[],
            // Its settings may name another provider.
            elsewhere: &["CODEX_HOME"],
            file: Some(AccountFile {
                folder_variable: "CODEX_HOME",
                folder: ".codex",
                name: "auth.json",
                only: None,
            }),
            is_required: true,
        })
    }

    fn check_server(&self, spec: &AgentSpec, server: &McpServer) -> Result<(), String> {
        match server.reach(&spec.sandbox.env_vars)? {
            Reach::Url { is_sse: true, .. } => {
                Err("the program does not speak `sse`; set it up as `http`".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn attach(
        &self,
        spec: &AgentSpec,
        servers: &BTreeMap<&str, &McpServer>,
        invocation: &mut Invocation,
    ) {
        let servers = mcp::reached(spec, servers);
        let servers: BTreeMap<_, _> = servers
            .into_iter()
            .map(|(name, reach, server)| (name, settings(spec, name, reach, server)))
            .collect();
        let config = BTreeMap::from([("mcp_servers", servers)]);
        // It is tables of texts, numbers and lists, which all can be written.
        let config = toml_edit::ser::to_string(&config).unwrap_or_default();
        invocation.put(CONFIG, Some(&config));
    }

    fn transcript(&self) -> Option<Box<dyn Transcript>> {
        Some(Box::<transcript::ExecEvents>::default())
    }

    fn hosts(&self, spec: &AgentSpec, invocation: &Invocation) -> Vec<HostPattern> {
        let mut known = vec!["api.openai.com"];
        if variable(spec, invocation, "CODEX_API_KEY").is_none() {
            // Where the account of a subscription is used and renewed.
            known.extend(["auth.openai.com", "chatgpt.com"]);
        }
        // Another address is in its settings only: it looks at no variable for one.
        hosts(spec, invocation, known, &[])
    }
}

/// A server as the program reads it. A tool that is not among the enabled ones is not offered, and a call of it fails.
fn settings(spec: &AgentSpec, name: &str, reach: Reach, server: &McpServer) -> Value {
    let mut settings = match reach {
        Reach::Program { command, args, env } => {
            json!({"command": command, "args": args, "env": env})
        }
        Reach::Url { url, headers, .. } => json!({"url": url, "http_headers": headers}),
    };
    let mut set = |field: &str, value: Value| {
        if let Some(settings) = settings.as_object_mut() {
            settings.insert(field.to_owned(), value);
        }
    };
    set("startup_timeout_sec", json!(mcp::START_SECONDS));
    if let Some(millis) = server.call_timeout_ms() {
        set("tool_timeout_sec", json!(millis.div_ceil(1000)));
    }
    if let Allowed::Only(tools) = mcp::allowed(spec, name) {
        set("enabled_tools", json!(tools));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::golden::{attached, spec};

    #[test]
    fn every_field_becomes_an_option_in_one_word_and_no_text_is_among_them() {
        let spec = spec(
            KIND,
            json!({
                "model": "gpt-5.5", "effort": "high", "system_prompt": "--be brief", "claude_md": "Be kind.",
                "env_vars": {"CODEX_API_KEY": "canary"}, "max_budget": 1,
            }),
        )
        .unwrap();
        let invocation = Codex.invocation(&spec);
        for option in [
            "--model=gpt-5.5",
            "--config=model_reasoning_effort=\"high\"",
            "--config=model_instructions_file=\"~/.codex/swarm-system.md\"",
        ] {
            assert!(
                invocation.argv.iter().any(|arg| arg == option),
                "{option}: {:?}",
                invocation.argv
            );
        }
        assert_eq!(invocation.argv.last().unwrap(), "-");
        assert_eq!(invocation.home[".codex/swarm-system.md"], "--be brief");
        assert_eq!(invocation.home[".codex/AGENTS.md"], "Be kind.");
        assert!(!format!("{invocation:?}").contains("canary"));
    }

    #[test]
    fn what_is_left_open_is_left_to_the_program() {
        let spec = spec(KIND, json!({})).unwrap();
        let invocation = Codex.invocation(&spec);
        assert!(!invocation.argv.iter().any(|arg| arg.contains("model")));
        assert!(invocation.home.is_empty());
        assert_eq!(Codex.model(&spec), None);
    }

    #[test]
    fn what_the_program_cannot_do_is_refused_by_name() {
        for (sandbox, problem) in [
            (json!({"tools": ["Read"]}), "tools: an agent of kind codex"),
            (json!({"tools": []}), "tools: an agent of kind codex"),
            (json!({"output_schema": {}}), "output_schema: an agent"),
            (
                json!({"tools": ["mcp__a__b"], "mcps": "a"}),
                "tools: an agent",
            ),
            (
                json!({"mcps": "a", "env_vars": {"CODEX_HOME": "/w"}}),
                "CODEX_HOME",
            ),
            (json!({"effort": "max"}), "expected one of minimal"),
            (json!({"model": "-c"}), "expected a name"),
            (
                json!({"claude_md": "", "env_vars": {"CODEX_HOME": "/w"}}),
                "CODEX_HOME",
            ),
        ] {
            let error = spec(KIND, sandbox.clone()).unwrap_err().to_string();
            assert!(error.contains(problem), "{sandbox}: {error}");
        }
        spec(
            KIND,
            json!({"tools": ["Bash", "Read", "Write", "Glob", "Grep"]}),
        )
        .unwrap();
    }

    #[test]
    fn servers_are_in_a_file_that_says_which_tools_there_are() {
        let invocation = attached(
            KIND,
            json!({
                "mcps": ["files", "net"], "env_vars": {"TOKEN": "canary\n\"\u{7f}"},
                "tools": ["Bash", "Read", "Write", "Glob", "Grep", "mcp__files__read"],
            }),
            &json!({
                "files": {"command": "srv", "args": ["-x"], "env": {"TOKEN": "${TOKEN}"}, "timeout": 1500},
                "net": {"type": "http", "url": "https://x", "headers": {"X-Key": "${TOKEN}"}},
            }),
        )
        .unwrap();
        assert!(!invocation.argv_in("/h").concat().contains("canary"));
        let config: toml_edit::DocumentMut = invocation.home[CONFIG].parse().unwrap();
        let at = |server: &str, field: &str| config["mcp_servers"][server][field].clone();
        assert_eq!(at("files", "command").as_str(), Some("srv"));
        assert_eq!(
            at("files", "env")["TOKEN"].as_str(),
            Some("canary\n\"\u{7f}")
        );
        assert_eq!(at("files", "tool_timeout_sec").as_integer(), Some(2));
        let tools = at("files", "enabled_tools").to_string();
        assert_eq!(tools.trim(), "[\"read\"]");
        assert_eq!(
            at("net", "http_headers")["X-Key"].as_str(),
            Some("canary\n\"\u{7f}")
        );
        let net = config["mcp_servers"]["net"].as_table_like().unwrap();
        assert!(!net.contains_key("enabled_tools"));
    }

    #[test]
    fn a_server_that_the_program_cannot_speak_to_is_refused() {
        let sandbox = json!({"mcps": "old"});
        let servers = json!({"old": {"type": "sse", "url": "https://x"}});
        let error = attached(KIND, sandbox, &servers).unwrap_err();
        assert!(error.contains("does not speak `sse`"), "{error}");
    }
}
