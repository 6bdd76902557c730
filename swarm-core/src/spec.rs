//! What an agent is to do, and within which limits.
//!
//! A [`Task`] is what somebody wrote; [`Task::resolve`] checks it and gives an [`AgentSpec`], in which every
//! field has a value. Only an `AgentSpec` can be run.

mod agent_spec;
mod env_vars;
mod error;
mod fields;
mod lists;
mod mount;
mod network;
mod sandbox;
mod size;
mod task;

pub use agent_spec::AgentSpec;
pub use env_vars::EnvVars;
pub use error::SpecError;
pub use mount::Mount;
pub use network::Network;
pub use sandbox::{DEFAULT_TIMEOUT, DEFAULT_TOOLS, DEFAULT_WORKDIR, Sandbox, SandboxSpec};
pub use size::{ByteSize, Cpus};
pub use task::{NoSandboxes, SandboxRef, Sandboxes, Task};

/// Which program plays the agent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Agent {
    /// Any program: prompt on stdin, text on stdout, the exit status decides.
    Command(Vec<String>),
    /// A kind of agent that has a name, such as `claude`.
    #[serde(untagged)]
    Named(String),
}
