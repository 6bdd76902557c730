//! `swarm iterate`

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use swarm_core::{
    evaluate::Score,
    machine::ScopeLimits,
    plan::{self, Patience},
};

use super::Context;
use crate::{
    agent_input::{AgentInput, evaluator},
    args::{AgentArgs, JudgeArgs, RunArgs, at_least_one, validate},
    duration,
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Iterate {
    /// What the agent is to do
    prompt: String,
    /// What it has to make: the name of a type, or one in several words; the agent is told, and its results are judged by it
    #[arg(long, value_name = "TYPE")]
    target_type: Option<String>,
    /// By what results are judged instead: score:CRITERION, validate:TYPE, or `exec:SHELL COMMAND`
    #[arg(long, value_name = "EVALUATOR")]
    evaluator: Option<String>,
    /// How often at most
    #[arg(long, value_name = "N", default_value = "10", value_parser = at_least_one::<NonZeroU32>)]
    max_iterations: NonZeroU32,
    /// The score that is good enough, from 0 to 1
    #[arg(long, value_name = "SCORE", default_value = "0.9")]
    success_threshold: Score,
    /// How many iterations in a row may bring nothing better
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one::<NonZeroU32>)]
    patience: NonZeroU32,
    /// How long all of it may take: 90s, 10m, 2h. What may be spent is `--budget`
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    max_wall_time: Option<Duration>,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Iterate {
    pub(crate) async fn execute(mut self, context: &Context) -> Result<Exit, CliError> {
        if self.target_type.is_none() && self.evaluator.is_none() {
            return Err(CliError::usage(
                "an iteration needs to know when it is good enough; give --target-type TYPE (what is to be made), or --evaluator \
                 EVALUATOR (score:CRITERION, validate:TYPE, or `exec:SHELL COMMAND`)",
            ));
        }
        let config = context.config()?;
        if self.agent.output_type.is_none() {
            self.agent.output_type.clone_from(&self.target_type);
        }
        let written = match (&self.evaluator, &self.target_type) {
            (Some(evaluator), _) => evaluator.clone(),
            (None, declared) => validate(declared.as_deref().unwrap_or_default()),
        };
        let input = AgentInput::new(&self.agent, &config);
        let (agent, evaluator) = CliError::both(
            "this",
            input.and_then(|input| input.agent(&self.prompt)),
            evaluator(&written, &self.judge, &config),
        )?;
        let until = Patience {
            max_iterations: self.max_iterations,
            success_threshold: self.success_threshold,
            patience: self.patience,
        };
        let limits = ScopeLimits {
            wall_time: self.max_wall_time,
            ..ScopeLimits::default()
        };
        let plan = plan::limit(plan::iterate(agent, evaluator, until), limits);
        execute(context, &self.run, plan).await
    }
}
