//! `swarm run`

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{
    agent_input::{AgentInput, read},
    args::{AgentArgs, RunArgs},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// What the agent is to do
    #[arg(required_unless_present = "prompt_file")]
    prompt: Option<String>,
    /// Read the prompt from a file, or from stdin for `-`
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompt_file: Option<String>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Run {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let prompt = match (self.prompt, self.prompt_file) {
            (Some(prompt), _) => prompt,
            (None, Some(file)) => read(&file, &config.folders)?,
            (None, None) => return Err(CliError::usage("there is no prompt")),
        };
        let agent = AgentInput::new(&self.agent, &config)?.agent(&prompt)?;
        execute(context, &self.run, plan::run(agent)).await
    }
}
