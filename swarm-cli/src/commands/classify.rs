//! `swarm classify`

use clap::Args;
use swarm_core::{
    ids::RefId,
    refs::{Classification, Level, RefStore as _},
    report::resolve_stamps,
};

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Classify {
    /// The result
    #[arg(value_name = "REF")]
    id: RefId,
    /// public, internal, confidential or restricted; never less than its parents impose
    level: Level,
    /// Only these MCP servers may see it
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    allowed_mcps: Option<Vec<String>>,
    /// These MCP servers may not see it
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    denied_mcps: Option<Vec<String>>,
}

impl Classify {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let store = context.results()?;
        let current = store
            .get(&self.id)
            .await?
            .stamps
            .classification
            .unwrap_or_default();
        // A list that is not given stays as it is.
        let requested = Classification {
            level: self.level,
            allowed_mcps: self.allowed_mcps.or(current.allowed_mcps),
            denied_mcps: self.denied_mcps.unwrap_or(current.denied_mcps),
        };
        let mut found = store.classify(&self.id, requested).await?;
        resolve_stamps(&mut found, &store).await?;
        context.out.answer(&found, || {
            let level = found
                .stamps
                .classification
                .as_ref()
                .map(|c| c.level)
                .unwrap_or_default();
            format!("{} is {level}", found.id)
        })?;
        Ok(Exit::Ok)
    }
}
