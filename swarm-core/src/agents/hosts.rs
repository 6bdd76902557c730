//! Hosts that programs of several kinds need.

use super::Invocation;
use crate::spec::{AgentSpec, HostPattern};

/// These hosts, and those of the URLs in these variables, as far as they are set.
pub(super) fn hosts<'h>(
    spec: &AgentSpec,
    invocation: &Invocation,
    known: impl IntoIterator<Item = &'h str>,
    urls: &[&str],
) -> Vec<HostPattern> {
    let known = known.into_iter().filter_map(|host| host.parse().ok());
    let named = urls
        .iter()
        .filter_map(|name| HostPattern::of_url(variable(spec, invocation, name)?));
    known.chain(named).collect()
}

/// What the agent finds in a variable.
pub(super) fn variable<'s>(
    spec: &'s AgentSpec,
    invocation: &'s Invocation,
    wanted: &str,
) -> Option<&'s str> {
    let mut vars = spec.sandbox.env_vars.iter();
    let of_sandbox = vars.find(|(name, _)| *name == wanted);
    let of_kind = || invocation.env.get(wanted).map(String::as_str);
    of_sandbox.map(|(_, value)| value).or_else(of_kind)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{
        agents::kind_of,
        spec::{AgentSpec, SandboxSpec},
    };

    fn hosts(sandbox: Value) -> Vec<String> {
        let sandbox = SandboxSpec::from_json(sandbox, "sandbox").unwrap();
        let spec = AgentSpec::new("Do it.", sandbox).unwrap();
        let kind = kind_of(&spec.agent).unwrap();
        let hosts = kind.hosts(&spec, &kind.invocation(&spec));
        hosts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_brings_what_its_program_asks() {
        let kinds: [(Value, &[&str]); 9] = [
            (json!({"agent": {"command": ["cat"]}}), &[]),
            (
                json!({"agent": "claude", "env_vars": {"ANTHROPIC_API_KEY": "k"}}),
                &["api.anthropic.com"],
            ),
            (
                json!({"agent": "claude"}),
                &[
                    "api.anthropic.com",
                    "console.anthropic.com",
                    "platform.claude.com",
                ],
            ),
            (
                json!({"agent": "codex", "env_vars": {"CODEX_API_KEY": "k"}}),
                &["api.openai.com"],
            ),
            (
                json!({"agent": "codex"}),
                &["api.openai.com", "auth.openai.com", "chatgpt.com"],
            ),
            (
                json!({"agent": "gemini"}),
                &["generativelanguage.googleapis.com"],
            ),
            (
                json!({"agent": "gemini", "env_vars": {
                    "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_LOCATION": "europe-west4",
                }}),
                &[
                    "aiplatform.googleapis.com",
                    "oauth2.googleapis.com",
                    "europe-west4-aiplatform.googleapis.com",
                ],
            ),
            (
                json!({"agent": "opencode", "model": "anthropic/claude-opus-5-5"}),
                &["api.anthropic.com"],
            ),
            (json!({"agent": "opencode", "model": "fake/m"}), &[]),
        ];
        for (sandbox, expected) in kinds {
            assert_eq!(hosts(sandbox.clone()), expected, "{sandbox}");
        }
    }

    #[test]
    fn another_server_that_comes_with_the_account_is_among_them() {
        let sandbox = SandboxSpec::from_json(json!({"agent": "claude"}), "sandbox").unwrap();
        let spec = AgentSpec::new("Do it.", sandbox).unwrap();
        let kind = kind_of(&spec.agent).unwrap();
        let mut invocation = kind.invocation(&spec);
        invocation.set("ANTHROPIC_BASE_URL", "https://gateway.example/v1");
        let hosts = kind.hosts(&spec, &invocation);
        assert!(
            hosts.contains(&"gateway.example:443".parse().unwrap()),
            "{hosts:?}"
        );
    }

    #[test]
    fn another_server_that_the_sandbox_names_is_among_them() {
        for (kind, variable) in [
            ("claude", "ANTHROPIC_BASE_URL"),
            ("gemini", "GOOGLE_GEMINI_BASE_URL"),
        ] {
            let with = |url: &str| hosts(json!({"agent": kind, "env_vars": {variable: url}}));
            assert!(with("http://127.0.0.1:4010/v1").contains(&"127.0.0.1:4010".to_owned()));
            // One host, and never all below it.
            let many = json!({"agent": kind, "env_vars": {variable: "https://*.example.com"}});
            let many = SandboxSpec::from_json(many, "sandbox").unwrap();
            assert!(AgentSpec::new("Do it.", many).is_err());
        }
    }
}
