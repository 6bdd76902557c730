//! `swarm retry`

use std::num::NonZeroU32;

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{
    agent_input::{AgentInput, evaluator},
    args::{AgentArgs, JudgeArgs, RunArgs, at_least_one, validate},
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
    /// What its result has to be, as somebody else judges: the name of a type, or one in several words
    #[arg(long = "type", value_name = "TYPE")]
    declared: Option<String>,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Retry {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let agent = AgentInput::new(&self.agent, &config)?.agent(&self.prompt)?;
        let body = match &self.declared {
            None => agent.into(),
            Some(declared) => {
                plan::valid(agent, evaluator(&validate(declared), &self.judge, &config)?)
            }
        };
        execute(context, &self.run, plan::retry(body, self.attempts)).await
    }
}
