//! `result.json`: a result, and where its text is.

use std::{
    fs::File,
    io::{self, Cursor, Read, Write as _},
};

use serde::{Deserialize, Serialize};
use swarm_core::{
    ids::RefId,
    refs::{Classification, Ref, RefError},
};

use crate::{
    atomic,
    folder::{self, Folder},
    layout,
};

/// Text up to this size is kept within `result.json`, so that a small result is one file and one sync.
pub(crate) const INLINE: u64 = 64 * 1024;
/// More than any `result.json` we write; a larger one is not ours.
const MAX_RECORD: u64 = 16 * 1024 * 1024;

/// The contents of `result.json`.
///
/// The text is in exactly one place: within `text`, or in the file that `text_file` names. If it is within and there is no
/// transcript, then `stream.jsonl` is merely a copy that nothing has synced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) found: Ref,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text_file: Option<TextFile>,
    /// `stream.jsonl` is a transcript out of which the text was taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_transcript: bool,
    /// The provenance hash of each parent, in the order of `parent_refs`, as it was then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parent_hashes: Vec<String>,
    /// What the parents imposed; a parent may be gone by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inherited: Option<Classification>,
    /// Where it was brought in from, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_path: Option<String>,
    /// How many files were brought in with it, if it was a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<u64>,
    /// It is encrypted, but plaintext may still lie about. Encrypting it again goes on with removing that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) sealing: bool,
}

/// A file that may hold the text. Not any name that a damaged record may mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TextFile {
    #[serde(rename = "stream.jsonl")]
    Stream,
    #[serde(rename = "answer.txt")]
    Answer,
    #[serde(rename = "text.sealed")]
    Sealed,
}

impl Record {
    /// The finished record `id` in `folder`, if it is finished.
    pub(crate) fn load(folder: &Folder, id: &RefId) -> Result<Option<Self>, RefError> {
        Self::load_from(folder, id, layout::RESULT)
    }

    /// What is known of `id`, whose agent was interrupted, if it was.
    pub(crate) fn load_interrupted(folder: &Folder, id: &RefId) -> Result<Option<Self>, RefError> {
        Self::load_from(folder, id, layout::INTERRUPTED)
    }

    fn load_from(folder: &Folder, id: &RefId, name: &str) -> Result<Option<Self>, RefError> {
        let Some(file) = folder.read(name).map_err(|error| damaged(id, error))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(MAX_RECORD + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| RefError::io("read", folder.path().join(name), error))?;
        if bytes.len() as u64 > MAX_RECORD {
            return Err(corrupt(
                id,
                format!(
                    "{name} has more than {MAX_RECORD} bytes, and none was written here that has"
                ),
            ));
        }
        let mut record: Self = serde_json::from_slice(&bytes)
            .map_err(|error| corrupt(id, format!("{name}: {error}")))?;
        if record.found.id != *id {
            let other = &record.found.id;
            return Err(corrupt(id, format!("{name} belongs to ref {other}")));
        }
        let sealed = record.found.stamps.encrypted.is_some();
        match (&record.text, record.text_file) {
            (Some(text), None) if !sealed && text.len() as u64 == record.found.size => {}
            (None, Some(TextFile::Stream | TextFile::Answer)) if !sealed => {}
            (None, Some(TextFile::Sealed)) if sealed => {}
            _ => {
                return Err(corrupt(
                    id,
                    format!("{name} does not say where its text is"),
                ));
            }
        }
        // The home folder may have moved since.
        record.found.output_dir = Some(folder.path().display().to_string());
        Ok(Some(record))
    }

    /// Writes the record, durably. It keeps the time of the one that it replaces, if there is one.
    pub(crate) fn save(&self, folder: &Folder) -> Result<(), RefError> {
        self.save_to(folder, layout::RESULT)
    }

    /// Writes it as what is known of an agent that was interrupted, durably.
    pub(crate) fn save_interrupted(&self, folder: &Folder) -> Result<(), RefError> {
        self.save_to(folder, layout::INTERRUPTED)
    }

    fn save_to(&self, folder: &Folder, name: &str) -> Result<(), RefError> {
        let place = || folder.path().join(name);
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| RefError::io("write", place(), error.into()))?;
        bytes.push(b'\n');
        let earlier = folder.read(name)?;
        atomic::replace(folder, name, |file| {
            let written = file.write_all(&bytes).and_then(|()| match &earlier {
                Some(earlier) => folder::keep_time(file, earlier),
                None => Ok(()),
            });
            written.map_err(|error| RefError::io("write", place(), error))
        })
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.found.stamps.encrypted.is_some()
    }

    /// The file of a text that is not within.
    pub(crate) const fn text_file_name(&self) -> &'static str {
        match self.text_file {
            Some(TextFile::Answer) => layout::ANSWER,
            Some(TextFile::Stream | TextFile::Sealed) | None => layout::STREAM,
        }
    }

    /// A reader of the whole text.
    pub(crate) fn open_text(&self, folder: &Folder) -> Result<TextReader, RefError> {
        let id = &self.found.id;
        if self.is_encrypted() {
            return Err(RefError::Encrypted { id: id.clone() });
        }
        if let Some(text) = &self.text {
            return Ok(TextReader::Inline(Cursor::new(text.clone().into_bytes())));
        }
        let name = self.text_file_name();
        let file = folder
            .read(name)
            .map_err(|error| damaged(id, error))?
            .ok_or_else(|| corrupt(id, format!("{name}, which holds its text, is gone")))?;
        let metadata = file.metadata();
        let size = metadata
            .map_err(|error| RefError::io("look at", folder.path().join(name), error))?
            .len();
        if size != self.found.size {
            let problem = format!("{name} has {size} bytes instead of {}", self.found.size);
            return Err(corrupt(id, problem));
        }
        Ok(TextReader::File(file))
    }
}

/// Reads a text from its beginning.
#[derive(Debug)]
pub(crate) enum TextReader {
    Inline(Cursor<Vec<u8>>),
    File(File),
}

impl Read for TextReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inline(text) => text.read(into),
            Self::File(file) => file.read(into),
        }
    }
}

/// Hands all of `from` on in pieces of at most 64 KiB.
pub(crate) fn pump<E>(
    mut from: impl Read,
    failed: impl Fn(io::Error) -> E,
    mut to: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => to(buffer.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

pub(crate) fn corrupt(id: &RefId, problem: impl Into<String>) -> RefError {
    RefError::Corrupt {
        id: id.clone(),
        problem: problem.into(),
    }
}

/// Something else than a plain file or folder where a record should be is a damaged record.
pub(crate) fn damaged(id: &RefId, error: RefError) -> RefError {
    match error {
        RefError::Io { path, source, .. } if source.kind() == io::ErrorKind::InvalidData => {
            corrupt(id, format!("{path}: {source}"))
        }
        error => error,
    }
}
