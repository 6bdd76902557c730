//! `swarm sync-status`

use clap::Args;
use swarm_http::{operations::reviews, place::git};

use super::{Context, review::no_repository, send::expected};
use crate::{
    args::ScopeArg,
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct SyncStatus {
    /// Whom to tell, seen from who speaks
    #[arg(long, value_enum, default_value_t)]
    scope: ScopeArg,
    #[command(flatten)]
    speaker: Speaker,
}

impl SyncStatus {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let folder = context.config()?.folders.current;
        let branch = git(&folder, &["rev-parse", "--abbrev-ref", "HEAD"]).await;
        let commit = git(&folder, &["log", "--oneline", "-1"]).await;
        let changes = git(&folder, &["status", "--short"]).await;
        let (Some(branch), Some(commit), Some(changes)) = (branch, commit, changes) else {
            return Err(no_repository(&folder));
        };
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let status = reviews::SyncStatus {
            scope: self.scope.into(),
            branch,
            commit,
            changes,
        };
        let sent = daemon.call(&status).await?;
        context.out.answer(&sent, || match sent.message {
            Some(message) => {
                let to: Vec<String> = sent.to.iter().map(expected).collect();
                format!("message {message} waits for {}", to.join(", "))
            }
            None => "nobody else is here".to_owned(),
        })?;
        Ok(Exit::Ok)
    }
}
