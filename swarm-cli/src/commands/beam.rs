//! `swarm beam`

use std::num::NonZeroU32;

use clap::Args;
use swarm_core::plan;

use super::Context;
use crate::{
    agent_input::{AgentInput, evaluator},
    args::{AgentArgs, JudgeArgs, RunArgs, at_least_one},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

/// The most agents of one beam.
const MAX_WIDTH: u32 = 10_000;

#[derive(Debug, Args)]
pub(crate) struct Beam {
    /// What each of the agents is to do
    prompt: String,
    /// How many agents
    #[arg(long, value_name = "N", default_value = "3", value_parser = width)]
    width: NonZeroU32,
    /// score:CRITERION, validate:TYPE, or `exec:SHELL COMMAND`, which finds what it judges in the file {artifact}
    #[arg(long, default_value = "score:overall quality, rigour, and correctness")]
    evaluator: String,
    /// Name the other results with the winner, as is usual
    #[arg(long, overrides_with = "no_losers")]
    keep_losers: bool,
    /// Say nothing of the other results
    #[arg(long)]
    no_losers: bool,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Beam {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let input = AgentInput::new(&self.agent, &config);
        let (agent, evaluator) = CliError::both(
            "this",
            input.and_then(|input| input.agent(&self.prompt)),
            evaluator(&self.evaluator, &self.judge, &config),
        )?;
        let keep_losers = self.keep_losers || !self.no_losers;
        let plan = plan::beam(agent, self.width, evaluator, keep_losers);
        execute(context, &self.run, plan).await
    }
}

/// As many as anybody could compare.
fn width(text: &str) -> Result<NonZeroU32, String> {
    let width = at_least_one::<NonZeroU32>(text)?;
    if width.get() > MAX_WIDTH {
        return Err(format!("at most {MAX_WIDTH}"));
    }
    Ok(width)
}
