//! `swarm snippets`

use clap::{Args, Subcommand};
use swarm_http::operations::snippets;
use swarm_peers::SnippetId;

use super::Context;
use crate::{
    daemon::{Daemon, Speaker},
    error::CliError,
    exit_code::Exit,
    output::table::{size, table},
    words::words,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Snippets {
    /// List what is shared
    List(List),
    /// Share a piece of text
    Share(Share),
    /// Print one
    Show(One),
    /// Take one back
    Remove(One),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The most to list
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct Share {
    /// What it is called
    title: String,
    /// The text; `-` reads it from stdin
    #[arg(required = true, value_name = "WORDS")]
    content: Vec<String>,
    /// In which language it is
    #[arg(long, default_value = "text")]
    language: String,
    #[command(flatten)]
    speaker: Speaker,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its number
    snippet: u64,
    #[command(flatten)]
    speaker: Speaker,
}

impl Snippets {
    pub(crate) async fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let out = context.out;
        match self {
            Self::List(List { limit, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let found = daemon.call(&snippets::List { limit }).await?.snippets;
                out.list(&found, || human(&found))?;
            }
            Self::Share(share) => {
                let content = words(&share.content)?;
                let mut daemon = Daemon::reach(context, &share.speaker).await?;
                let share = snippets::Share {
                    title: share.title,
                    content,
                    language: share.language,
                };
                let shared = daemon.call(&share).await?;
                out.answer(&shared, || format!("snippet {} is shared", shared.snippet))?;
            }
            Self::Show(One { snippet, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let snippet = SnippetId(snippet);
                let found = daemon.call(&snippets::Show { snippet }).await?;
                out.answer(&found, || found.content.clone())?;
            }
            Self::Remove(One { snippet, speaker }) => {
                let mut daemon = Daemon::reach(context, &speaker).await?;
                let snippet = SnippetId(snippet);
                let done = daemon.call(&snippets::Remove { snippet }).await?;
                out.answer(&done, || format!("snippet {snippet} is no longer shared"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn human(found: &[snippets::SnippetHead]) -> String {
    if found.is_empty() {
        return "no snippets; `swarm snippets share TITLE -` shares what stdin says".to_owned();
    }
    let rows = found.iter().map(|snippet| {
        [
            snippet.id.to_string(),
            snippet.title.clone(),
            snippet.language.clone(),
            size(snippet.size),
            snippet.author.to_string(),
            snippet.created.to_string(),
        ]
    });
    table(
        ["snippet", "title", "language", "size", "from", "when"],
        rows,
    )
}
