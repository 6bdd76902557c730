//! `swarm pins`

use clap::{Args, Subcommand};
use swarm_http::operations::pins;
use swarm_peers::PinId;

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::{first_line, table::table},
    words::words,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Pins {
    /// List what is pinned
    List(List),
    /// Pin a text where everybody finds it
    Pin(Pin),
    /// Take a pin away
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// The text; `-` reads it from stdin
    #[arg(required = true, value_name = "WORDS")]
    content: Vec<String>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Its number
    pin: u64,
    #[command(flatten)]
    speaker: Speaker,
}

impl Pins {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let out = context.out;
        match self {
            Self::List(List { speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let found = daemon.call(&pins::List {}).await?.pins;
                out.list(&found, || human(&found))?;
            }
            Self::Pin(Pin { content, speaker }) => {
                let content = words(&content)?;
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let pinned = daemon.call(&pins::Pin { content }).await?;
                out.answer(&pinned, || format!("pin {}", pinned.pin))?;
            }
            Self::Remove(Remove { pin, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let pin = PinId(pin);
                let done = daemon.call(&pins::Remove { pin }).await?;
                out.answer(&done, || format!("pin {pin} is gone"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn human(found: &[swarm_peers::Pin]) -> String {
    if found.is_empty() {
        return "nothing is pinned".to_owned();
    }
    let rows = found.iter().map(|pin| {
        [
            pin.id.to_string(),
            pin.author.to_string(),
            pin.created.to_string(),
            first_line(&pin.content, 80),
        ]
    });
    table(["pin", "from", "when", "what"], rows)
}
