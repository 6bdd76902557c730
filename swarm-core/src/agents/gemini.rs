//! The Gemini CLI.
//!
//! Flags and their effects as measured with version 0.61.0.

mod transcript;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    AgentKind, Invocation, Transcript, UnknownModel,
    checks::{self, NativeTool},
    hosts::hosts,
    mcp::{self, Allowed},
    models,
};
use crate::{
    prices::PriceBook,
    spec::{AgentSpec, HostPattern, SpecError},
    supplies::{AccountSource, McpServer, Reach},
};

pub(super) struct Gemini;

const KIND: &str = "gemini";

const TOOLS: [NativeTool; 8] = [
    ("Read", &["read_file"]),
    ("Write", &["write_file"]),
    ("Edit", &["replace"]),
    ("Glob", &["glob", "list_directory"]),
    ("Grep", &["grep_search"]),
    ("Bash", &["run_shell_command"]),
    ("WebFetch", &["web_fetch"]),
    ("WebSearch", &["google_web_search"]),
];

const SETTINGS: &str = ".gemini/settings.json";
const SYSTEM_PROMPT: &str = ".gemini/swarm-system.md";
const MEMORY: &str = ".gemini/GEMINI.md";

/// Holds a dollar. The program fills variables in everywhere in its settings, and there is no other way to write one.
const DOLLAR: &str = "SWARM_DOLLAR";

/// With one of these the account is found elsewhere than in `GEMINI_API_KEY`.
const OTHER_ACCOUNTS: [&str; 2] = [VERTEX, CODE_ASSIST];
const VERTEX: &str = "GOOGLE_GENAI_USE_VERTEXAI";
const CODE_ASSIST: &str = "GOOGLE_GENAI_USE_GCA";

/// Variables with the address of another server to ask.
const ADDRESSES: [&str; 2] = ["GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"];

impl AgentKind for Gemini {
    fn name(&self) -> &'static str {
        KIND
    }

    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError> {
        checks::check_budget(spec)?;
        let sandbox = &spec.sandbox;
        if let Some(model) = &sandbox.model {
            checks::check_model(model, "\"gemini-2.5-pro\"")?;
        }
        checks::native_tools(&sandbox.tools, KIND, &TOOLS)?;
        checks::check_no_schema(spec, KIND)?;
        checks::check_no_effort(spec, KIND)?;
        checks::check_not_set(
            spec,
            KIND,
            "GEMINI_CLI_HOME",
            "its settings, and with them its tools, are in HOME; leave it out",
        )?;
        mcp::check(spec)
    }

    fn invocation(&self, spec: &AgentSpec) -> Invocation {
        let sandbox = &spec.sandbox;
        let mut invocation = Invocation::new([
            "gemini",
            "--output-format=stream-json",
            // Else it does not start at all. Of a repository's own files, its settings are passed over even so.
            "--skip-trust",
            // Nobody is there to be asked; which tools there are is in the settings.
            "--approval-mode=yolo",
        ]);
        if let Some(model) = &sandbox.model {
            invocation.argv.push(format!("--model={model}"));
        }
        for (name, value) in [
            // Else it starts itself a second time, which takes a second.
            ("GEMINI_CLI_NO_RELAUNCH", "true"),
            // A repository may bring `.gemini/.env`, which counts only where nothing is set. Without these lines it
            // would send each request, with the key, where it likes.
            ("GOOGLE_GEMINI_BASE_URL", ""),
            ("GOOGLE_VERTEX_BASE_URL", ""),
            ("NODE_TLS_REJECT_UNAUTHORIZED", "1"),
        ] {
            invocation.set(name, value);
        }
        invocation.set(
            "GEMINI_SYSTEM_MD",
            match sandbox.system_prompt {
                Some(_) => format!("~/{SYSTEM_PROMPT}"),
                None => "false".to_owned(),
            },
        );
        invocation.put(SETTINGS, Some(&settings(spec, &[])));
        invocation.put(SYSTEM_PROMPT, sandbox.system_prompt.as_ref());
        invocation.put(MEMORY, sandbox.claude_md.as_ref());
        invocation
    }

    fn check_model(&self, spec: &AgentSpec, prices: &PriceBook) -> Result<(), UnknownModel> {
        match &spec.sandbox.model {
            Some(model) => models::GEMINI.check(KIND, model, prices),
            None => Ok(()),
        }
    }

    fn account(&self, _: &AgentSpec) -> Option<AccountSource> {
        Some(AccountSource {
            name: KIND.to_owned(),
            variables: &["GEMINI_API_KEY"],
            along: &["GOOGLE_GEMINI_BASE_URL"],
            elsewhere: &OTHER_ACCOUNTS,
            // An account that one logs in to works in a browser only.
            file: None,
            is_required: true,
        })
    }

    fn addresses(&self) -> &'static [&'static str] {
        &ADDRESSES
    }

    fn check_server(&self, spec: &AgentSpec, server: &McpServer) -> Result<(), String> {
        server.reach(&spec.sandbox.env_vars).map(drop)
    }

    fn attach(
        &self,
        spec: &AgentSpec,
        servers: &BTreeMap<&str, &McpServer>,
        invocation: &mut Invocation,
    ) {
        let servers = mcp::reached(spec, servers);
        invocation.put(SETTINGS, Some(&settings(spec, &servers)));
        invocation.set(DOLLAR, "$");
    }

    fn transcript(&self) -> Option<Box<dyn Transcript>> {
        Some(Box::<transcript::StreamJson>::default())
    }

    fn hosts(&self, spec: &AgentSpec, invocation: &Invocation) -> Vec<HostPattern> {
        let is_set = |wanted| spec.sandbox.env_vars.names().any(|name| name == wanted);
        let known: &[&str] = if is_set(VERTEX) {
            &["aiplatform.googleapis.com", "oauth2.googleapis.com"]
        } else if is_set(CODE_ASSIST) {
            &["cloudcode-pa.googleapis.com", "oauth2.googleapis.com"]
        } else {
            &["generativelanguage.googleapis.com"]
        };
        let mut hosts = hosts(spec, invocation, known.iter().copied(), &ADDRESSES);
        let mut vars = spec.sandbox.env_vars.iter();
        if is_set(VERTEX)
            && let Some((_, region)) = vars.find(|(name, _)| *name == "GOOGLE_CLOUD_LOCATION")
            && !region.contains(['.', '*', ':'])
        {
            hosts.extend(format!("{region}-aiplatform.googleapis.com").parse().ok());
        }
        hosts
    }
}

/// A tool that is not in `core` is not offered to the model, and a call of it fails. That holds for those of MCP servers, too.
fn settings(spec: &AgentSpec, servers: &[(&str, Reach, &McpServer)]) -> String {
    let tools = checks::native_tools(&spec.sandbox.tools, KIND, &TOOLS).unwrap_or_default();
    let of_servers = servers.iter().map(|(name, ..)| format!("mcp_{name}_*"));
    let core: Vec<String> = tools
        .into_iter()
        .map(str::to_owned)
        .chain(of_servers)
        .collect();
    let mut settings = json!({
        "tools": {"core": core},
        "general": {"enableAutoUpdate": false},
        "privacy": {"usageStatisticsEnabled": false},
        "advanced": {"ignoreLocalEnv": true},
    });
    let mut set = |name: &str, value: Value| {
        if let Some(settings) = settings.as_object_mut() {
            settings.insert(name.to_owned(), value);
        }
    };
    let mut names = spec.sandbox.env_vars.names();
    if !names.any(|name| OTHER_ACCOUNTS.contains(&name)) {
        // Else it asks which account to use, and ends.
        set(
            "security",
            json!({"auth": {"selectedType": "gemini-api-key"}}),
        );
    }
    if !servers.is_empty() {
        let servers = servers.iter();
        let servers: BTreeMap<_, _> = servers
            .map(|(name, reach, server)| (*name, server_settings(spec, name, reach, server)))
            .collect();
        set("mcpServers", json!(servers));
    }
    settings.to_string()
}

/// A server as the program reads it. Which of its tools there are, is said here: in `core`, a name such as `mcp_a_b_c` may be
/// that of a tool of `a` or of `a_b`.
fn server_settings(spec: &AgentSpec, name: &str, reach: &Reach, server: &McpServer) -> Value {
    let mut settings = match reach {
        Reach::Program { command, args, env } => {
            let args: Vec<String> = args.iter().map(|arg| once(arg)).collect();
            json!({"command": once(command), "args": args, "env": twice(env)})
        }
        Reach::Url {
            url,
            headers,
            is_sse,
        } => {
            let kind = if *is_sse { "sse" } else { "http" };
            json!({"type": kind, "url": once(url), "headers": twice(headers)})
        }
    };
    let mut set = |field: &str, value: Value| {
        if let Some(settings) = settings.as_object_mut() {
            settings.insert(field.to_owned(), value);
        }
    };
    if let Some(millis) = server.call_timeout_ms() {
        // It holds for the start, too.
        set("timeout", json!(millis.max(mcp::START_SECONDS * 1000)));
    }
    if let Allowed::Only(tools) = mcp::allowed(spec, name) {
        set("includeTools", json!(tools));
    }
    settings
}

/// `text` for where the program fills in variables once.
fn once(text: &str) -> String {
    text.replace('$', &format!("${{{DOLLAR}}}"))
}

/// Texts for where it fills them in a second time, when it starts the server; there, a backslash protects a dollar.
fn twice(texts: &BTreeMap<String, String>) -> Map<String, Value> {
    let texts = texts.iter();
    let texts = texts.map(|(name, text)| (name.clone(), json!(once(&text.replace('$', "\\$")))));
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::golden::{attached, spec};

    fn invocation(sandbox: Value) -> Invocation {
        Gemini.invocation(&spec(KIND, sandbox).unwrap())
    }

    fn settings(invocation: &Invocation) -> Value {
        serde_json::from_str(&invocation.home[SETTINGS]).unwrap()
    }

    #[test]
    fn every_field_is_an_option_a_variable_or_a_file() {
        let invocation = invocation(json!({
            "model": "gemini-2.5-pro", "system_prompt": "Be brief.", "claude_md": "Be kind.",
            "tools": "Grep, Read, Glob", "env_vars": {"GEMINI_API_KEY": "canary"}, "max_budget": 1,
        }));
        assert!(
            invocation
                .argv
                .contains(&"--model=gemini-2.5-pro".to_owned())
        );
        assert_eq!(
            settings(&invocation)["tools"]["core"],
            json!(["read_file", "glob", "list_directory", "grep_search"])
        );
        assert_eq!(
            invocation.env["GEMINI_SYSTEM_MD"],
            "~/.gemini/swarm-system.md"
        );
        assert_eq!(invocation.home[".gemini/swarm-system.md"], "Be brief.");
        assert_eq!(invocation.home[".gemini/GEMINI.md"], "Be kind.");
        assert!(!format!("{invocation:?}").contains("canary"));
    }

    #[test]
    fn no_tools_means_none() {
        let invocation = invocation(json!({"tools": []}));
        assert_eq!(settings(&invocation)["tools"]["core"], json!([]));
    }

    #[test]
    fn the_key_is_taken_from_its_variable_unless_another_account_is_named() {
        let account = |sandbox| settings(&invocation(sandbox))["security"].clone();
        assert_eq!(account(json!({}))["auth"]["selectedType"], "gemini-api-key");
        let vertex = json!({"env_vars": {"GOOGLE_GENAI_USE_VERTEXAI": "true"}});
        assert_eq!(account(vertex), Value::Null);
    }

    #[test]
    fn a_file_of_the_repository_cannot_say_where_requests_go() {
        let env = invocation(json!({})).env;
        assert_eq!(env["GOOGLE_GEMINI_BASE_URL"], "");
        assert_eq!(env["GEMINI_SYSTEM_MD"], "false");
    }

    #[test]
    fn what_the_program_cannot_do_is_refused_by_name() {
        for (sandbox, problem) in [
            (json!({"tools": ["Raed"]}), "did you mean `Read`?"),
            (json!({"tools": ["Bash(git *)"]}), "no such tool"),
            (json!({"output_schema": {}}), "output_schema: an agent"),
            (json!({"effort": "high"}), "effort: an agent of kind gemini"),
            (json!({"model": ""}), "expected a name"),
            (
                json!({"env_vars": {"GEMINI_CLI_HOME": "/w"}}),
                "GEMINI_CLI_HOME",
            ),
        ] {
            let error = spec(KIND, sandbox.clone()).unwrap_err().to_string();
            assert!(error.contains(problem), "{sandbox}: {error}");
        }
    }

    #[test]
    fn servers_are_in_the_settings_and_their_tools_are_let_in() {
        let invocation = attached(
            KIND,
            json!({
                "mcps": ["files", "net"], "tools": ["Read", "mcp__files__read"],
                "env_vars": {"TOKEN": "canary$HOME"},
            }),
            &json!({
                "files": {"command": "srv", "args": ["$1"], "env": {"TOKEN": "${TOKEN}"}, "timeout": 1500},
                "net": {"type": "sse", "url": "https://x", "headers": {"X-Key": "k"}},
            }),
        )
        .unwrap();
        assert!(!invocation.argv_in("/h").concat().contains("canary"));
        let settings = settings(&invocation);
        assert_eq!(
            settings["tools"]["core"],
            json!(["read_file", "mcp_files_*", "mcp_net_*"])
        );
        assert_eq!(
            settings["mcpServers"],
            json!({
                "files": {
                    "command": "srv", "args": ["${SWARM_DOLLAR}1"], "timeout": 30_000, "includeTools": ["read"],
                    "env": {"TOKEN": "canary\\${SWARM_DOLLAR}HOME"},
                },
                "net": {"type": "sse", "url": "https://x", "headers": {"X-Key": "k"}},
            })
        );
        assert_eq!(invocation.env["SWARM_DOLLAR"], "$");
    }

    #[test]
    fn a_server_that_asks_for_a_variable_that_nobody_gives_is_refused() {
        let servers = json!({"files": {"command": "${WHERE}/srv"}});
        let error = attached(KIND, json!({"mcps": "files"}), &servers).unwrap_err();
        assert!(
            error.contains("`files`") && error.contains("${WHERE}"),
            "{error}"
        );
    }
}
