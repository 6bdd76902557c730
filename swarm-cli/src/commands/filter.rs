//! `swarm filter`

use clap::Args;
use swarm_core::{ids::RefId, plan, prompt::Input};

use super::Context;
use crate::{
    agent_input::evaluator,
    args::{CriterionArgs, JudgeArgs, RunArgs},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Results to judge
    #[arg(value_name = "REF", required = true)]
    refs: Vec<RefId>,
    #[command(flatten)]
    by: CriterionArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Filter {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let evaluator = evaluator(&self.by.written(), &self.judge, &context.config()?)?;
        let given = self.refs.into_iter().map(Input::Ref);
        execute(context, &self.run, plan::filter(given, evaluator)).await
    }
}
