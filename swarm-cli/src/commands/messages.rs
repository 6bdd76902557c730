//! `swarm messages`

use clap::{Args, Subcommand};
use swarm_http::{
    Receipt, Shown,
    operations::messages::{Dead, DeadMessage, Show},
};
use swarm_peers::{MessageId, mailbox::Stage};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::{first_line, printable, table::table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Messages {
    /// Show a message, and how far it got with each of its recipients
    Show(One),
    /// List what could not be delivered
    Dead(DeadLetters),
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its number
    message: u64,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    speaker: Speaker,
}

impl Messages {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Show(One { message, speaker }) => {
                let message = MessageId(message);
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let shown = daemon.call(&Show { message }).await?;
                context.out.answer(&shown, || human(&shown))?;
            }
            Self::Dead(DeadLetters { speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let found = daemon.call(&Dead {}).await?.messages;
                context.out.list(&found, || dead(&found))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// A message with how far it got. Its text is behind a margin: it cannot look like anything else.
fn human(shown: &Shown) -> String {
    let message = &shown.message;
    let text = message.text.lines();
    let text: Vec<String> = text
        .map(|line| format!("  | {}", printable(line)))
        .collect();
    let receipts: Vec<String> = shown.receipts.iter().map(receipt).collect();
    format!(
        "message {} from {} ({})\n{}\n{}",
        message.id,
        message.from,
        message.sent,
        text.join("\n"),
        receipts.join("\n")
    )
}

/// Several messages, or what to say if there is none.
pub(super) fn all(shown: &[Shown], none: &str) -> String {
    if shown.is_empty() {
        return none.to_owned();
    }
    shown.iter().map(human).collect::<Vec<_>>().join("\n\n")
}

fn receipt(receipt: &Receipt) -> String {
    let (stage, at) = match (receipt.given_up, receipt.stage) {
        (Some(at), _) => ("given up", Some(at)),
        (None, Stage::Stored) => ("waits", None),
        (None, Stage::Injected) => ("taken by its program", receipt.injected),
        (None, Stage::Seen) => ("seen", receipt.seen),
        (None, Stage::Acted) => ("acted upon", receipt.acted),
    };
    let at = at.map_or(String::new(), |at| format!(" at {at}"));
    format!("  -> {}: {stage}{at}", receipt.to)
}

fn dead(found: &[DeadMessage]) -> String {
    if found.is_empty() {
        return "everything was delivered, or waits".to_owned();
    }
    let rows = found.iter().map(|dead| {
        [
            dead.message.id.to_string(),
            dead.message.from.to_string(),
            dead.to.to_string(),
            dead.given_up.to_string(),
            first_line(&dead.message.text, 60),
        ]
    });
    table(["message", "from", "to", "given up", "text"], rows)
}
