//! `swarm send`

use clap::Args;
use swarm_http::operations::messages::{BroadcastSent, Recipient, Send as SendMessage};
use swarm_peers::{
    MessageId,
    peer::{Connection, Presence, Reach},
};

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    words::words,
};

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Whom: an id or a name; `user` is you
    to: String,
    /// What; `-` reads it from stdin
    #[arg(required = true, value_name = "WORDS")]
    text: Vec<String>,
    /// The number of the message that this answers
    #[arg(long, value_name = "NUMBER")]
    reply_to: Option<u64>,
    /// Be told when the recipient has acted upon it
    #[arg(long)]
    wants_action: bool,
    #[command(flatten)]
    speaker: Speaker,
}

impl Send {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let text = words(&self.text)?;
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let send = SendMessage {
            to: self.to,
            text,
            reply_to: self.reply_to.map(MessageId),
            wants_action: self.wants_action,
        };
        let sent = daemon.call(&send).await?;
        context.out.answer(&sent, || {
            format!("message {} waits for {}", sent.message, everybody(&sent.to))
        })?;
        Ok(Exit::Ok)
    }
}

/// For whom a message waits that may be for nobody.
pub(super) fn told(sent: &BroadcastSent) -> String {
    let Some(message) = sent.message else {
        return "nobody else is here".to_owned();
    };
    format!("message {message} waits for {}", everybody(&sent.to))
}

/// The recipients of a message, and what is to be expected of each.
pub(super) fn everybody(to: &[Recipient]) -> String {
    let to: Vec<String> = to.iter().map(expected).collect();
    to.join(", ")
}

/// A recipient, and what is to be expected of it.
fn expected(to: &Recipient) -> String {
    let expected = match (to.connection, to.presence, to.reach) {
        (Connection::Left { .. }, ..) => " (gone: it gets this when it comes back)",
        (Connection::Lost { .. }, ..) => {
            " (not heard of for a while: it gets this when it comes back)"
        }
        (_, Presence::Dnd, _) => " (does not want to be disturbed)",
        (_, Presence::Away, _) => " (away)",
        (_, _, Reach::Push) => " (told at once)",
        (_, _, Reach::Hooks | Reach::Answers) => "",
    };
    format!("{}{expected}", to.name)
}
