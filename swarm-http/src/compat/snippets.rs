//! Pieces of text that everybody may read.

use serde_json::{Value, json};
use swarm_peers::{Snippet, SnippetId, snippet::Content};

use super::{
    Compat,
    answer::{Answer, Refusal},
    fields::Fields,
    times::iso,
};
use crate::{operation::Perform as _, operations::snippets};

/// The most snippets of one answer, which has their texts.
const MAX_ROWS: usize = 100;
/// How much text one answer has at most, in bytes; a single snippet may have more.
const MAX_TEXT: usize = 8 * 1024 * 1024;

pub(super) async fn share(compat: &Compat, fields: &Fields) -> Answer {
    let author = fields.text("author_id", "snippets.author_id")?;
    let share = snippets::Share {
        title: fields.text("title", "snippets.title")?,
        content: fields.text("content", "snippets.content")?,
        language: fields
            .maybe("language")?
            .unwrap_or_else(|| "text".to_owned()),
    };
    let me = compat.caller(&author).await?;
    let shared = share.perform(&compat.app, me).await?;
    Ok(json!({"ok": true, "snippet_id": shared.snippet}))
}

pub(super) async fn list(compat: &Compat, fields: &Fields) -> Answer {
    let limit = fields.limit(MAX_ROWS)?;
    let found = compat.app.ask(move |state| {
        let newest = state.snippets().rev().take(limit);
        newest.cloned().collect::<Vec<_>>()
    });
    let mut rows = Vec::new();
    let mut size = 0;
    for snippet in found.await? {
        size += match &snippet.content {
            Content::Text(text) => text.len(),
            Content::Blob(blob) => usize::try_from(blob.size).unwrap_or(usize::MAX),
        };
        if size > MAX_TEXT && !rows.is_empty() {
            break;
        }
        rows.push(row(compat, snippet).await?);
    }
    Ok(Value::Array(rows))
}

pub(super) async fn get(compat: &Compat, fields: &Fields) -> Answer {
    let id = fields.number("id")?.and_then(|id| u64::try_from(id).ok());
    let found = compat.app.ask(move |state| {
        let mut all = state.snippets();
        let found = all.find(|snippet| Some(snippet.id) == id.map(SnippetId));
        found.cloned()
    });
    match found.await? {
        Some(snippet) => row(compat, snippet).await,
        None => Ok(Value::Null),
    }
}

async fn row(compat: &Compat, snippet: Snippet) -> Result<Value, Refusal> {
    let content = match snippet.content {
        Content::Text(text) => text,
        Content::Blob(blob) => {
            let bytes = compat.app.blob(blob.hash).await?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    Ok(json!({
        "id": snippet.id,
        "author_id": snippet.author,
        "title": snippet.title,
        "content": content,
        "language": snippet.language,
        "created_at": iso(snippet.created),
    }))
}
