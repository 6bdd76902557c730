//! `swarm sandbox show`

use clap::Args;
use swarm_core::spec::{SandboxSpec, Sandboxes as _};

use super::super::Context;
use crate::{error::CliError, exit_code::Exit, localize::Localized};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The sandbox
    name: String,
    /// Show environment variables, too; their values may be secrets
    #[arg(long)]
    with_env: bool,
}

impl Show {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let config = context.config()?;
        let catalog = config.shelves()?.catalog();
        let folders = config.folders;
        let sandboxes = Localized {
            sandboxes: &catalog,
            folders: &folders,
        };
        let mut spec = sandboxes.sandbox(&self.name)?;
        let agent = spec.agent.take();
        let mut decided = SandboxSpec {
            agent,
            ..spec.resolve()?.into()
        };
        if !self.with_env
            && let Some(vars) = decided.env_vars.take()
        {
            // A word in place of the value would be a value to whoever reads the sandbox back.
            let names: Vec<&str> = vars.names().collect();
            if !names.is_empty() {
                context.out.notice(&format!(
                    "left out the environment variables {}; `--with-env` shows them with their values",
                    names.join(", ")
                ));
            }
        }
        context.out.answer(&decided, || {
            serde_json::to_string_pretty(&decided).unwrap_or_default()
        })?;
        Ok(Exit::Ok)
    }
}
