//! `swarm par`

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{
    agent_input::AgentInput,
    args::{AgentArgs, RunArgs},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Par {
    /// What the agents are to do, one prompt each
    #[arg(conflicts_with = "tasks")]
    prompts: Vec<String>,
    /// JSON list of tasks (`prompt`, `sandbox` and its fields): a file, - for stdin, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    tasks: Option<String>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Par {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let input = AgentInput::new(&self.agent, &config)?;
        let agents = input.agents(&self.prompts, self.tasks.as_ref(), "tasks")?;
        execute(
            context,
            &self.run,
            plan::par(agents.into_iter().map(plan::run)),
        )
        .await
    }
}
