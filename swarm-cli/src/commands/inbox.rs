//! `swarm inbox`

use clap::Args;
use swarm_http::operations::inbox::{Acted, Delivered, MAX_WAIT, Read, Seen};
use swarm_peers::{MessageId, Way};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::printable,
};

#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// If there is nothing, wait so many seconds for something; the exit status is 3 if nothing came
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u64>,
    /// Leave the messages as they are: they are shown again
    #[arg(long)]
    peek: bool,
    /// The most messages to show
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Say that this message was acted upon
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["wait", "peek", "limit"])]
    acted: Option<u64>,
    #[command(flatten)]
    speaker: Speaker,
}

impl Inbox {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        if let Some(message) = self.acted.map(MessageId) {
            let done = daemon.call(&Acted { message }).await?;
            context
                .out
                .answer(&done, || format!("the sender of message {message} is told"))?;
            return Ok(Exit::Ok);
        }
        let mut left = self.wait.unwrap_or(0);
        let found = loop {
            let wait = left.min(MAX_WAIT);
            left -= wait;
            let read = Read {
                after: None,
                limit: self.limit,
                wait: (wait > 0).then_some(wait),
            };
            let found = daemon.call(&read).await?;
            if !found.messages.is_empty() || left == 0 {
                break found;
            }
        };
        context
            .out
            .list(&found.messages, || human(&found.messages, found.waiting))?;
        // Only now: what could not be shown was not seen.
        if let Some(last) = found.messages.last().filter(|_| !self.peek) {
            let seen = Seen {
                up_to: last.message.id,
                way: Way::Inbox,
            };
            daemon.call(&seen).await?;
        }
        if found.messages.is_empty() && self.wait.is_some() {
            return Ok(Exit::TimedOut);
        }
        Ok(Exit::Ok)
    }
}

fn human(messages: &[Delivered], waiting: usize) -> String {
    if messages.is_empty() {
        return "nothing new".to_owned();
    }
    let mut texts: Vec<String> = messages.iter().map(shown).collect();
    if waiting > messages.len() {
        texts.push(format!("{} more wait", waiting - messages.len()));
    }
    texts.join("\n\n")
}

/// A message for a person. Whatever it says is behind a margin: it cannot look like another message.
pub(crate) fn shown(delivered: &Delivered) -> String {
    let message = &delivered.message;
    let from = delivered
        .from_name
        .as_ref()
        .map_or_else(|| message.from.to_string(), ToString::to_string);
    let reply = message
        .reply_to
        .map_or(String::new(), |to| format!(", answers {to}"));
    let wanted = if message.wants_action {
        format!(
            "; `swarm inbox --acted {}` once you have done that",
            message.id
        )
    } else {
        String::new()
    };
    let text: Vec<String> = message
        .text
        .lines()
        .map(|line| format!("  | {}", printable(line)))
        .collect();
    format!(
        "message {} from {from} ({}{reply}{wanted})\n{}",
        message.id,
        message.sent,
        text.join("\n")
    )
}
