//! `swarm events`

use std::ops::ControlFlow;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use swarm_http::operations::daemon::Status;

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only those after this place
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    after: u64,
    /// Go on with those that come
    #[arg(long, short)]
    follow: bool,
}

/// What happened.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    sequence: u64,
    stream: String,
    at: u64,
    kind: String,
    data: Value,
}

impl Events {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &Speaker::default()).await?;
        let newest = daemon.call(&Status {}).await?.head;
        if !self.follow && self.after >= newest {
            return Ok(Exit::Ok);
        }
        let out = context.out;
        let mut shown = Ok(());
        let each = |line: &str| {
            let Ok(event) = serde_json::from_str::<Event>(line) else {
                return ControlFlow::Continue(());
            };
            shown = out.answer(&event, || {
                format!(
                    "{} {} {} {}",
                    event.sequence, event.stream, event.kind, event.data
                )
            });
            if shown.is_err() || (!self.follow && event.sequence >= newest) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        daemon.client().events(self.after, each).await?;
        shown?;
        Ok(Exit::Ok)
    }
}
