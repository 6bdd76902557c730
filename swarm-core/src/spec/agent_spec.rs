//! A task that can be run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Agent, Sandbox, SandboxSpec, SpecError};
use crate::{agents, hash, output_schema::OutputSchema, supplies};

/// One agent's work, with every field decided and checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// What to do.
    pub prompt: String,
    /// Which program plays the agent.
    pub agent: Agent,
    /// Limits and surroundings.
    pub sandbox: Sandbox,
}

impl AgentSpec {
    /// Decides what `sandbox` leaves open and checks the rest.
    pub fn new(prompt: impl Into<String>, mut sandbox: SandboxSpec) -> Result<Self, SpecError> {
        let agent = sandbox.agent.take().ok_or(SpecError::NoAgent)?;
        Self::checked(Self {
            prompt: prompt.into(),
            agent,
            sandbox: sandbox.resolve()?,
        })
    }

    /// The same, if it can be run: for work that was put together of parts which were checked.
    pub(crate) fn checked(spec: Self) -> Result<Self, SpecError> {
        let kind = agents::kind_of(&spec.agent)?;
        kind.check(&spec)?;
        supplies::check_variables(kind, &spec)?;
        agents::check_length(&kind.invocation(&spec))?;
        if let Some(schema) = &spec.sandbox.output_schema {
            OutputSchema::new(schema)?;
        }
        Ok(spec)
    }

    /// A program that reads `prompt` on stdin and answers on stdout.
    ///
    /// ```
    /// use swarm_core::spec::AgentSpec;
    /// let spec = AgentSpec::command("one\ntwo\n", ["wc", "-l"])?;
    /// assert_eq!(spec.sandbox.timeout.as_secs(), 1800);
    /// # Ok::<(), swarm_core::spec::SpecError>(())
    /// ```
    pub fn command<S: Into<String>>(
        prompt: impl Into<String>,
        command: impl IntoIterator<Item = S>,
    ) -> Result<Self, SpecError> {
        let command = command.into_iter().map(Into::into).collect();
        let sandbox = SandboxSpec {
            agent: Some(Agent::Command(command)),
            ..SandboxSpec::default()
        };
        Self::new(prompt, sandbox)
    }

    /// The same work on another input: `{input}` is replaced in the prompt and in a command's arguments.
    #[must_use]
    pub fn with_input(&self, input: &str) -> Self {
        let fill = |text: &str| text.replace("{input}", input);
        let agent = match &self.agent {
            Agent::Command(command) => {
                Agent::Command(command.iter().map(|arg| fill(arg)).collect())
            }
            named @ Agent::Named(_) => named.clone(),
        };
        Self {
            prompt: fill(&self.prompt),
            agent,
            sandbox: self.sandbox.clone(),
        }
    }

    /// SHA-256 of what was asked for, in hex. Of environment variables only the names count, so that
    /// the hash tells nothing about a secret. Whether a stored result will do is not part of it.
    pub fn digest(&self) -> String {
        hash::hex(self.canonical().to_string().as_bytes())
    }

    /// The same of each part by itself, so that it can be said what is different: the prompt, the agent, and each field of
    /// the sandbox that is set.
    pub fn parts(&self) -> BTreeMap<String, String> {
        let Value::Object(mut parts) = self.canonical() else {
            return BTreeMap::new();
        };
        if let Some(Value::Object(sandbox)) = parts.remove("sandbox") {
            parts.extend(sandbox);
        }
        let hashed = |(name, part): (String, Value)| (name, hash::hex(part.to_string().as_bytes()));
        parts.into_iter().map(hashed).collect()
    }

    fn canonical(&self) -> Value {
        let mut plain = self.clone();
        plain.sandbox.cache = false;
        let mut value = serde_json::to_value(plain).unwrap_or_default();
        if let Some(vars) = value.pointer_mut("/sandbox/env_vars") {
            *vars = self.sandbox.env_vars.names().collect();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::EnvVars;

    #[test]
    fn an_input_reaches_the_prompt_and_the_arguments() {
        let spec = AgentSpec::command("Count {input}", ["wc", "-l", "{input}"]).unwrap();
        let filled = spec.with_input("a.txt");
        assert_eq!(filled.prompt, "Count a.txt");
        assert_eq!(
            filled.agent,
            Agent::Command(vec!["wc".to_owned(), "-l".to_owned(), "a.txt".to_owned()])
        );
    }

    #[test]
    fn the_digest_ignores_values_of_variables_and_nothing_else() {
        let with = |value: &str, prompt: &str| {
            let sandbox = SandboxSpec {
                agent: Some(Agent::Command(vec!["true".to_owned()])),
                env_vars: Some(EnvVars::from_iter([("KEY".to_owned(), value.to_owned())])),
                ..SandboxSpec::default()
            };
            AgentSpec::new(prompt, sandbox).unwrap().digest()
        };
        assert_eq!(with("a", "p"), with("b", "p"));
        assert_ne!(with("a", "p"), with("a", "q"));
    }

    #[test]
    fn whether_a_stored_result_will_do_is_not_part_of_the_digest() {
        let spec = AgentSpec::command("p", ["true"]).unwrap();
        let mut cached = spec.clone();
        cached.sandbox.cache = true;
        assert_eq!(spec.digest(), cached.digest());
    }

    #[test]
    fn the_parts_tell_what_is_different() {
        let spec = AgentSpec::command("p", ["true"]).unwrap();
        let mut other = AgentSpec::command("p", ["false"]).unwrap();
        other.sandbox.model = Some("m".to_owned());
        let (parts, others) = (spec.parts(), other.parts());
        let different = others
            .iter()
            .filter(|(name, hash)| parts.get(*name) != Some(hash));
        let different: Vec<&str> = different.map(|(name, _)| name.as_str()).collect();
        assert_eq!(different, ["agent", "model"]);
        assert!(parts.contains_key("prompt") && parts.contains_key("timeout"));
    }

    #[test]
    fn an_agent_must_be_chosen_and_known() {
        assert!(matches!(
            AgentSpec::new("p", SandboxSpec::default()),
            Err(SpecError::NoAgent)
        ));
        let named = SandboxSpec {
            agent: Some(Agent::Named("comand".to_owned())),
            ..SandboxSpec::default()
        };
        let error = AgentSpec::new("p", named).unwrap_err().to_string();
        assert!(error.contains("did you mean `command`?"), "{error}");
        assert!(AgentSpec::command("p", Vec::<String>::new()).is_err());
    }
}
