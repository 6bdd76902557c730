//! `swarm gc`

use std::{collections::HashSet, time::Duration};

use clap::Args;
use serde::Serialize;
use swarm_core::{
    ids::RunId,
    journal::StreamId,
    time::{Clock as _, SystemClock},
};
use swarm_refs::Collected;

use super::Context;
use crate::{duration, error::CliError, execute::known, exit_code::Exit, session::Session};

#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Remove runs in which nothing has happened for this long, with their results: 7d is written 168h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    older_than: Duration,
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    results: Collected,
    /// Runs that the log has forgotten.
    histories: u64,
    /// Runs that were left because they can be resumed.
    open: Vec<RunId>,
}

impl Gc {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        let Runs { open, mut ended } = runs(context, &session, self.older_than).await?;
        let kept: HashSet<RunId> = open.iter().cloned().collect();
        // The store itself leaves alone what some process drives.
        let results = session
            .store
            .gc(self.older_than, move |run| kept.contains(run))
            .await?;
        // What the log tells of results goes after them: a crash in between leaves a history without results.
        ended.retain(|run| !session.store.layout().run(run).exists());
        for run in &ended {
            session.log.remove(&StreamId::run(run)).await?;
        }
        let answer = Answer {
            results,
            histories: ended.len() as u64,
            open,
        };
        context.out.answer(&answer, || answer.to_string())?;
        Ok(Exit::Ok)
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Collected {
            runs,
            records,
            leftovers,
            keys,
            cached,
        } = self.results;
        write!(
            f,
            "removed the results of {runs} runs ({records} records), the histories of {}, {leftovers} leftovers, {keys} keys, {cached} entries of the cache",
            self.histories
        )?;
        if let [first, ..] = self.open.as_slice() {
            let count = self.open.len();
            write!(
                f,
                "; left {count} that can be resumed; `swarm runs kill {first}` ends one for good"
            )?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Runs {
    /// Old enough, but they can be resumed.
    open: Vec<RunId>,
    /// Old enough, and over.
    ended: Vec<RunId>,
}

/// The runs in which nothing has happened for `older_than`, by what the log knows.
async fn runs(
    context: &Context,
    session: &Session,
    older_than: Duration,
) -> Result<Runs, CliError> {
    let now = SystemClock.now();
    let mut runs = Runs::default();
    for info in session.log.streams("run/").await? {
        let name = info.stream.as_str().strip_prefix("run/");
        let run = RunId::new(name.unwrap_or_default())?;
        match known(session, &run).await {
            Ok(view) if view.end().is_none() => runs.open.push(run),
            Ok(view) if now.since(view.updated) >= older_than => runs.ended.push(run),
            Ok(_) => {}
            Err(error) => context.out.warn(&format!("run {run}: {}", error.message())),
        }
    }
    Ok(runs)
}
