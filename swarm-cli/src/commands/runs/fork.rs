//! `swarm runs fork`

use std::collections::BTreeSet;

use clap::Args;
use swarm_core::{
    Plan,
    error_code::ErrorCode,
    plan::Program,
    spec::{Agent, AgentSpec},
};

use super::{super::Context, run_step::RunStep};
use crate::{args::RunArgs, error::CliError, execute, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// The run, and the step of its pipeline to begin with
    #[arg(value_name = "RUN/STEP")]
    from: RunStep,
    /// The model of the agents of that step
    #[arg(long)]
    model: Option<String>,
    /// The prompt of that step, if its agents have only one
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
///
/// # Errors
///
/// If there is nothing in the step that could have it: what was asked for must not be left out without a word.
fn changed(
    mut program: Program,
    step: &str,
    model: Option<&str>,
    prompt: Option<&str>,
) -> Result<Program, CliError> {
    let Some(step) = program.steps.iter_mut().find(|s| s.id.as_str() == step) else {
        return Ok(program);
    };
    let agents = Agents::of(&step.work);
    for (option, problem) in [
        (
            "--prompt",
            prompt.and_then(|_| agents.no_prompt(&step.work)),
        ),
        ("--model", model.and_then(|_| agents.no_model(&step.work))),
    ] {
        if let Some(problem) = problem {
            return Err(CliError::new(
                ErrorCode::InvalidInput,
                format!(
                    "{option} cannot apply to the step `{}`: {problem}; leave it out, or edit the definition and run that",
                    step.id
                ),
            ));
        }
    }
    let work = step.work.changing_agents(&mut |agent| {
        if let Some(model) = model
            && has_model(agent)
        {
            agent.sandbox.model = Some(model.to_owned());
        }
        if let Some(prompt) = prompt {
            prompt.clone_into(&mut agent.prompt);
        }
    });
    step.work = work.map_err(|error| CliError::from(error).at(step.id.as_str()))?;
    Ok(program)
}

const fn has_model(agent: &AgentSpec) -> bool {
    !matches!(agent.agent, Agent::Command(_))
}

/// The agents of a step that work. Whoever judges or governs keeps its prompt and its model.
#[derive(Default)]
struct Agents {
    all: usize,
    with_model: usize,
    /// What they are asked; those of a beam are all asked the same.
    prompts: BTreeSet<String>,
}

impl Agents {
    fn of(work: &Plan) -> Self {
        let mut agents = Self::default();
        // It is only counted, so nothing can be wrong that was not before.
        drop(work.changing_agents(&mut |agent| {
            agents.all += 1;
            agents.with_model += usize::from(has_model(agent));
            agents.prompts.insert(agent.prompt.clone());
        }));
        agents
    }

    fn no_prompt(&self, work: &Plan) -> Option<&'static str> {
        match self.prompts.len() {
            0 => Some(without_agents(work)),
            1 => None,
            _ => Some("it has several agents, and one prompt cannot be meant for all of them"),
        }
    }

    fn no_model(&self, work: &Plan) -> Option<&'static str> {
        match (self.all, self.with_model) {
            (0, _) => Some(without_agents(work)),
            (_, 0) => Some("its agents are programs, which have no model"),
            _ => None,
        }
    }
}

fn without_agents(work: &Plan) -> &'static str {
    match work {
        Plan::Approve { .. } => "it asks a person, and has no agent",
        Plan::Guard { .. } => "it checks results, and has no agent",
        Plan::Judge { .. } => "it judges results that are there already, and no agent makes any",
        _ => "it has no agent",
    }
}
