//! Hosts that programs of several kinds need.

use crate::spec::{AgentSpec, HostPattern};

/// These hosts, and those of the URLs in these variables, as far as the sandbox sets them.
pub(super) fn hosts<'h>(
    spec: &AgentSpec,
    known: impl IntoIterator<Item = &'h str>,
    urls: &[&str],
) -> Vec<HostPattern> {
    let vars = spec.sandbox.env_vars.iter();
    let named = vars.filter(|(name, _)| urls.contains(name));
    let named = named.filter_map(|(_, url)| HostPattern::of_url(url));
    let known = known.into_iter().filter_map(|host| host.parse().ok());
    known.chain(named).collect()
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
        let hosts = kind_of(&spec.agent).unwrap().hosts(&spec);
        hosts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_brings_what_its_program_asks() {
        let kinds: [(Value, &[&str]); 7] = [
            (json!({"agent": {"command": ["cat"]}}), &[]),
            (json!({"agent": "claude"}), &["api.anthropic.com"]),
            (json!({"agent": "codex"}), &["api.openai.com"]),
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
    fn another_server_that_the_sandbox_names_is_among_them() {
        for (kind, variable) in [
            ("claude", "ANTHROPIC_BASE_URL"),
            ("codex", "OPENAI_BASE_URL"),
            ("gemini", "GOOGLE_GEMINI_BASE_URL"),
        ] {
            let with = |url: &str| hosts(json!({"agent": kind, "env_vars": {variable: url}}));
            assert!(with("http://127.0.0.1:4010/v1").contains(&"127.0.0.1:4010".to_owned()));
            assert!(with("https://*.example.com").len() == 1, "{kind}");
        }
    }
}
