//! `swarm pipeline run`

use clap::Args;
use swarm_core::{
    NewRun, Plan, Restart,
    ids::RunId,
    journal::RunLimits,
    plan::Program,
    time::{Clock as _, SystemClock},
};
use swarm_pipeline::Compiled;

use super::super::Context;
use crate::{
    args::RunArgs, commands::runs::RunStep, error::CliError, execute, exit_code::Exit,
    pipeline_input::PipelineInput,
};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The name of a saved pipeline, JSON, a file of JSON or TOML, or stdin for `-`
    #[arg(value_name = "DEFINITION")]
    definition: String,
    /// Go on with an earlier run, with this definition: from where it was left, or from a step
    #[arg(long, value_name = "RUN[/STEP]")]
    resume: Option<RunStep>,
    /// Take the results of steps that were done before with the same work
    #[arg(long)]
    cache: bool,
    #[command(flatten)]
    run: RunArgs,
}

impl Run {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let compiled = PipelineInput::new(&config)?.compiled(&self.definition)?;
        for warning in &compiled.warnings {
            context.out.warn(&warning.to_string());
        }
        let limits = limits(&compiled, &self.run);
        let program = self.lifted(compiled.program)?;
        match self.resume {
            Some(RunStep { run, step }) => {
                let restart = Restart {
                    step,
                    program: Some(program),
                    limits: Some(limits),
                };
                execute::resume(context, &self.run, &run, restart).await
            }
            None => {
                let new = NewRun {
                    id: RunId::random(),
                    plan: Plan::Pipeline {
                        program: program.into(),
                    },
                    limits,
                };
                execute::start(context, &self.run, new).await
            }
        }
    }

    /// The limits of the whole are those of the run, where they can be changed later.
    fn lifted(&self, mut program: Program) -> Result<Program, CliError> {
        program.limits.budget = None;
        program.limits.wall_time = None;
        if self.cache {
            for step in &mut program.steps {
                let cached = step
                    .work
                    .changing_agents(&mut |agent| agent.sandbox.cache = true);
                step.work = cached.map_err(|error| CliError::from(error).at(step.id.as_str()))?;
            }
        }
        Ok(program)
    }
}

/// What is said on the command line wins over the definition.
fn limits(compiled: &Compiled, args: &RunArgs) -> RunLimits {
    let deadline = args.deadline.or(compiled.deadline);
    RunLimits {
        budget: args.budget.or(compiled.budget),
        deadline: deadline.map(|deadline| SystemClock.now().plus(deadline)),
    }
}
