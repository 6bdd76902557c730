//! Pieces of text that peers share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;
use swarm_peers::{
    Event, PeerId, Rejection, Snippet, SnippetId,
    file::Blob,
    snippet::{self, Content, Happened, MAX_INLINE},
};

use super::{Done, operation};
use crate::{App, Caller, Failure, operation::Perform};

/// Shares a piece of text with everybody.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// What it is called.
    pub title: String,
    /// The text.
    pub content: String,
    /// In which language it is, such as `rust`.
    #[serde(default = "text")]
    pub language: String,
}

fn text() -> String {
    "text".to_owned()
}

/// It was shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shared {
    /// Its number.
    pub snippet: SnippetId,
}

operation!(
    Share,
    "snippets/share",
    Command,
    Anybody,
    "Share a piece of text",
    Shared
);

impl Perform for Share {
    async fn perform(self, app: &App, by: Caller) -> Result<Shared, Failure> {
        let text = self.content;
        let content = if text.len() > MAX_INLINE {
            app.check_size("snippet", text.len())?;
            let size = text.len() as u64;
            let hash = app
                .with_blobs(move |blobs| blobs.put(text.as_bytes()))
                .await?;
            Content::Blob(Blob { hash, size })
        } else {
            Content::Text(text)
        };
        let request = snippet::Request::Share {
            title: self.title,
            language: self.language,
            content,
        };
        let shared = app.make(&by, request, |_, events| {
            events.iter().find_map(|event| match event {
                Event::Snippet(Happened::Shared { snippet, .. }) => Some(*snippet),
                _ => None,
            })
        });
        Ok(Shared {
            snippet: shared.await?,
        })
    }
}

/// A snippet without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnippetHead {
    /// Its number.
    pub id: SnippetId,
    /// Who shared it.
    pub author: PeerId,
    /// What it is called. Untrusted.
    pub title: String,
    /// In which language it is.
    pub language: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was shared, in milliseconds since 1970.
    pub created: Timestamp,
}

impl From<&Snippet> for SnippetHead {
    fn from(snippet: &Snippet) -> Self {
        Self {
            id: snippet.id,
            author: snippet.author.clone(),
            title: snippet.title.clone(),
            language: snippet.language.clone(),
            size: match &snippet.content {
                Content::Text(text) => text.len() as u64,
                Content::Blob(blob) => blob.size,
            },
            created: snippet.created,
        }
    }
}

/// Which snippets there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// At most so many; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Snippets without their texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnippetList {
    /// The newest first.
    pub snippets: Vec<SnippetHead>,
}

operation!(
    List,
    "snippets/list",
    Question,
    Anybody,
    "See what texts are shared",
    SnippetList
);

impl Perform for List {
    async fn perform(self, app: &App, _: Caller) -> Result<SnippetList, Failure> {
        app.ask(move |state| SnippetList {
            snippets: state
                .snippets()
                .rev()
                .take(self.limit.unwrap_or(usize::MAX))
                .map(SnippetHead::from)
                .collect(),
        })
        .await
    }
}

/// One snippet with its text.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Which.
    pub snippet: SnippetId,
}

/// A snippet with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FullSnippet {
    /// What is known of it.
    #[serde(flatten)]
    pub head: SnippetHead,
    /// The text. Untrusted.
    pub content: String,
}

operation!(
    Show,
    "snippets/show",
    Question,
    Anybody,
    "Read a shared text",
    FullSnippet
);

impl Perform for Show {
    async fn perform(self, app: &App, _: Caller) -> Result<FullSnippet, Failure> {
        let id = self.snippet;
        let found = app.ask(move |state| state.snippets().find(|s| s.id == id).cloned());
        let unknown = || Failure::from(Rejection::UnknownSnippet { snippet: id });
        let found = found.await?.ok_or_else(unknown)?;
        let head = SnippetHead::from(&found);
        let content = match found.content {
            Content::Text(text) => text,
            Content::Blob(blob) => {
                let bytes = app.blob(blob.hash).await?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        Ok(FullSnippet { head, content })
    }
}

/// Takes a snippet back. Its author may, and the owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Which.
    pub snippet: SnippetId,
}

operation!(
    Remove,
    "snippets/remove",
    Command,
    Anybody,
    "Take a shared text back",
    Done
);

impl Perform for Remove {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let snippet = self.snippet;
        let request = snippet::Request::Remove { snippet };
        app.done(&by, request).await
    }
}
