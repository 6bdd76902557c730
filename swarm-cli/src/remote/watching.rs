//! A run that is followed, whoever drives it.

use std::{cell::Cell, ops::ControlFlow};

use serde::Deserialize;
use serde_json::value::RawValue;
use swarm_core::{ids::RunId, journal::RunEvent};
use swarm_http::{
    Client, ClientError, DaemonHome, Watched,
    engines::Said,
    operations::runs::{Stop, Stopping},
    runs::Passing,
};

use crate::{
    commands::Context,
    control::signals::{Heard, Signals},
    daemon::{Daemon, Speaker},
    error::CliError,
    output::{printable, progress::Progress},
};

/// How often a daemon that broke off is looked for again.
const ATTEMPTS: usize = 5;

/// How a run was when it was watched no more.
pub(super) enum Left {
    Stopped,
    Running,
}

pub(super) struct Watching<'a> {
    pub(super) context: &'a Context,
    pub(super) run: &'a RunId,
    pub(super) progress: &'a Progress,
    pub(super) home: DaemonHome,
}

impl Watching<'_> {
    /// Shows how it goes on, until nobody drives it any more or somebody is in a hurry.
    pub(super) async fn to_its_end(&self, mut client: Client) -> Result<Left, CliError> {
        let mut signals = Signals::listen()?;
        let observer = self.progress.observer();
        let after = Cell::new(0);
        let mut is_asked = false;
        for _ in 0..ATTEMPTS {
            let watching = client.watch(self.run, after.get(), |watched| {
                match watched {
                    Watched::Event(text) => {
                        if let Some((sequence, event)) = event(text) {
                            after.set(sequence);
                            observer(&event);
                        }
                    }
                    Watched::Passing(passing) => self.show(&passing),
                }
                ControlFlow::Continue(())
            });
            let mut watching = Box::pin(watching);
            let ended = loop {
                tokio::select! {
                    ended = &mut watching => break ended,
                    heard = signals.next() => {
                        if heard != Heard::Interrupt || is_asked {
                            return Ok(Left::Running);
                        }
                        is_asked = true;
                        self.ask_to_stop().await;
                    }
                }
            };
            drop(watching);
            match ended {
                Ok(()) => return Ok(Left::Stopped),
                // It was ended, or killed. The next one goes on with the run.
                Err(ClientError::Unreachable { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let daemon = Daemon::reach(self.context, &Speaker::default()).await?;
            client = daemon.client();
        }
        Ok(Left::Running)
    }

    /// The agents are stopped, and the run can be resumed.
    async fn ask_to_stop(&self) {
        let stop = Stop {
            run: self.run.clone(),
            for_good: false,
        };
        let asked = async { Client::connect(&self.home).await?.call(&stop).await };
        let said = match asked.await {
            Ok(Stopping { is_stopping: true }) => {
                "stopping the agents under way; ctrl-C again leaves at once".to_owned()
            }
            Ok(Stopping { is_stopping: false }) => format!(
                "another process drives the run, and goes on with it: `swarm runs kill {}` ends it; ctrl-C again leaves",
                self.run
            ),
            Err(error) => format!("the run was not asked to stop: {error}"),
        };
        self.progress.aside(|| self.context.out.notice(&said));
    }

    fn show(&self, passing: &Passing) {
        let out = self.context.out;
        match passing {
            Passing::Does { agent, what } => self.progress.does(agent, what),
            Passing::Said(Said::Notice(text)) => {
                self.progress.aside(|| out.notice(&printable(text)));
            }
            Passing::Said(Said::Warning(text)) => {
                self.progress.aside(|| out.warn(&printable(text)));
            }
        }
    }
}

/// An event as the daemon shows it. What a newer daemon knows and this program does not is passed over.
fn event(text: &str) -> Option<(u64, RunEvent)> {
    let shown: Shown<'_> = serde_json::from_str(text).ok()?;
    let event = serde_json::from_str(shown.data.get()).ok()?;
    Some((shown.sequence, event))
}

/// An event of the log as the daemon shows it.
#[derive(Deserialize)]
struct Shown<'a> {
    sequence: u64,
    #[serde(borrow)]
    data: &'a RawValue,
}
