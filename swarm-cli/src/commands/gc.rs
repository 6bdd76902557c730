//! `swarm gc`

use std::time::Duration;

use clap::Args;

use super::Context;
use crate::{duration, error::CliError, exit_code::Exit};

#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Remove results of runs in which nothing has happened for this long: 7d is written 168h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    older_than: Duration,
}

impl Gc {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let store = context.results()?;
        // The store itself leaves alone what some process drives.
        let collected = store.gc(self.older_than, |_| false).await?;
        context.out.answer(&collected, || {
            format!(
                "removed {} runs, {} records, {} leftovers, {} keys",
                collected.runs, collected.records, collected.leftovers, collected.keys
            )
        })?;
        Ok(Exit::Ok)
    }
}
