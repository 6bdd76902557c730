//! opencode.
//!
//! Flags and their effects as measured with version 1.18.33.

mod transcript;

use std::collections::BTreeMap;

use serde_json::{Value, json};

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
    supplies::{AccountFile, AccountSource, McpServer, Reach},
};

pub(super) struct Opencode;

const KIND: &str = "opencode";

/// Its permissions: `edit` is to write files in any way.
const TOOLS: [NativeTool; 8] = [
    ("Read", &["read"]),
    ("Write", &["edit"]),
    ("Edit", &["edit"]),
    ("Glob", &["glob"]),
    ("Grep", &["grep"]),
    ("Bash", &["bash"]),
    ("WebFetch", &["webfetch"]),
    ("TodoWrite", &["todowrite"]),
];

/// Where the requests of a provider go, unless its settings say otherwise.
const PROVIDERS: [(&str, &str); 9] = [
    ("anthropic", "api.anthropic.com"),
    ("deepseek", "api.deepseek.com"),
    ("google", "generativelanguage.googleapis.com"),
    ("groq", "api.groq.com"),
    ("mistral", "api.mistral.ai"),
    ("openai", "api.openai.com"),
    ("opencode", "opencode.ai"),
    ("openrouter", "openrouter.ai"),
    ("xai", "api.x.ai"),
];

const SYSTEM_PROMPT: &str = ".config/opencode/swarm-system.md";
const MEMORY: &str = ".config/opencode/AGENTS.md";
const CONFIG: &str = ".config/opencode/opencode.json";
/// For a request to a server, its start included, in milliseconds. What the program waits for a call anyway.
const REQUEST_TIMEOUT_MS: u64 = 60_000;

impl AgentKind for Opencode {
    fn name(&self) -> &'static str {
        KIND
    }

    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError> {
        const EXAMPLE: &str = "\"anthropic/claude-opus-5-5\", which is PROVIDER/MODEL";
        checks::check_budget(spec)?;
        let sandbox = &spec.sandbox;
        let model = sandbox.model.as_deref().unwrap_or_default();
        checks::check_model(model, EXAMPLE)?;
        // Without one the program takes any that it knows, of any provider, some of them without a key.
        let is_complete = model
            .split_once('/')
            .is_some_and(|(provider, name)| !provider.is_empty() && !name.is_empty());
        if !is_complete {
            return Err(SpecError::shape(
                format!("model {model:?}"),
                format!("expected a name such as {EXAMPLE}"),
            ));
        }
        checks::native_tools(&sandbox.tools, KIND, &TOOLS)?;
        checks::check_no_schema(spec, KIND)?;
        // It has variants of models, and passes over one that it does not know.
        checks::check_no_effort(spec, KIND)?;
        for variable in ["OPENCODE_CONFIG_CONTENT", "OPENCODE_PERMISSION"] {
            checks::check_not_set(
                spec,
                KIND,
                variable,
                "put the settings into a file and name it in OPENCODE_CONFIG",
            )?;
        }
        if sandbox.claude_md.is_some() {
            checks::check_not_set(
                spec,
                KIND,
                "XDG_CONFIG_HOME",
                "put `opencode/AGENTS.md` into that folder instead of `claude_md`",
            )?;
        }
        if !sandbox.mcps.is_empty() {
            checks::check_not_set(
                spec,
                KIND,
                "XDG_CONFIG_HOME",
                "put `mcp` into the file that OPENCODE_CONFIG names instead of `mcps`",
            )?;
        }
        mcp::check(spec)?;
        check_apart(spec)
    }

    fn invocation(&self, spec: &AgentSpec) -> Invocation {
        let sandbox = &spec.sandbox;
        let mut invocation = Invocation::new([
            "opencode",
            "run",
            "--format=json",
            // What is not denied is allowed; nobody is there to be asked.
            "--auto",
            // Else it asks a model for a title, which is in no cost that it reports.
            "--title=swarm",
        ]);
        if let Some(model) = &sandbox.model {
            invocation.argv.push(format!("--model={model}"));
        }
        // In a variable, where no file of a repository overrides it.
        invocation.set("OPENCODE_CONFIG_CONTENT", settings(spec));
        for name in [
            // A repository brings servers that start unasked. Its `.opencode/plugin` runs all the same: nothing turns it off.
            "OPENCODE_DISABLE_PROJECT_CONFIG",
            "OPENCODE_DISABLE_AUTOUPDATE",
            "OPENCODE_DISABLE_LSP_DOWNLOAD",
            // It has a list of its own.
            "OPENCODE_DISABLE_MODELS_FETCH",
        ] {
            invocation.set(name, "1");
        }
        invocation.put(SYSTEM_PROMPT, sandbox.system_prompt.as_ref());
        invocation.put(MEMORY, sandbox.claude_md.as_ref());
        invocation
    }

    fn check_model(&self, spec: &AgentSpec, prices: &PriceBook) -> Result<(), UnknownModel> {
        let model = spec.sandbox.model.as_deref().unwrap_or_default();
        let Some((provider, name)) = model.split_once('/') else {
            return Ok(());
        };
        let models = match provider {
            "anthropic" => models::ANTHROPIC,
            "google" => models::GOOGLE,
            "openai" => models::OPENAI,
            // It knows more than a hundred, and its settings may name any.
            _ => return Ok(()),
        };
        if prices.is_listed(model) {
            return Ok(());
        }
        let of_provider = |name: String| format!("{provider}/{name}");
        models
            .check(KIND, name, prices)
            .map_err(|unknown| UnknownModel {
                model: model.to_owned(),
                suggestion: unknown.suggestion.map(of_provider),
                ..unknown
            })
    }

    fn account(&self, spec: &AgentSpec) -> Option<AccountSource> {
        let model = spec.sandbox.model.as_deref().unwrap_or_default();
        let provider = model
            .split_once('/')
            .map_or(model, |(provider, _)| provider);
        Some(AccountSource {
            name: format!("{KIND}/{provider}"),
            variables: match provider {
                "anthropic" => &["ANTHROPIC_API_KEY"],
                "openai" => &["OPENAI_API_KEY"],
                "google" => &["GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY"],
                "openrouter" => &["OPENROUTER_API_KEY"],
                _ => &[],
            },
            along: &[],
            elsewhere: &["OPENCODE_CONFIG", "XDG_DATA_HOME"],
            file: Some(AccountFile {
                folder_variable: "XDG_DATA_HOME",
                folder: ".local/share",
                name: "opencode/auth.json",
                only: Some(provider.to_owned()),
            }),
            // There are providers on the own machine, which ask for none.
            is_required: false,
        })
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
        let servers: BTreeMap<_, _> = servers
            .into_iter()
            .map(|(name, reach, server)| (name, server_settings(reach, server)))
            .collect();
        let config = literal(&json!({"mcp": servers}).to_string());
        invocation.put(CONFIG, Some(&config));
    }

    fn transcript(&self) -> Option<Box<dyn Transcript>> {
        Some(Box::<transcript::RunEvents>::default())
    }

    fn hosts(&self, spec: &AgentSpec, invocation: &Invocation) -> Vec<HostPattern> {
        let model = spec.sandbox.model.as_deref().unwrap_or_default();
        let provider = model.split_once('/').map(|(provider, _)| provider);
        let known = PROVIDERS.iter().filter(|(name, _)| Some(*name) == provider);
        hosts(spec, invocation, known.map(|(_, host)| *host), &[])
    }
}

/// The program calls a tool of a server `SERVER_TOOL`, so that of `a_b_c` nobody can tell whether it is of `a` or of `a_b`.
/// Where not all of them are allowed, that would open one that is not.
fn check_apart(spec: &AgentSpec) -> Result<(), SpecError> {
    let mcps = &spec.sandbox.mcps;
    let is_limited = |name: &str| mcp::allowed(spec, name) != Allowed::All;
    let pairs = mcps
        .iter()
        .flat_map(|one| mcps.iter().map(move |other| (one, other)));
    for (one, other) in pairs {
        if other.starts_with(&format!("{one}_")) && (is_limited(one) || is_limited(other)) {
            return Err(SpecError::shape(
                format!("mcps {one:?}, {other:?}"),
                "an agent of kind opencode cannot tell their tools apart, so that `tools` could not name some; allow all of \
                 both, or give one of them another name",
            ));
        }
    }
    Ok(())
}

/// A server as the program reads it.
fn server_settings(reach: Reach, server: &McpServer) -> Value {
    let timeout = server.call_timeout_ms().unwrap_or(REQUEST_TIMEOUT_MS);
    // It holds for the start, too.
    let timeout = timeout.max(mcp::START_SECONDS * 1000);
    match reach {
        Reach::Program { command, args, env } => {
            let command: Vec<String> = std::iter::once(command).chain(args).collect();
            json!({"type": "local", "command": command, "environment": env, "timeout": timeout})
        }
        // Nobody is there to log in.
        Reach::Url { url, headers, .. } => {
            json!({"type": "remote", "url": url, "headers": headers, "oauth": false, "timeout": timeout})
        }
    }
}

/// The same JSON with each brace in a text written as its number: the program replaces `{env:NAME}` and `{file:PATH}`,
/// wherever they are, before it reads it as JSON.
fn literal(json: &str) -> String {
    let mut done = String::with_capacity(json.len());
    let (mut is_text, mut is_escaped) = (false, false);
    for c in json.chars() {
        match c {
            '{' if is_text => done.push_str("\\u007b"),
            _ => done.push(c),
        }
        if c == '"' && !is_escaped {
            is_text = !is_text;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    done
}

/// A tool that is denied is not offered to the model, and a call of it fails.
fn settings(spec: &AgentSpec) -> String {
    let tools = checks::native_tools(&spec.sandbox.tools, KIND, &TOOLS).unwrap_or_default();
    let of_servers = spec.sandbox.mcps.iter().flat_map(|server| {
        let tools = match mcp::allowed(spec, server) {
            Allowed::All => vec!["*".to_owned()],
            // As the program writes them.
            Allowed::Only(tools) => tools.iter().map(|tool| tool.replace('.', "_")).collect(),
        };
        tools
            .into_iter()
            .map(move |tool| format!("{server}_{tool}"))
    });
    let mut permission: BTreeMap<String, &str> = tools
        .into_iter()
        .map(str::to_owned)
        .chain(of_servers)
        .map(|tool| (tool, "allow"))
        .collect();
    permission.insert("*".to_owned(), "deny");
    // Files outside of the working folder: the sandbox is what limits them.
    permission.insert("external_directory".to_owned(), "allow");
    let agent = match spec.sandbox.system_prompt {
        // As text it would have its `{env:NAME}` and `{file:PATH}` filled in.
        Some(_) => json!({"build": {"prompt": format!("{{file:~/{SYSTEM_PROMPT}}}")}}),
        None => Value::Object(serde_json::Map::new()),
    };
    json!({"share": "disabled", "autoupdate": false, "permission": permission, "agent": agent})
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::golden;

    fn spec(mut sandbox: Value) -> Result<AgentSpec, SpecError> {
        if sandbox.get("model").is_none() {
            sandbox["model"] = json!("fake/m");
        }
        golden::spec(KIND, sandbox)
    }

    fn settings(invocation: &Invocation) -> Value {
        serde_json::from_str(&invocation.env["OPENCODE_CONFIG_CONTENT"]).unwrap()
    }

    #[test]
    fn every_field_is_an_option_a_setting_or_a_file() {
        let spec = spec(json!({
            "model": "anthropic/claude-opus-5-5", "system_prompt": "{env:HOME}", "claude_md": "Be kind.",
            "tools": ["Read", "Write"], "env_vars": {"ANTHROPIC_API_KEY": "canary"},
        }))
        .unwrap();
        let invocation = Opencode.invocation(&spec);
        let model = "--model=anthropic/claude-opus-5-5".to_owned();
        assert!(invocation.argv.contains(&model));
        let settings = settings(&invocation);
        assert_eq!(
            settings["permission"],
            json!({"*": "deny", "edit": "allow", "external_directory": "allow", "read": "allow"})
        );
        assert_eq!(
            settings["agent"]["build"]["prompt"],
            "{file:~/.config/opencode/swarm-system.md}"
        );
        assert_eq!(
            invocation.home[".config/opencode/swarm-system.md"],
            "{env:HOME}"
        );
        assert_eq!(invocation.home[".config/opencode/AGENTS.md"], "Be kind.");
        assert!(!format!("{invocation:?}").contains("canary"));
    }

    /// The last rule that fits wins.
    #[test]
    fn all_is_denied_before_anything_is_allowed() {
        let settings = super::settings(&spec(json!({})).unwrap());
        let deny = settings.find(r#""*":"deny""#).unwrap();
        let allow = settings.find(r#":"allow""#).unwrap();
        assert!(deny < allow, "{settings}");
    }

    #[test]
    fn no_tools_means_none() {
        let invocation = Opencode.invocation(&spec(json!({"tools": []})).unwrap());
        assert_eq!(
            settings(&invocation)["permission"],
            json!({"*": "deny", "external_directory": "allow"})
        );
    }

    #[test]
    fn what_the_program_cannot_do_is_refused_by_name() {
        for (sandbox, problem) in [
            (json!({"model": null}), "PROVIDER/MODEL"),
            (json!({"model": "sonnet"}), "PROVIDER/MODEL"),
            (json!({"model": "/m"}), "PROVIDER/MODEL"),
            (json!({"model": "-m/m"}), "PROVIDER/MODEL"),
            (json!({"tools": ["Reed"]}), "did you mean `Read`?"),
            (json!({"output_schema": {}}), "output_schema: an agent"),
            (json!({"effort": "high"}), "effort: an agent"),
            (
                json!({"mcps": ["a", "a_b"], "tools": ["mcp__a_b__c"]}),
                "cannot tell their tools apart",
            ),
            (
                json!({"mcps": "a", "env_vars": {"XDG_CONFIG_HOME": "/w"}}),
                "XDG_CONFIG_HOME",
            ),
            (
                json!({"env_vars": {"OPENCODE_PERMISSION": "{}"}}),
                "OPENCODE_PERMISSION",
            ),
            (
                json!({"claude_md": "", "env_vars": {"XDG_CONFIG_HOME": "/w"}}),
                "XDG_CONFIG_HOME",
            ),
        ] {
            let error = spec(sandbox.clone()).unwrap_err().to_string();
            assert!(error.contains(problem), "{sandbox}: {error}");
        }
    }

    #[test]
    fn servers_are_in_a_file_and_their_tools_are_allowed() {
        let invocation = golden::attached(
            KIND,
            json!({
                "model": "fake/m", "mcps": ["files", "net"], "tools": ["Read", "mcp__files__read.all"],
                "env_vars": {"TOKEN": "canary {env:HOME}"},
            }),
            &json!({
                "files": {"command": "srv", "args": ["-\\\"{file:/etc/passwd}"], "env": {"TOKEN": "${TOKEN}"}, "timeout": 1500},
                "net": {"type": "sse", "url": "https://x", "headers": {"X-Key": "k"}},
            }),
        )
        .unwrap();
        assert!(!invocation.argv_in("/h").concat().contains("canary"));
        let text = &invocation.home[CONFIG];
        assert!(!text.contains("{env") && !text.contains("{file"), "{text}");
        let config: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            config,
            json!({"mcp": {
                "files": {
                    "type": "local", "command": ["srv", "-\\\"{file:/etc/passwd}"], "timeout": 30_000,
                    "environment": {"TOKEN": "canary {env:HOME}"},
                },
                "net": {
                    "type": "remote", "url": "https://x", "headers": {"X-Key": "k"}, "oauth": false, "timeout": 60_000,
                },
            }})
        );
        assert_eq!(
            settings(&invocation)["permission"],
            json!({"*": "deny", "external_directory": "allow", "files_read_all": "allow", "net_*": "allow", "read": "allow"})
        );
    }
}
