//! `swarm runs kill`

use std::{sync::Arc, time::Duration};

use clap::Args;
use serde::Serialize;
use swarm_core::{
    error_code::ErrorCode,
    ids::RunId,
    journal::{RunEvent, RunJournal},
    time::SystemClock,
};

use swarm_http::{Client, ClientError, operations::runs::Stop};

use super::{super::Context, resume::Resume, state};
use crate::{daemon, error::CliError, execute::known, exit_code::Exit, session::Session};

/// How long the process that drives the run may take to stop its agents.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The run
    run: RunId,
}

#[derive(Serialize)]
struct Killed<'a> {
    run_id: &'a RunId,
    killed: bool,
    state: &'static str,
}

impl Kill {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let session = context.session()?;
        let view = known(&session, &self.run).await?;
        if view.end().is_some() {
            return Err(swarm_core::SwarmError::RunEnded(self.run).into());
        }
        RunJournal::new(Arc::clone(&session.log), Arc::new(SystemClock), &self.run)
            .append(vec![RunEvent::CancelRequested])
            .await?;
        // If the daemon drives it, it need not look there first.
        let stop = Stop {
            run: self.run.clone(),
            for_good: true,
        };
        let home = daemon::home(context)?;
        let told = async { Client::connect(&home).await?.call(&stop).await };
        match told.await {
            Ok(_) | Err(ClientError::Unreachable { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if !self.stopped(&session).await? {
            // Nobody drives it, so it is for us to stop what it left running and to write its end.
            let resume = Resume::silent(self.run.clone());
            resume.execute(&context.silent()).await?;
        }
        let view = known(&session, &self.run).await?;
        let killed = Killed {
            run_id: &self.run,
            killed: true,
            state: state(&view, &session),
        };
        context
            .out
            .answer(&killed, || format!("run {} is {}", self.run, killed.state))?;
        Ok(Exit::Ok)
    }

    /// Waits for the process that drives the run; `false` if there is none.
    async fn stopped(&self, session: &Session) -> Result<bool, CliError> {
        let waited = tokio::time::timeout(PATIENCE, async {
            while session.is_live(&self.run) {
                tokio::time::sleep(POLL).await;
            }
        });
        if waited.await.is_err() {
            return Err(CliError::new(
                ErrorCode::RunIsLive,
                format!(
                    "run {} was asked to stop and has not in {}s; it will when its agents have",
                    self.run,
                    PATIENCE.as_secs()
                ),
            ));
        }
        Ok(known(session, &self.run).await?.end().is_some())
    }
}
