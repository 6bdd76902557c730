//! `swarm review`

use clap::Args;
use swarm_core::error_code::ErrorCode;
use swarm_http::{operations::reviews, place};

use super::{Context, send::everybody};
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Review {
    /// Whom: an id or a name
    to: String,
    /// Since which commit
    #[arg(long, value_name = "COMMIT", default_value = "HEAD~1")]
    since: String,
    #[command(flatten)]
    speaker: Speaker,
}

impl Review {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let folder = context.config()?.folders.current;
        let branch = place::branch(&folder).await;
        let branch = branch.ok_or_else(|| no_repository(&folder))?;
        let changes = place::changed_since(&folder, &self.since).await;
        let changes = changes.ok_or_else(|| {
            CliError::usage(format!(
                "git knows no commit {:?} here; name another with --since",
                self.since
            ))
        })?;
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let request = reviews::Request {
            to: self.to,
            branch,
            changes,
        };
        let sent = daemon.call(&request).await?;
        context.out.answer(&sent, || {
            format!(
                "asked for a review: message {} waits for {}",
                sent.message,
                everybody(&sent.to)
            )
        })?;
        Ok(Exit::Ok)
    }
}

pub(super) fn no_repository(folder: &std::path::Path) -> CliError {
    CliError::new(
        ErrorCode::InvalidInput,
        format!("{} is in no git repository with a commit", folder.display()),
    )
}
