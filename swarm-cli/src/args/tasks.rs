//! Several tasks, for commands that run them side by side.

use clap::Args;
use swarm_core::spec::AgentSpec;

use super::{AgentArgs, RunArgs};
use crate::{agent_input::AgentInput, commands::Context, error::CliError};

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// What the agents are to do, one prompt each
    #[arg(conflicts_with = "tasks")]
    prompts: Vec<String>,
    /// JSON list of tasks (`prompt`, `sandbox` and its fields): a file, - for stdin, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    tasks: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl TaskArgs {
    /// One branch per task.
    pub(crate) fn branches(&self, context: &Context) -> Result<Vec<AgentSpec>, CliError> {
        let config = context.config()?;
        let input = AgentInput::new(&self.agent, &config)?;
        input.agents(&self.prompts, self.tasks.as_ref(), "tasks")
    }
}
