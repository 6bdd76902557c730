//! `swarm validate`

use clap::Args;
use swarm_core::{ids::RefId, plan, prompt::Input};

use super::Context;
use crate::{
    agent_input::{evaluator, read},
    args::{CriterionArgs, JudgeArgs, RunArgs},
    config::Config,
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The text to judge, @FILE, or - for stdin
    #[arg(required_unless_present = "result")]
    artifact: Option<String>,
    /// The result to judge instead
    #[arg(long = "ref", value_name = "REF", conflicts_with = "artifact")]
    result: Option<RefId>,
    #[command(flatten)]
    by: CriterionArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Validate {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let given = match (self.result, self.artifact) {
            (Some(id), _) => Ok(Input::Ref(id)),
            (None, artifact) => text(artifact.unwrap_or_default(), &config),
        };
        let evaluator = evaluator(&self.by.written(), &self.judge, &config);
        let (given, evaluator) = CliError::both("this", given, evaluator)?;
        execute(context, &self.run, plan::validate([given], evaluator)).await
    }
}

/// What is to be judged: the text itself, that of a file, or of stdin.
fn text(artifact: String, config: &Config) -> Result<Input, CliError> {
    let text = match artifact.strip_prefix('@') {
        Some(file) => read(file, &config.folders)?,
        None if artifact == "-" => read("-", &config.folders)?,
        None => artifact,
    };
    if text.is_empty() {
        return Err(CliError::usage(
            "there is nothing to judge: the text is empty",
        ));
    }
    Ok(Input::Text(text))
}
