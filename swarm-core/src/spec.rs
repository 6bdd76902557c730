//! What an agent is to do, and within which limits.
//!
//! A [`Task`] is what somebody wrote; [`Task::resolve`] checks it and gives an [`AgentSpec`], in which every
//! field has a value. Only an `AgentSpec` can be run.

mod agent_spec;
mod env_vars;
mod error;
mod fields;
mod host_pattern;
mod lists;
mod mount;
mod network;
mod object;
mod sandbox;
mod size;
mod task;

pub use agent_spec::AgentSpec;
pub use env_vars::EnvVars;
pub use error::SpecError;
pub use host_pattern::{Host, HostPattern, InvalidHost, Via};
pub use mount::Mount;
pub use network::{AllowedHosts, Network, NetworkSpec};
pub use sandbox::{DEFAULT_TIMEOUT, DEFAULT_TOOLS, DEFAULT_WORKDIR, Sandbox, SandboxSpec};
pub use size::{ByteSize, Cpus};
pub use task::{NoSandboxes, SandboxRef, Sandboxes, Task};

use self::object::Object;

/// Which program plays the agent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", from = "WrittenAgent")]
#[non_exhaustive]
pub enum Agent {
    /// Any program: prompt on stdin, text on stdout, the exit status decides.
    Command(Vec<String>),
    /// A kind of agent that has a name, such as `claude`.
    #[serde(untagged)]
    Named(String),
}

/// An agent as it is read: an error then says what would be right, not which variant did not match.
#[derive(serde::Deserialize)]
#[serde(
    untagged,
    expecting = "expected {\"command\": [\"PROGRAM\", \"ARG\"]} or the name of a kind of agent"
)]
enum WrittenAgent {
    Command(Object<WrittenCommand>),
    Named(String),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCommand {
    command: Vec<String>,
}

impl From<WrittenAgent> for Agent {
    fn from(written: WrittenAgent) -> Self {
        match written {
            WrittenAgent::Command(Object(WrittenCommand { command })) => Self::Command(command),
            WrittenAgent::Named(name) => Self::Named(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_survives_json_and_a_wrong_one_is_told_what_is_right() {
        for agent in [
            Agent::Command(vec!["wc".to_owned()]),
            Agent::Named("claude".to_owned()),
        ] {
            let json = serde_json::to_string(&agent).unwrap();
            assert_eq!(serde_json::from_str::<Agent>(&json).unwrap(), agent);
        }
        for wrong in [r#"{"comand": ["cat"]}"#, r#"{"command": "cat"}"#, "7"] {
            let error = serde_json::from_str::<Agent>(wrong)
                .unwrap_err()
                .to_string();
            assert!(error.contains("PROGRAM"), "{error}");
        }
    }
}
