//! Files that everybody may read. Their client names a path for the broker to read; here no path of a caller is opened.

use serde_json::{Value, json};
use swarm_peers::{File, FileId};

use super::{Compat, answer::Answer, fields::Fields, times::iso};

/// The most rows of one answer.
const MAX_ROWS: usize = 1_000;

/// Refused, and with what is to be done instead.
pub(super) async fn share(compat: &Compat, fields: &Fields) -> Answer {
    let author = fields.text("author_id", "shared_files.author_id")?;
    compat.caller(&author).await?;
    Ok(json!({
        "ok": false,
        "error": "the broker reads no files for others: share it with `swarm files share PATH`, or its text as a snippet",
    }))
}

pub(super) async fn list(compat: &Compat, fields: &Fields) -> Answer {
    let limit = fields.limit(MAX_ROWS)?;
    let rows = compat.app.ask(move |state| {
        let newest = state.files().rev().take(limit);
        newest.map(row).collect::<Value>()
    });
    Ok(rows.await?)
}

pub(super) async fn get(compat: &Compat, fields: &Fields) -> Answer {
    let id = fields.number("id")?.and_then(|id| u64::try_from(id).ok());
    let found = compat.app.ask(move |state| {
        let mut all = state.files();
        all.find(|file| Some(file.id) == id.map(FileId)).cloned()
    });
    let Some(file) = found.await? else {
        return Ok(Value::Null);
    };
    let bytes = compat.app.blob(file.blob.hash.clone()).await?;
    let mut row = row(&file);
    if let Value::Object(row) = &mut row {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        row.insert("content".to_owned(), text.into());
    }
    Ok(row)
}

fn row(file: &File) -> Value {
    json!({
        "id": file.id,
        "author_id": file.author,
        "filename": file.name,
        "size_bytes": file.blob.size,
        "mime_type": file.mime,
        "created_at": iso(file.created),
    })
}
