//! `swarm governor show`

use clap::Args;
use swarm_pipeline::{GovernorFolders, Governors as _};

use super::{super::Context, not_found};
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The governor
    name: String,
}

impl Show {
    /// What `save --from` takes as it is.
    pub(crate) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let files = GovernorFolders::new(context.config()?.shelves_of("governors")?.all());
        let text = files
            .governor(&self.name)
            .map_err(|error| not_found(&error))?;
        context.out.answer(&text, || {
            serde_json::to_string_pretty(&text).unwrap_or_default()
        })?;
        Ok(Exit::Ok)
    }
}
