//! Composes a prompt on disk, so that its size does not matter.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::PathBuf,
};

use swarm_core::{
    content::Content,
    ids::RefId,
    prompt::{self, Piece},
    refs::RefError,
};

use crate::{
    folder::Folder,
    layout,
    record::{INLINE, Record, pump},
    store::Store,
};

/// Writes `pieces` to `prompt.txt` in `folder`; no file if there are none.
///
/// The lock of a quoted record is held while its text is copied, so that it is not encrypted halfway.
pub(crate) fn compose(
    store: &Store,
    folder: &Folder,
    pieces: &[Piece],
) -> Result<Content, RefError> {
    if pieces.is_empty() {
        return Ok(Content::empty());
    }
    let mut written = PromptFile {
        file: folder.create(layout::PROMPT)?,
        path: folder.path().join(layout::PROMPT),
        buffer: Vec::new(),
        spilled: false,
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                for chunk in text.as_bytes().chunks(64 * 1024) {
                    written.add(chunk)?;
                }
            }
            Piece::Result(id) => {
                let (quoted, record) = locked(store, id)?;
                written.copy(&quoted, &record)?;
            }
            Piece::Unfenced(id) => {
                let (quoted, record) = locked(store, id)?;
                match small_text(&quoted, &record)? {
                    Some(text) => written.add(prompt::unfenced(&text).as_bytes())?,
                    None => written.copy(&quoted, &record)?,
                }
            }
            Piece::Error(id) => {
                let (_held, record) = locked(store, id)?;
                written.add(record.found.error.unwrap_or_default().as_bytes())?;
            }
            Piece::Excerpt { id, chars } => {
                let (quoted, record) = locked(store, id)?;
                written.add(excerpt(&quoted, &record, *chars)?.as_bytes())?;
            }
            Piece::Words(id) => {
                let (_held, record) = locked(store, id)?;
                written.add(prompt::words(&record.found).as_bytes())?;
            }
            Piece::ContentHash(id) => {
                let (_held, record) = locked(store, id)?;
                written.add(prompt::content_hash(&record.found).as_bytes())?;
            }
        }
    }
    written.finish()
}

/// The beginning of a text, of which no more is read than that may take.
fn excerpt(folder: &Folder, record: &Record, chars: u32) -> Result<String, RefError> {
    let most = u64::from(chars) * 4 + 4;
    let mut bytes = Vec::new();
    record
        .open_text(folder)?
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| RefError::io("read the text in", folder.path(), error))?;
    Ok(prompt::excerpt(&String::from_utf8_lossy(&bytes), chars))
}

/// A text that may have a fence around it; none if it is too long to be looked at, or is no UTF-8.
fn small_text(folder: &Folder, record: &Record) -> Result<Option<String>, RefError> {
    if record.found.size > prompt::MAX_FENCED as u64 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    record
        .open_text(folder)?
        .read_to_end(&mut bytes)
        .map_err(|error| RefError::io("read the text in", folder.path(), error))?;
    Ok(String::from_utf8(bytes).ok())
}

/// A finished record, and its folder, which is locked as long as it lives.
fn locked(store: &Store, id: &RefId) -> Result<(Folder, Record), RefError> {
    let folder = store.folder(id)?;
    let folder = folder.ok_or_else(|| RefError::NotFound(id.clone()))?;
    folder.lock_shared()?;
    // Only what holds under the lock counts.
    let (_, record) = store.load(id)?;
    Ok((folder, record))
}

/// Keeps a small prompt in memory and no more than that of a large one.
struct PromptFile {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    spilled: bool,
}

impl PromptFile {
    fn copy(&mut self, quoted: &Folder, record: &Record) -> Result<(), RefError> {
        pump(
            record.open_text(quoted)?,
            |error| RefError::io("read the text in", quoted.path(), error),
            |chunk| self.add(chunk),
        )
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), RefError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() as u64 > INLINE {
            self.flush()?;
            self.buffer.clear();
            self.spilled = true;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RefError> {
        let written = crate::cut::step().and_then(|()| self.file.write_all(&self.buffer));
        written.map_err(|error| RefError::io("write", &self.path, error))
    }

    fn finish(mut self) -> Result<Content, RefError> {
        self.flush()?;
        Ok(if self.spilled {
            Content::File(self.path)
        } else {
            Content::from(self.buffer)
        })
    }
}
