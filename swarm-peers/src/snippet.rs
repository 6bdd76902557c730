//! Pieces of text that peers share.

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{
    About, Event, PeerId, Rejection, Scope, SnippetId, decide::Deciding, file::Blob, state::State,
};

/// The longest snippet whose text is in the state itself, in bytes. The text of a longer one is a blob.
pub const MAX_INLINE: usize = 4_096;

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snippet {
    /// Its number.
    pub id: SnippetId,
    /// Who shared it.
    pub author: PeerId,
    /// What it is called.
    pub title: String,
    /// In which language it is written, such as `rust`; `text` for none.
    pub language: String,
    /// The text, or where it is.
    pub content: Content,
    /// When it was shared.
    pub created: Timestamp,
    /// When it was brought in from another system, if it was. It is kept from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Timestamp>,
}

/// A text, or where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The text, of at most [`MAX_INLINE`] bytes. Untrusted.
    Text(String),
    /// It is kept aside.
    Blob(Blob),
}

/// What peers may ask for concerning snippets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To share one.
    Share {
        /// What it is called.
        title: String,
        /// In which language it is.
        language: String,
        /// The text.
        content: Content,
    },
    /// To take one back. Its author may, and the person.
    Remove {
        /// Which.
        snippet: SnippetId,
    },
}

/// What happened to a snippet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// It was shared.
    Shared {
        /// Its number.
        snippet: SnippetId,
        /// By whom.
        author: PeerId,
        /// What it is called.
        title: String,
        /// In which language it is.
        language: String,
        /// The text.
        content: Content,
    },
    /// It is kept no longer.
    Removed {
        /// Which.
        snippet: SnippetId,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    match request {
        Request::Share {
            title,
            language,
            content,
        } => {
            deciding.may_send()?;
            deciding.check_words("title", title)?;
            deciding.check_text("language", language)?;
            check_content(deciding, content)?;
            deciding.check_room("snippets", deciding.state.things.snippets.len())?;
            let snippet = deciding.state.things.last_snippet.next();
            deciding.push(Event::Snippet(Happened::Shared {
                snippet,
                author: me.clone(),
                title: title.clone(),
                language: language.clone(),
                content: content.clone(),
            }));
            let text = format!("New snippet {snippet} ({language}) from {me}: {title}");
            deciding.tell_all(Scope::Machine, About::Snippet { snippet }, text)
        }
        Request::Remove { snippet } => {
            let found = deciding.state.things.snippets.get(snippet);
            let found = found.ok_or(Rejection::UnknownSnippet { snippet: *snippet })?;
            deciding.is_mine(format!("snippet {snippet}"), &found.author)?;
            deciding.push(Event::Snippet(Happened::Removed { snippet: *snippet }));
            Ok(())
        }
    }
}

/// Whether a text is where texts of its length are.
pub(crate) fn check_content(deciding: &Deciding<'_>, content: &Content) -> Result<(), Rejection> {
    match content {
        Content::Text(text) if text.len() > MAX_INLINE => Err(Rejection::TooLarge {
            what: "snippet that is not kept aside",
            size: text.len() as u64,
            most: MAX_INLINE as u64,
            unit: "bytes",
        }),
        Content::Text(_) => Ok(()),
        Content::Blob(blob) => deciding.check_blob("snippet", blob),
    }
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Shared {
            snippet,
            author,
            title,
            language,
            content,
        } => {
            state.things.last_snippet = state.things.last_snippet.max(*snippet);
            let new = Snippet {
                id: *snippet,
                author: author.clone(),
                title: title.clone(),
                language: language.clone(),
                content: content.clone(),
                created: at,
                imported: None,
            };
            state.things.snippets.insert(*snippet, new);
            state.note_sent(author, at);
            if let Some(author) = state.peer_mut(author) {
                author.tally.snippets_shared += 1;
            }
        }
        Happened::Removed { snippet } => {
            state.things.snippets.remove(snippet);
        }
    }
}
