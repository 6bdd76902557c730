//! `swarm map`

use clap::Args;
use serde_json::Value;
use swarm_core::{
    plan,
    spec::{AgentSpec, SpecError},
};

use super::Context;
use crate::{
    agent_input::AgentInput,
    args::{AgentArgs, RunArgs},
    config::Config,
    error::CliError,
    execute::execute,
    exit_code::Exit,
};

/// A template and what to fill it with.
#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// What each agent is to do; `{input}` stands for its input, here and in the program's arguments
    #[arg(long, default_value = "{input}")]
    template: String,
    /// The inputs
    #[arg(conflicts_with = "inputs")]
    input: Vec<String>,
    /// JSON list of inputs: a file, - for stdin, or the JSON itself
    #[arg(long, value_name = "FILE|JSON")]
    inputs: Option<String>,
}

impl MapArgs {
    /// The agent with `{input}` still in it, and the inputs.
    pub(crate) fn resolve(
        &self,
        agent: &AgentArgs,
        config: &Config,
    ) -> Result<(AgentSpec, Vec<String>), CliError> {
        let input = AgentInput::new(agent, config)?;
        let inputs = match &self.inputs {
            Some(source) => list(&input.text(source)?)?,
            None => self.input.clone(),
        };
        if inputs.is_empty() {
            return Err(CliError::usage(
                "there is nothing to map over: give inputs, or --inputs FILE",
            ));
        }
        Ok((input.agent(&self.template)?, inputs))
    }
}

/// A JSON list; what is no text is filled in as JSON.
fn list(text: &str) -> Result<Vec<String>, CliError> {
    let what = || "--inputs".to_owned();
    match serde_json::from_str(text).map_err(|source| SpecError::Json {
        what: what(),
        source,
    })? {
        Value::Array(items) => Ok(items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => text,
                other => other.to_string(),
            })
            .collect()),
        _ => Err(SpecError::shape(what(), "expected a JSON list").into()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Map {
    #[command(flatten)]
    map: MapArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Map {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let (template, inputs) = self.map.resolve(&self.agent, &config)?;
        let plan = plan::map(template, inputs.iter().map(String::as_str));
        execute(context, &self.run, plan).await
    }
}
