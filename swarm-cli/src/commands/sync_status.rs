//! `swarm sync-status`

use clap::Args;
use swarm_http::{operations::reviews, place};

use super::{Context, review::no_repository, send::told};
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
        let branch = place::branch(&folder).await;
        let commit = place::last_commit(&folder).await;
        let changes = place::uncommitted(&folder).await;
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
        context.out.answer(&sent, || told(&sent))?;
        Ok(Exit::Ok)
    }
}
