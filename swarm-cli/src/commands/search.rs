//! `swarm search`

use clap::Args;
use swarm_http::operations::messages::Search as Ask;

use super::{Context, messages::all};
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
};

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Messages that have every one of these words
    #[arg(required = true)]
    words: Vec<String>,
    /// The most messages to show
    #[arg(long, value_name = "N", default_value = "20")]
    limit: usize,
    #[command(flatten)]
    speaker: Speaker,
}

impl Search {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut daemon = Daemon::reach(context, &self.speaker).await?;
        let ask = Ask {
            words: self.words.join(" "),
            limit: Some(self.limit),
        };
        let found = daemon.call(&ask).await?.messages;
        context
            .out
            .list(&found, || all(&found, "no message has all of these words"))?;
        Ok(Exit::Ok)
    }
}
