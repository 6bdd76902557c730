//! `swarm reduce`

use clap::Args;
use swarm_core::{ids::RefId, plan, prompt::Input, refs::RefStore as _};

use super::Context;
use crate::{
    agent_input::AgentInput,
    args::{AgentArgs, RunArgs},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Reduce {
    /// What the agent is to do with the inputs
    prompt: String,
    /// Results to bring together
    #[arg(value_name = "REF")]
    refs: Vec<RefId>,
    /// Text to bring in as it is, after the refs
    #[arg(long = "input", value_name = "TEXT")]
    inputs: Vec<String>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Reduce {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        let agent = AgentInput::new(&self.agent, &session.config)?.agent(&self.prompt)?;
        for id in &self.refs {
            // Better now than after the run has begun.
            session.store.text(id).await?;
        }
        let refs = self.refs.into_iter().map(Input::Ref);
        let inputs: Vec<Input> = refs
            .chain(self.inputs.into_iter().map(Input::Text))
            .collect();
        if inputs.is_empty() {
            return Err(CliError::usage(
                "there is nothing to reduce: give refs, or --input TEXT",
            ));
        }
        drop(session);
        execute(context, &self.run, plan::reduce(inputs, agent)).await
    }
}
