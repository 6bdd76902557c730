//! `swarm analytics`

use clap::Args;
use swarm_http::operations::analytics::{Analytics as Shown, Show};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::table::table,
};

#[derive(Debug, Args)]
pub(crate) struct Analytics {
    /// Only this peer: an id or a name
    peer: Option<String>,
    #[command(flatten)]
    speaker: Speaker,
}

impl Analytics {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let shown = daemon.call(&Show { peer: self.peer }).await?;
        context.out.answer(&shown, || human(&shown))?;
        Ok(Exit::Ok)
    }
}

fn human(shown: &Shown) -> String {
    let rows = shown.peers.iter().map(|peer| {
        let tally = &peer.tally;
        let count = |n: u64| n.to_string();
        [
            peer.name.to_string(),
            if peer.here { "here" } else { "gone" }.to_owned(),
            count(tally.messages_sent),
            count(tally.messages_received),
            format!("{} of {}", tally.tasks_completed, tally.tasks_assigned),
            count(tally.snippets_shared + tally.files_shared),
            count(tally.alerts_sent),
        ]
    });
    let peers = table(
        [
            "peer",
            "is",
            "sent",
            "received",
            "tasks done",
            "shared",
            "alerts",
        ],
        rows,
    );
    let busiest = shown.hours.iter().zip(0..).max_by_key(|(count, _)| **count);
    let busiest = match busiest {
        Some((count, hour)) if *count > 0 => format!("\nmost messages: {count} at {hour}:00 UTC"),
        _ => String::new(),
    };
    format!(
        "{peers}\n\ntasks: {} of {} completed{busiest}",
        shown.completed, shown.tasks
    )
}
