//! Which agent, and within which limits.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use swarm_core::{
    money::Usd,
    spec::{ByteSize, Cpus, HostPattern, Mount},
};

use super::at_least_one;
use crate::duration;

/// What is not given is left to the sandbox, and then to the defaults.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Agent and sandbox")]
pub(crate) struct AgentArgs {
    /// Kind of agent; `command` runs the program after `--`
    #[arg(long, value_name = "KIND")]
    pub(crate) agent: Option<String>,
    /// Sandbox to start from: a name, or JSON
    #[arg(long, value_name = "NAME|JSON")]
    pub(crate) sandbox: Option<String>,
    /// Image to run in
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// How long the agent may run: 90s, 10m [default: 30m]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// The most memory: 512m, 2g
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<ByteSize>,
    /// The most processor time: 1.5
    #[arg(long, value_name = "N")]
    pub(crate) cpus: Option<Cpus>,
    /// The most processes and threads
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU32>)]
    pub(crate) pids: Option<NonZeroU32>,
    /// Give the agent the GPU; it waits for the pool `gpu`
    #[arg(long)]
    pub(crate) gpu: bool,
    /// Pools to wait for: gpu,db
    #[arg(long, value_name = "POOLS", value_delimiter = ',')]
    pub(crate) resource: Option<Vec<String>>,
    /// Network: none, bridge, or one that you made
    #[arg(long, value_name = "MODE", conflicts_with = "no_network")]
    pub(crate) network: Option<String>,
    /// The same as `--network none`
    #[arg(long)]
    pub(crate) no_network: bool,
    /// Host that the agent may reach, and no other but those that its kind needs: `HOST`, `*.DOMAIN`, HOST:PORT
    #[arg(long, value_name = "HOST", conflicts_with_all = ["network", "no_network"])]
    pub(crate) allow_host: Option<Vec<HostPattern>>,
    /// Folder or file to show the agent: SOURCE:TARGET[:ro|:rw], read-only by default
    #[arg(long, value_name = "MOUNT", value_parser = Mount::parse)]
    pub(crate) mount: Option<Vec<Mount>>,
    /// File to put in: `INSIDE=FILE`
    #[arg(long, value_name = "INSIDE=FILE")]
    pub(crate) input_file: Option<Vec<String>>,
    /// Folder to start in [default: /workspace]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) workdir: Option<String>,
    /// Environment variable: NAME takes its value from your environment, NAME=VALUE sets it in sight of others
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Option<Vec<String>>,
    /// The most that one agent may spend, in dollars
    #[arg(long, value_name = "USD")]
    pub(crate) max_budget: Option<Usd>,
    /// Model, for agents that have one
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Take a stored result of the same work if there is one, and store this one
    #[arg(long)]
    pub(crate) cache: bool,
    /// Tools that the agent may use: Read,Grep
    #[arg(long, value_name = "TOOLS", value_delimiter = ',')]
    pub(crate) tools: Option<Vec<String>>,
    /// MCP servers to attach, by name
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) mcps: Option<Vec<String>>,
    /// Replaces the agent's own system prompt
    #[arg(long, value_name = "TEXT")]
    pub(crate) system_prompt: Option<String>,
    /// Standing instructions for the agent
    #[arg(long, value_name = "TEXT")]
    pub(crate) claude_md: Option<String>,
    /// JSON Schema of the answer, or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) output_schema: Option<String>,
    /// How hard the model should think
    #[arg(long)]
    pub(crate) effort: Option<String>,
    /// What the agent is given: a type, or a text that may mention some as `[NAME]`
    #[arg(long, value_name = "TYPE")]
    pub(crate) input_type: Option<String>,
    /// What it has to produce, likewise
    #[arg(long, value_name = "TYPE")]
    pub(crate) output_type: Option<String>,
    /// The program of `--agent command`, with its arguments: prompt on stdin, text on stdout
    #[arg(last = true, value_name = "PROGRAM")]
    pub(crate) command: Vec<String>,
}
