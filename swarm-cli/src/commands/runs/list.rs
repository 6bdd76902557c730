//! `swarm runs list`

use std::num::NonZeroUsize;

use clap::Args;
use swarm_core::ids::RunId;

use super::{super::Context, Summary};
use crate::{
    args::at_least_one, error::CliError, execute::known, exit_code::Exit, output::table::table,
};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The most runs to list
    #[arg(long, value_name = "N", default_value = "20", value_parser = at_least_one::<NonZeroUsize>)]
    limit: NonZeroUsize,
}

impl List {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        let mut summaries = Vec::new();
        for info in session
            .log
            .streams("run/")
            .await?
            .into_iter()
            .take(self.limit.get())
        {
            let name = info
                .stream
                .as_str()
                .strip_prefix("run/")
                .unwrap_or_default();
            let run = RunId::new(name)?;
            match known(&session, &run).await {
                Ok(view) => summaries.push(Summary::new(&view, &session)),
                Err(error) => context.out.warn(&format!("run {run}: {}", error.message())),
            }
        }
        context.out.list(&summaries, || human(&summaries))?;
        Ok(Exit::Ok)
    }
}

fn human(summaries: &[Summary]) -> String {
    if summaries.is_empty() {
        return "no runs yet; `swarm demo` makes some".to_owned();
    }
    let rows = summaries.iter().map(|run| {
        [
            run.run_id.to_string(),
            run.state.to_owned(),
            run.command(),
            format!("{}/{}", run.succeeded, run.agents),
            run.spent_usd.to_string(),
            run.runtime.clone(),
            run.started.clone(),
        ]
    });
    table(
        ["run", "state", "op", "done", "spent", "runtime", "started"],
        rows,
    )
}
