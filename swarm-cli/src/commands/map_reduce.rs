//! `swarm map-reduce`

use clap::Args;
use swarm_core::plan;

use super::{Context, map::MapArgs};
use crate::{
    agent_input::AgentInput,
    args::{AgentArgs, RunArgs},
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct MapReduce {
    #[command(flatten)]
    map: MapArgs,
    /// What the last agent is to do with the results
    #[arg(long, value_name = "PROMPT")]
    synthesis: String,
    /// Sandbox of the last agent, if it is another: a name, or JSON
    #[arg(long, value_name = "NAME|JSON")]
    reduce_sandbox: Option<String>,
    /// Model of the last agent, if it is another
    #[arg(long, value_name = "MODEL")]
    reduce_model: Option<String>,
    /// System prompt of the last agent, if it is another
    #[arg(long, value_name = "TEXT")]
    reduce_system_prompt: Option<String>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl MapReduce {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let (template, inputs) = self.map.resolve(&self.agent, &config)?;
        let mut reducer = if self.reduce_sandbox.is_some() {
            // Another sandbox is a whole other sandbox: what was said about the map does not apply to it.
            AgentArgs {
                sandbox: self.reduce_sandbox,
                ..AgentArgs::default()
            }
        } else {
            self.agent.clone()
        };
        reducer.model = self.reduce_model.or(reducer.model);
        reducer.system_prompt = self.reduce_system_prompt.or(reducer.system_prompt);
        let reducer = AgentInput::new(&reducer, &config)?.agent(&self.synthesis)?;
        let plan = plan::map_reduce(template, inputs.iter().map(String::as_str), reducer);
        execute(context, &self.run, plan).await
    }
}
