//! Writes the text of a result where a person can read it.

use std::{io::Write as _, path::PathBuf};

use serde::Serialize;
use swarm_core::{ids::RefId, refs::RefError};

use crate::{
    atomic, layout,
    record::{Record, pump},
    store::Store,
};

/// A text that was written to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unwrapped {
    /// Whose text it is.
    #[serde(rename = "ref")]
    pub id: RefId,
    /// The file, `output.md` in the folder of the record.
    pub file: PathBuf,
    /// Its size in characters; in bytes if it is not text.
    pub size: u64,
}

pub(crate) fn unwrap(store: &Store, id: &RefId) -> Result<Unwrapped, RefError> {
    let (folder, _) = store.load(id)?;
    // Otherwise the text could appear just after it was encrypted and removed everywhere.
    folder.lock_shared()?;
    let record = Record::load(&folder, id)?.ok_or_else(|| RefError::NotFound(id.clone()))?;
    let text = record.open_text(&folder)?;
    let mut counter = Counter::default();
    atomic::replace(&folder, layout::OUTPUT, |file| {
        let place = folder.path().join(layout::OUTPUT);
        pump(
            text,
            |error| RefError::io("read the text of", folder.path(), error),
            |chunk| {
                counter.add(chunk);
                let written = file.write_all(chunk);
                written.map_err(|error| RefError::io("write", &place, error))
            },
        )
    })?;
    Ok(Unwrapped {
        id: id.clone(),
        file: folder.path().join(layout::OUTPUT),
        size: counter.size(),
    })
}

/// Counts the characters of a text that arrives in pieces.
#[derive(Debug, Default)]
struct Counter {
    bytes: u64,
    characters: u64,
    /// The beginning of a character whose end has not arrived.
    open: Vec<u8>,
    binary: bool,
}

impl Counter {
    fn add(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        if self.binary {
            return;
        }
        self.open.extend_from_slice(chunk);
        let valid = match std::str::from_utf8(&self.open) {
            Ok(_) => self.open.len(),
            Err(error) => {
                self.binary = error.error_len().is_some();
                error.valid_up_to()
            }
        };
        let rest = self.open.split_off(valid);
        let characters = self.open.iter().filter(|&&b| !(0x80..0xc0).contains(&b));
        self.characters += characters.count() as u64;
        self.open = rest;
    }

    fn size(&self) -> u64 {
        if self.binary || !self.open.is_empty() {
            self.bytes
        } else {
            self.characters
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(bytes: &[u8], piece: usize) -> u64 {
        let mut counter = Counter::default();
        for chunk in bytes.chunks(piece) {
            counter.add(chunk);
        }
        counter.size()
    }

    proptest! {
        #[test]
        fn characters_are_counted_however_they_are_cut(text in "\\PC{0,60}", piece in 1..9_usize) {
            prop_assert_eq!(counted(text.as_bytes(), piece), text.chars().count() as u64);
        }

        #[test]
        fn bytes_are_counted_if_it_is_not_text(bytes in any::<Vec<u8>>(), piece in 1..9_usize) {
            let expected = std::str::from_utf8(&bytes).map_or(bytes.len(), |t| t.chars().count());
            prop_assert_eq!(counted(&bytes, piece), expected as u64);
        }
    }
}
