//! `swarm sandbox show`

use clap::Args;
use serde::Serialize;
use swarm_core::{
    catalog::Catalog,
    spec::{Agent, EnvVars, Sandbox, Sandboxes as _},
};

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, localize::Localized};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The sandbox
    name: String,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    agent: Option<Agent>,
    #[serde(flatten)]
    sandbox: Sandbox,
}

impl Show {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let folders = context.config()?.folders;
        let catalog = Catalog::new(folders.sandboxes());
        let sandboxes = Localized {
            sandboxes: &catalog,
            folders: &folders,
        };
        let mut spec = sandboxes.sandbox(&self.name)?;
        let agent = spec.agent.take();
        let mut sandbox = spec.resolve()?;
        // The names are of interest; the values are secrets.
        sandbox.env_vars = sandbox
            .env_vars
            .names()
            .map(|name| (name.to_owned(), "(hidden)".to_owned()))
            .collect::<EnvVars>();
        let shown = Shown {
            name: self.name,
            agent,
            sandbox,
        };
        context.out.answer(&shown, || {
            serde_json::to_string_pretty(&shown).unwrap_or_default()
        })?;
        Ok(Exit::Ok)
    }
}
