//! `swarm import`

mod report;
mod taker;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use report::Report;
use swarm_core::error_code::ErrorCode;
use swarm_http::{
    import::{Page, Row, Source, System},
    place,
};
use taker::Taker;
use tokio::task::spawn_blocking;

use super::Context;
use crate::{error::CliError, exit_code::Exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Peers, messages, tasks, snippets, files, alerts and pins of claude-swarm
    ClaudeSwarm(ClaudeSwarm),
    /// Peers and messages of claude-peers
    ClaudePeers(ClaudePeers),
}

#[derive(Debug, Args)]
pub(crate) struct ClaudeSwarm {
    /// The database [default: ~/.claude-swarm.db]
    #[arg(env = "CLAUDE_SWARM_DB", hide_env = true)]
    db: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(crate) struct ClaudePeers {
    /// The database [default: ~/.claude-peers.db]
    #[arg(env = "CLAUDE_PEERS_DB", hide_env = true)]
    db: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Only show what would come, and what would not
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let (system, db, name, how) = match self {
            Self::ClaudeSwarm(args) => (System::ClaudeSwarm, args.db, ".claude-swarm.db", args.how),
            Self::ClaudePeers(args) => (System::ClaudePeers, args.db, ".claude-peers.db", args.how),
        };
        let config = context.config()?;
        // A variable that is empty is not set.
        let db = db.filter(|db| !db.as_os_str().is_empty());
        let db = db.unwrap_or_else(|| config.folders.user.join(name));
        let db = config.folders.absolute(&db);
        let scratch = config.settings.home;
        let opened = move || Source::open(system, &db, &scratch, place::host());
        let mut source = blocking(opened).await??;
        let mut taker = if how.dry_run {
            Taker::pretend()
        } else {
            Taker::reach(context).await?
        };
        let mut report = Report::new(how.dry_run);
        loop {
            let read = blocking(move || {
                let page = source.read();
                (source, page)
            });
            let page;
            (source, page) = read.await?;
            let Some(page) = page? else { break };
            take(page, &mut taker, &mut report).await?;
        }
        // The copy goes with it.
        blocking(move || drop(source)).await?;
        context.out.answer(&report, || report.human())?;
        Ok(Exit::Ok)
    }
}

/// Brings one page in.
async fn take(page: Page, taker: &mut Taker, report: &mut Report) -> Result<(), CliError> {
    let mut brought = Vec::with_capacity(page.rows.len());
    let mut numbers = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        report.found(page.kind);
        match row {
            Row::Read {
                number,
                brought: read,
                lost,
            } => {
                for why in lost {
                    report.lost(page.kind, number, why);
                }
                numbers.push(number);
                brought.push(*read);
            }
            Row::Skipped { number, why } => {
                report.skipped(page.kind, number, why);
            }
        }
    }
    let outcomes = taker.take(brought).await?;
    for (number, outcome) in numbers.into_iter().zip(outcomes) {
        report.came(page.kind, number, outcome);
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| CliError::new(ErrorCode::Internal, error.to_string()))
}
