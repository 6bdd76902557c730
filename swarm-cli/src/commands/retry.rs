//! `swarm retry`

use std::num::NonZeroU32;

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{
    agent_input::AgentInput,
    args::{AgentArgs, RunArgs, at_least_one},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// What the agent is to do
    prompt: String,
    /// How often in all
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one::<NonZeroU32>)]
    attempts: NonZeroU32,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Retry {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let agent = AgentInput::new(&self.agent, &config)?.agent(&self.prompt)?;
        execute(context, &self.run, plan::retry(agent, self.attempts)).await
    }
}
