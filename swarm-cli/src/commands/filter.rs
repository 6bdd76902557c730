//! `swarm filter`

use clap::Args;
use swarm_core::{
    ids::RefId,
    plan,
    prompt::Input,
    refs::{RefError, RefStore as _},
};

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
        let session = context.session()?;
        let mut missing = Vec::new();
        for id in &self.refs {
            // Whoever filters goes on with what is left, and would not miss it.
            if let Err(error @ RefError::NotFound(_)) = session.store.get(id).await {
                missing.push(error.into());
            }
        }
        drop(session);
        if !missing.is_empty() {
            return Err(CliError::all("the refs", missing));
        }
        let given = self.refs.into_iter().map(Input::Ref);
        execute(context, &self.run, plan::filter(given, evaluator)).await
    }
}
