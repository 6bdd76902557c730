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
        let settings = explain(&context.config()?);
        context.out.list(&settings, || {
            let rows = settings.iter().map(|explained| {
                let value = match &explained.value {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                [explained.setting.clone(), value, explained.from.clone()]
            });
            table(["setting", "value", "from"], rows)
        })?;
        Ok(Exit::Ok)
    }
}
