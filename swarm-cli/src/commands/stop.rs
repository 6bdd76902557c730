//! `swarm stop`

use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use swarm_core::error_code::ErrorCode;
use swarm_http::{Client, ClientError, DaemonHome, operations::daemon::Stop as StopDaemon};
use tokio::time::{Instant, sleep};

use super::Context;
use crate::{daemon, error::CliError, exit_code::Exit};

/// How long a daemon may take to end what is under way.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug, Args)]
pub(crate) struct Stop {}

impl Stop {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let home = daemon::home(context)?;
        let stopped = stop(&home).await?;
        context.out.answer(&json!({"stopped": stopped}), || {
            let said = if stopped {
                "the daemon has ended; everything is kept"
            } else {
                "no daemon is running"
            };
            said.to_owned()
        })?;
        Ok(Exit::Ok)
    }
}

/// Ends the daemon of `home`, and waits until it is gone; whether there was one.
pub(crate) async fn stop(home: &DaemonHome) -> Result<bool, CliError> {
    if !home.is_running() {
        return Ok(false);
    }
    let asked = async { Client::connect(home).await?.call(&StopDaemon {}).await };
    if let Err(error) = asked.await {
        let pid = home
            .address()?
            .and_then(|address| i32::try_from(address.pid).ok());
        match (error, pid.and_then(Pid::from_raw)) {
            // It is stuck, or just begins or ends. Only a process that holds the lock of the home is meant.
            (ClientError::Unreachable { .. }, Some(pid)) if home.is_running() => {
                if let Err(error) = kill_process(pid, Signal::TERM) {
                    return Err(CliError::new(
                        ErrorCode::DaemonUnreachable,
                        format!(
                            "the daemon does not answer, and its process cannot be ended: {error}"
                        ),
                    ));
                }
            }
            (ClientError::Unreachable { .. }, _) => {}
            (error, _) => return Err(error.into()),
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while home.is_running() {
        if Instant::now() > deadline {
            return Err(CliError::new(
                ErrorCode::DaemonUnreachable,
                format!(
                    "the daemon has not ended within {} s; `swarm logs` shows what it does, and its process is in daemon/address.json of the home",
                    PATIENCE.as_secs()
                ),
            ));
        }
        sleep(LOOK).await;
    }
    Ok(true)
}
