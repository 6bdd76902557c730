//! `swarm config`

use clap::Subcommand;

use super::Context;
use crate::{config::explain, error::CliError, exit_code::Exit, output::table::table};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each setting, its value, and where it was set
    Explain,
}

impl ConfigCommand {
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let Self::Explain = self;
        let origins = explain(&context.config()?);
        context.out.list(&origins, || {
            let rows = origins.iter().map(|origin| {
                let value = match &origin.value {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                [origin.setting.clone(), value, origin.from.clone()]
            });
            table(["setting", "value", "from"], rows)
        })?;
        Ok(Exit::Ok)
    }
}
