//! Claude Code.
//!
//! Flags and their effects as measured with version 2.1.329.

mod hook;
mod transcript;

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    AgentKind, Invocation, Transcript, UnknownModel, checks,
    hosts::{hosts, variable},
    mcp, models,
};
use crate::{
    money::Usd,
    prices::PriceBook,
    spec::{AgentSpec, HostPattern, SpecError},
    suggest::nearest,
    supplies::{AccountFile, AccountSource, McpServer},
};

pub(super) struct Claude;

/// The model if nobody says otherwise.
const DEFAULT_MODEL: &str = "sonnet";

const MCP_CONFIG: &str = ".claude/swarm-mcp.json";

const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// The tools that the program has itself.
const TOOLS: [&str; 24] = [
    "Agent",
    "Bash",
    "CronCreate",
    "CronDelete",
    "CronList",
    "Edit",
    "EnterWorktree",
    "ExitWorktree",
    "Glob",
    "Grep",
    "ListAgents",
    "Monitor",
    "NotebookEdit",
    "Read",
    "ReportFindings",
    "SendMessage",
    "Skill",
    "Task",
    "TaskStop",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Write",
];

/// Variables with the address of another server to ask.
const ADDRESSES: [&str; 1] = ["ANTHROPIC_BASE_URL"];

impl AgentKind for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError> {
        let sandbox = &spec.sandbox;
        mcp::check_names(spec)?;
        checks::check_effort(spec, &EFFORTS)?;
        checks::check_budget(spec)?;
        if let Some(model) = &sandbox.model {
            checks::check_model(model, "\"sonnet\" or \"claude-opus-5-5\"")?;
        }
        for tool in &sandbox.tools {
            check_tool(tool)?;
        }
        Ok(())
    }

    fn invocation(&self, spec: &AgentSpec) -> Invocation {
        let sandbox = &spec.sandbox;
        let mut invocation = Invocation::new([
            "claude",
            "--print",
            "--output-format",
            "stream-json",
            "--verbose",
            // Text and usage while a request is under way, so that a budget can stop it and its text is kept.
            "--include-partial-messages",
            "--no-session-persistence",
            // What is not allowed is denied; nobody is there to be asked.
            "--permission-mode",
            "dontAsk",
            // A repository brings settings that switch hooks off, and servers that start unasked.
            "--setting-sources",
            "user",
            "--strict-mcp-config",
        ]);
        let mut option = |name: &str, value: String| {
            // In one word, so that no value is taken for a flag.
            invocation.argv.push(format!("--{name}={value}"));
        };
        option("model", self.model(spec).unwrap_or_default());
        option("max-budget-usd", dollars(self.worst_case(spec)));
        let built_in = sandbox.tools.iter().map(|tool| built_in(tool));
        let built_in = built_in.filter(|tool| !tool.starts_with("mcp__"));
        option("tools", built_in.collect::<Vec<_>>().join(","));
        let allowed = allowed_tools(spec);
        if !allowed.is_empty() {
            option("allowedTools", allowed.join(","));
        }
        if let Some(prompt) = &sandbox.system_prompt {
            option("system-prompt", prompt.clone());
        }
        if let Some(schema) = &sandbox.output_schema {
            option("json-schema", schema.to_string());
        }
        if let Some(effort) = &sandbox.effort {
            option("effort", effort.clone());
        }
        invocation.set("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        invocation.set("DISABLE_AUTOUPDATER", "1");
        // In the home folder: a mount may cover the working folder.
        invocation.put(".claude/CLAUDE.md", sandbox.claude_md.as_ref());
        hook::stage(spec, &mut invocation);
        invocation
    }

    fn check_model(&self, spec: &AgentSpec, prices: &PriceBook) -> Result<(), UnknownModel> {
        match &spec.sandbox.model {
            Some(model) => models::CLAUDE.check(self.name(), model, prices),
            None => Ok(()),
        }
    }

    fn account(&self, _: &AgentSpec) -> Option<AccountSource> {
        Some(AccountSource {
            name: self.name().to_owned(),
            variables: &[
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "CLAUDE_CODE_OAUTH_TOKEN",
            ],
            along: &["ANTHROPIC_BASE_URL"],
            elsewhere: &[
                "CLAUDE_CODE_USE_BEDROCK",
                "CLAUDE_CODE_USE_VERTEX",
                "CLAUDE_CODE_USE_FOUNDRY",
            ],
            file: Some(AccountFile {
                folder_variable: "CLAUDE_CONFIG_DIR",
                folder: ".claude",
                name: ".credentials.json",
                only: None,
            }),
            is_required: true,
        })
    }

    fn attach(
        &self,
        _: &AgentSpec,
        servers: &BTreeMap<&str, &McpServer>,
        invocation: &mut Invocation,
    ) {
        let servers: BTreeMap<_, _> = servers
            .iter()
            .map(|(name, server)| (*name, server.definition()))
            .collect();
        let config = json!({"mcpServers": servers}).to_string();
        invocation.put(MCP_CONFIG, Some(&config));
        let option = "--mcp-config".to_owned();
        invocation.home_argv.push((option, MCP_CONFIG.to_owned()));
    }

    fn addresses(&self) -> &'static [&'static str] {
        &ADDRESSES
    }

    fn transcript(&self) -> Option<Box<dyn Transcript>> {
        Some(Box::<transcript::StreamJson>::default())
    }

    fn hosts(&self, spec: &AgentSpec, invocation: &Invocation) -> Vec<HostPattern> {
        let mut known = vec!["api.anthropic.com"];
        let has_key = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]
            .iter()
            .any(|name| variable(spec, invocation, name).is_some());
        if !has_key {
            // Where the account of a subscription is renewed.
            known.extend(["console.anthropic.com", "platform.claude.com"]);
        }
        hosts(spec, invocation, known, &ADDRESSES)
    }

    fn model(&self, spec: &AgentSpec) -> Option<String> {
        let model = spec.sandbox.model.as_deref();
        Some(model.unwrap_or(DEFAULT_MODEL).to_owned())
    }
}

/// What may be used without being asked. Of an MCP server that is attached that is all it has, unless `tools` names some.
fn allowed_tools(spec: &AgentSpec) -> Vec<String> {
    let servers = spec.sandbox.mcps.iter();
    let servers = servers.filter(|mcp| {
        let is_named = |tool: &String| mcp::tool_of(mcp, tool).is_some();
        !spec.sandbox.tools.iter().any(is_named)
    });
    let servers = servers.map(|mcp| format!("mcp__{mcp}"));
    spec.sandbox.tools.iter().cloned().chain(servers).collect()
}

/// `Bash(git *)` is a rule about `Bash`.
fn built_in(tool: &str) -> &str {
    tool.split_once('(').map_or(tool, |(name, _)| name)
}

fn check_tool(tool: &str) -> Result<(), SpecError> {
    let name = built_in(tool);
    let has_no_separator = !tool.contains([',', '\n']);
    if has_no_separator && (TOOLS.contains(&name) || name.starts_with("mcp__")) {
        return Ok(());
    }
    let suggestion = nearest(name, TOOLS).map(|near| format!("; did you mean `{near}`?"));
    Err(SpecError::shape(
        format!("tool {tool:?}"),
        format!(
            "claude has no such tool{}; it has {}",
            suggestion.unwrap_or_default(),
            TOOLS.join(", ")
        ),
    ))
}

/// With all its six decimals: rounded to cents, a small budget would be none.
fn dollars(amount: Usd) -> String {
    let micros = amount.micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SandboxSpec;

    fn spec(mut sandbox: serde_json::Value) -> Result<AgentSpec, SpecError> {
        sandbox["agent"] = json!("claude");
        AgentSpec::new("Do it.", SandboxSpec::from_json(sandbox, "sandbox")?)
    }

    fn argv(sandbox: serde_json::Value) -> Vec<String> {
        Claude.invocation(&spec(sandbox).unwrap()).argv
    }

    #[test]
    fn every_field_becomes_a_flag_in_one_word() {
        let argv = argv(json!({
            "model": "opus", "tools": ["Read", "Bash(git *)"], "system_prompt": "--be brief", "effort": "high",
            "output_schema": {"type": "object"}, "max_budget": 0.001,
        }));
        for flag in [
            "--model=opus",
            "--tools=Read,Bash",
            "--allowedTools=Read,Bash(git *)",
            "--system-prompt=--be brief",
            "--effort=high",
            "--json-schema={\"type\":\"object\"}",
            "--max-budget-usd=0.001000",
        ] {
            assert!(argv.iter().any(|arg| arg == flag), "{flag}: {argv:?}");
        }
    }

    #[test]
    fn no_tools_means_none() {
        let argv = argv(json!({"tools": []}));
        assert!(argv.contains(&"--tools=".to_owned()), "{argv:?}");
        assert!(!argv.iter().any(|arg| arg.starts_with("--allowedTools")));
    }

    #[test]
    fn without_a_budget_the_timeout_limits_what_it_may_cost() {
        for (sandbox, dollars) in [
            (json!({}), "9"),
            (json!({"timeout": 300}), "1.5"),
            (json!({"timeout": 1}), "0.1"),
            (json!({"timeout": 300, "max_budget": 20}), "20"),
        ] {
            let spec = spec(sandbox.clone()).unwrap();
            assert_eq!(
                Claude.worst_case(&spec),
                dollars.parse().unwrap(),
                "{sandbox}"
            );
        }
    }

    #[test]
    fn the_memory_file_is_in_the_home_folder_where_no_mount_covers_it() {
        let spec = spec(json!({"claude_md": "Be kind."})).unwrap();
        let home = Claude.invocation(&spec).home;
        assert_eq!(home[".claude/CLAUDE.md"], "Be kind.");
    }

    #[test]
    fn what_the_program_would_only_warn_about_is_refused_before_it_is_paid() {
        for (sandbox, problem) in [
            (json!({"max_budget": 0}), "above zero"),
            (
                json!({"system_prompt": "x".repeat(200_000)}),
                "--system-prompt: it has 2000",
            ),
            (json!({"effort": "extreme"}), "expected one of low"),
            (json!({"model": ""}), "expected a name"),
            (json!({"model": "--resume"}), "expected a name"),
            (json!({"tools": ["Raed"]}), "did you mean `Read`?"),
            (json!({"tools": ["Bash(a,b)"]}), "no such tool"),
            (json!({"output_schema": "text"}), "output_schema"),
            (json!({"mcps": ["a,Bash"]}), "mcps"),
        ] {
            let error = spec(sandbox.clone()).unwrap_err().to_string();
            assert!(error.contains(problem), "{sandbox}: {error}");
        }
        spec(json!({"tools": ["mcp__slack", "mcp__files__read"]})).unwrap();
    }
}
