//! `swarm runs fork`

use clap::Args;
use swarm_core::{error_code::ErrorCode, plan::Program};

use super::{super::Context, run_step::RunStep};
use crate::{args::RunArgs, error::CliError, execute, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// The run, and the step of its pipeline to begin with
    #[arg(value_name = "RUN/STEP")]
    from: RunStep,
    /// The model of that step
    #[arg(long)]
    model: Option<String>,
    /// The prompt of that step
    #[arg(long)]
    prompt: Option<String>,
    #[command(flatten)]
    run: RunArgs,
}

impl Fork {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let Some(step) = &self.from.step else {
            return Err(CliError::new(
                ErrorCode::InvalidInput,
                format!(
                    "say which step the fork begins with: `swarm runs fork {}/STEP`",
                    self.from.run
                ),
            ));
        };
        let change =
            |program| changed(program, step, self.model.as_deref(), self.prompt.as_deref());
        execute::fork(context, &self.run, (&self.from.run, step), change).await
    }
}

/// The pipeline with another model or prompt in one of its steps.
fn changed(
    mut program: Program,
    step: &str,
    model: Option<&str>,
    prompt: Option<&str>,
) -> Result<Program, CliError> {
    let steps = program.steps.iter();
    let several = steps
        .filter(|s| s.id.as_str() == step)
        .any(|s| s.work.agents().len() > 1);
    if several && prompt.is_some() {
        return Err(CliError::new(
            ErrorCode::InvalidInput,
            format!(
                "the step `{step}` has several agents, so that one prompt cannot be meant; edit the pipeline instead"
            ),
        ));
    }
    if let Some(step) = program.steps.iter_mut().find(|s| s.id.as_str() == step) {
        let work = step.work.changing_agents(&mut |agent| {
            if let Some(model) = model {
                agent.sandbox.model = Some(model.to_owned());
            }
            if let Some(prompt) = prompt {
                prompt.clone_into(&mut agent.prompt);
            }
        });
        step.work = work.map_err(|error| CliError::from(error).at(step.id.as_str()))?;
    }
    Ok(program)
}
