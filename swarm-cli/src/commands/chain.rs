//! `swarm chain`

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
pub(crate) struct Chain {
    /// What each stage is to do; each sees the result of the one before it
    #[arg(conflicts_with = "stages")]
    prompts: Vec<String>,
    /// JSON list of stages (`prompt`, `sandbox` and its fields): a file, - for stdin, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    stages: Option<String>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Chain {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let input = AgentInput::new(&self.agent, &config)?;
        let agents = input.agents(&self.prompts, self.stages.as_ref(), "stages")?;
        execute(context, &self.run, plan::chain(agents)).await
    }
}
