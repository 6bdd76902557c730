//! Waiting for the end of an agent, and bringing it about.

use std::{
    future::pending, io, os::unix::process::ExitStatusExt as _, process::ExitStatus, time::Duration,
};

use tokio::{
    process::Child,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::group::ProcessGroup;
use crate::{
    outcome::ExitReason,
    runtime::{AgentExit, RuntimeError},
};

/// How long a killed process may take to disappear. Only a broken disk or driver makes it take any time.
const DEATH: Duration = Duration::from_secs(10);

/// What may end an agent before it ends by itself.
#[derive(Debug)]
pub(super) struct Supervisor<'a> {
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
    /// Its result is no longer wanted.
    pub(super) stop: &'a CancellationToken,
    /// Its output cannot be kept.
    pub(super) unkept: &'a CancellationToken,
    /// It has printed too much, and how it ends for that.
    pub(super) exceeded: (&'a CancellationToken, ExitReason),
}

impl Supervisor<'_> {
    /// Waits for the end of `child`, at the latest at the timeout, and ends its whole group.
    pub(super) async fn watch(
        &self,
        child: &mut Child,
        group: &mut ProcessGroup,
        started: Instant,
    ) -> Result<AgentExit, RuntimeError> {
        let reason = self.end(child, group, started).await?;
        Ok(AgentExit {
            reason,
            duration: started.elapsed(),
        })
    }

    async fn end(
        &self,
        child: &mut Child,
        group: &mut ProcessGroup,
        started: Instant,
    ) -> Result<ExitReason, RuntimeError> {
        let lost = |e: io::Error| RuntimeError::Lost(format!("its end cannot be awaited: {e}"));
        let early = tokio::select! {
            // What has ended by itself was not stopped, even if both are true by now.
            biased;
            status = child.wait() => {
                group.end();
                return status.map(reason).map_err(lost);
            }
            () = self.unkept.cancelled() => None,
            () = self.stop.cancelled() => Some(ExitReason::Cancelled),
            () = self.exceeded.0.cancelled() => Some(self.exceeded.1.clone()),
            () = until(started.checked_add(self.timeout)) => {
                Some(ExitReason::TimedOut { after: self.timeout })
            }
        };
        if early.is_some() {
            group.ask_to_end();
            // Whether it ended in time does not matter: what it has started may not have.
            drop(timeout(self.grace, child.wait()).await);
        }
        group.end();
        match timeout(DEATH, child.wait()).await {
            Ok(Ok(_)) => Ok(early.unwrap_or(ExitReason::Lost)),
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => Err(RuntimeError::Lost(format!(
                "it was killed, but has not ended {} seconds later; a disk or driver may hang",
                DEATH.as_secs()
            ))),
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

fn reason(status: ExitStatus) -> ExitReason {
    match (status.code(), status.signal()) {
        (Some(0), _) => ExitReason::Completed,
        (Some(code), _) => ExitReason::Failed { code },
        (None, Some(signal)) => ExitReason::Signalled { signal },
        (None, None) => ExitReason::Lost,
    }
}
