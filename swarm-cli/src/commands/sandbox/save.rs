//! `swarm sandbox save`

use clap::Args;
use swarm_core::{
    catalog::Catalog,
    ids::SandboxName,
    spec::{SandboxSpec, SpecError},
};

use super::super::{
    Context,
    saved::{self, Saved},
};
use crate::{
    agent_input::{overrides, read},
    args::AgentArgs,
    error::CliError,
    exit_code::Exit,
    localize,
};

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The name; one that exists is replaced
    name: SandboxName,
    /// Start from a JSON file, or stdin for `-`
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    from: Option<String>,
    #[command(flatten)]
    agent: AgentArgs,
}

impl Save {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        if let Some(name) = self
            .agent
            .env
            .iter()
            .flatten()
            .find(|var| !var.contains('='))
        {
            return Err(CliError::usage(format!(
                "--env {name} would write the value from your environment into a file; give it when you run, or \
                 write {name}=VALUE if the file may hold it"
            )));
        }
        let base = match (&self.from, &self.agent.sandbox) {
            (None, None) => SandboxSpec::default(),
            (None, Some(json)) => parse(json, "--sandbox")?,
            (Some(file), _) => parse(&read(file, &config.folders)?, file)?,
        };
        let mut said = overrides(&self.agent, &config.folders)?;
        // What is relative here would be somewhere else for whoever uses the sandbox.
        localize::absolute(&mut said, &config.folders);
        let spec = base.overridden_by(said);
        let mut usable = spec.clone();
        localize::absolute(&mut usable, &config.folders);
        usable.resolve()?;
        let shelves = config.shelves()?;
        let folder = saved::folder(&shelves, "sandbox")?;
        let written = Catalog::new(vec![folder]).save(&self.name, &spec)?;
        let used = shelves.catalog().locate(self.name.as_str())?;
        Saved::new(self.name, written.path, written.replaced).tell(context, &used)
    }
}

fn parse(text: &str, what: &str) -> Result<SandboxSpec, SpecError> {
    let value = serde_json::from_str(text).map_err(|source| SpecError::Json {
        what: what.to_owned(),
        source,
    })?;
    SandboxSpec::from_json(value, what)
}
