//! `swarm refs`

use std::num::NonZeroUsize;

use clap::Args;
use futures_util::StreamExt as _;
use swarm_core::{
    ids::RunId,
    refs::{Level, Ref},
    report::{AgentReport, resolve_stamps},
};
use swarm_refs::Filter;

use super::Context;
use crate::{
    args::at_least_one,
    error::CliError,
    exit_code::Exit,
    output::{
        report::{COLUMNS, row},
        table::table,
    },
};

#[derive(Debug, Args)]
pub(crate) struct Refs {
    /// Only those of this run; `wrapped` for what was brought in
    #[arg(long)]
    run: Option<RunId>,
    /// Only those of this classification
    #[arg(long)]
    level: Option<Level>,
    /// Only successes
    #[arg(long, conflicts_with = "failed")]
    succeeded: bool,
    /// Only failures
    #[arg(long)]
    failed: bool,
    /// The most refs to list
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one::<NonZeroUsize>)]
    limit: NonZeroUsize,
}

impl Refs {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let store = context.results()?;
        let filter = Filter {
            run: self.run,
            level: self.level,
            succeeded: (self.succeeded || self.failed).then_some(self.succeeded),
        };
        let mut found: Vec<Ref> = Vec::new();
        let mut exit = Exit::Ok;
        let mut refs = std::pin::pin!(store.list(filter));
        while found.len() < self.limit.get()
            && let Some(next) = refs.next().await
        {
            match next {
                Ok(mut next) => {
                    resolve_stamps(&mut next, &store).await?;
                    found.push(next);
                }
                // One damaged record must not hide the others.
                Err(error) => {
                    context.out.warn(&error.to_string());
                    exit = Exit::Failed;
                }
            }
        }
        context.out.list(&found, || human(&found))?;
        Ok(exit)
    }
}

fn human(found: &[Ref]) -> String {
    if found.is_empty() {
        return "no results".to_owned();
    }
    table(
        COLUMNS,
        found
            .iter()
            .map(|found| row(&AgentReport::Kept(Box::new(found.clone())))),
    )
}
