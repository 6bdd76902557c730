//! `swarm score-list`

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
pub(crate) struct ScoreList {
    /// Results to judge
    #[arg(value_name = "REF", required = true)]
    refs: Vec<RefId>,
    #[command(flatten)]
    by: CriterionArgs,
    /// How many to keep; 0 keeps all
    #[arg(long, value_name = "N", default_value = "0")]
    top_k: u32,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl ScoreList {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let evaluator = evaluator(&self.by.written(), &self.judge, &context.config()?)?;
        let given = self.refs.into_iter().map(Input::Ref);
        let plan = plan::score_list(given, evaluator, self.top_k);
        execute(context, &self.run, plan).await
    }
}
