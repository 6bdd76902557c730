//! The record of an agent that is running, or of something that is being brought in. Blocks.

mod recover;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Write as _},
    sync::Arc,
};

use serde::Serialize;
use swarm_core::{
    artifacts::ArtifactClaim,
    content::Content,
    hash::{self, Hasher},
    ids::RefId,
    prompt::Piece,
    refs::{Classification, RecordEnd, RecordHeader, Ref, RefError, finished_ref},
    runtime::{EgressDecision, OutputStream},
};

use crate::{
    atomic, cut,
    folder::Folder,
    layout, prompt_file,
    record::{INLINE, Record, TextFile},
    store::Store,
};

/// How much of the end of stderr is kept in memory.
const TAIL: usize = 4096;

#[derive(Debug)]
pub(crate) struct OpenRecord {
    store: Arc<Store>,
    run: Folder,
    /// Its lock is held as long as this lives; that is how others know that the agent is running.
    folder: Folder,
    header: RecordHeader,
    parents: Vec<Ref>,
    stdout: Output,
    stderr: Output,
    /// The text as long as it may still become part of `result.json`.
    head: Vec<u8>,
    hasher: Hasher,
    tail: Vec<u8>,
}

impl OpenRecord {
    /// Opens the record and writes the prompt down.
    ///
    /// The refs that the prompt quotes are durable before the prompt has its first byte: whoever encrypts one of them
    /// finds every prompt that holds its text, also that of an agent which never finished.
    pub(crate) fn begin(
        store: Arc<Store>,
        header: RecordHeader,
        pieces: &[Piece],
    ) -> Result<(Self, Content), RefError> {
        let own = store.folder(&header.id)?;
        if own.is_some_and(|own| own.holds(layout::RESULT).unwrap_or(true)) {
            return Err(RefError::Exists(header.id));
        }
        let mut parents = Vec::new();
        for parent in &header.parents {
            parents.push(store.load(parent)?.1.found);
        }
        let mut quoted: BTreeSet<&RefId> = header.parents.iter().collect();
        for piece in pieces {
            match piece {
                Piece::Text(_) | Piece::ContentHash(_) => {}
                Piece::Result(id) | Piece::Unfenced(id) | Piece::Excerpt { id, .. } => {
                    check_readable(&store, id)?;
                    quoted.insert(id);
                }
                // Of an encrypted one the prompt says that it is encrypted.
                Piece::Error(id) | Piece::Words(id) => {
                    store.load(id)?;
                    quoted.insert(id);
                }
            }
        }
        let (run, folder) = store.claim(&header.id)?;
        if folder.holds(layout::RESULT)? {
            return Err(RefError::Exists(header.id));
        }
        let written = write_prompt(&store, &folder, &quoted, pieces);
        let prompt = match written {
            Ok(prompt) => prompt,
            Err(error) => {
                discard(&run, &folder, &header.id);
                return Err(error);
            }
        };
        let opened = Self::new(store, (run, folder), header, parents);
        Ok((opened, prompt))
    }

    /// A record in its claimed folder, to which nothing was printed yet.
    fn new(
        store: Arc<Store>,
        (run, folder): (Folder, Folder),
        header: RecordHeader,
        parents: Vec<Ref>,
    ) -> Self {
        Self {
            store,
            run,
            folder,
            header,
            parents,
            stdout: Output::new(layout::STREAM),
            stderr: Output::new(layout::STDERR),
            head: Vec::new(),
            hasher: Hasher::new(),
            tail: Vec::new(),
        }
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Says late what was asked for.
    pub(crate) fn set_spec_hash(&mut self, hash: String) {
        self.header.spec_hash = hash;
    }

    /// Takes what was printed. When this returns, it is with the operating system.
    pub(crate) fn write(&mut self, stream: OutputStream, chunk: &[u8]) -> Result<(), RefError> {
        if chunk.is_empty() {
            return Ok(());
        }
        match stream {
            OutputStream::Stdout => {
                self.stdout.write(&self.folder, chunk)?;
                self.note_stdout(chunk);
            }
            OutputStream::Stderr => {
                self.stderr.write(&self.folder, chunk)?;
                self.note_stderr(chunk);
            }
        }
        Ok(())
    }

    fn note_stdout(&mut self, chunk: &[u8]) {
        self.stdout.size += chunk.len() as u64;
        self.hasher.add(chunk);
        if self.stdout.size <= INLINE {
            self.head.extend_from_slice(chunk);
        } else {
            self.head = Vec::new();
        }
    }

    fn note_stderr(&mut self, chunk: &[u8]) {
        self.stderr.size += chunk.len() as u64;
        let keep = TAIL.saturating_sub(chunk.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - keep);
        let end = chunk.len().saturating_sub(TAIL);
        self.tail
            .extend_from_slice(chunk.get(end..).unwrap_or_default());
    }

    /// Takes what the agent tried to reach. Durable when it returns.
    pub(crate) fn egress(&self, decisions: &[EgressDecision]) -> Result<(), RefError> {
        self.lines(layout::EGRESS, decisions)
    }

    /// Takes what the agent claims to have written. Durable when it returns.
    pub(crate) fn artifacts(&self, claims: &[ArtifactClaim]) -> Result<(), RefError> {
        self.lines(layout::ARTIFACTS, claims)
    }

    fn lines<T: Serialize>(&self, name: &str, all: &[T]) -> Result<(), RefError> {
        if all.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for one in all {
            let place = || self.folder.path().join(name);
            serde_json::to_writer(&mut lines, one)
                .map_err(|error| RefError::io("write", place(), error.into()))?;
            lines.push(b'\n');
        }
        atomic::replace_bytes(&self.folder, name, &lines)
    }

    pub(crate) fn stderr_tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    /// What was printed is the text.
    fn keep_stdout(&mut self) -> Result<Text, RefError> {
        let size = self.stdout.size;
        let text = String::from_utf8(std::mem::take(&mut self.head));
        let inline = text.ok().filter(|_| size <= INLINE);
        if inline.is_none() {
            self.stdout.sync(&self.folder)?;
        }
        Ok(Text {
            file: inline.is_none().then_some(TextFile::Stream),
            inline,
            size,
            hash: (size > 0).then(|| std::mem::take(&mut self.hasher).finish()),
        })
    }

    /// What was printed is a transcript, and `answer` was taken out of it.
    fn keep_answer(&mut self, answer: &str) -> Result<Text, RefError> {
        self.stdout.sync(&self.folder)?;
        let size = answer.len() as u64;
        let inline = (size <= INLINE).then(|| answer.to_owned());
        if inline.is_none() {
            atomic::replace_bytes(&self.folder, layout::ANSWER, answer.as_bytes())?;
        }
        Ok(Text {
            file: inline.is_none().then_some(TextFile::Answer),
            inline,
            size,
            hash: (size > 0).then(|| hash::hex(answer.as_bytes())),
        })
    }

    /// Completes the record; `adjust` may say more about it. Durable when it returns.
    pub(crate) fn finish(
        mut self,
        end: RecordEnd,
        adjust: impl FnOnce(&mut Record),
    ) -> Result<Ref, RefError> {
        let mut record = self.complete(end)?;
        adjust(&mut record);
        record.save(&self.folder)?;
        if self.folder.remove(layout::INTERRUPTED)? {
            self.folder.sync()?;
        }
        self.store.sync_parents(&self.run, &self.header.id.run)?;
        Ok(record.found)
    }

    /// Leaves what is known of an agent that was interrupted. Durable when it returns.
    pub(crate) fn suspend(mut self, end: RecordEnd) -> Result<(), RefError> {
        let record = self.complete(end)?;
        record.save_interrupted(&self.folder)?;
        self.store.sync_parents(&self.run, &self.header.id.run)
    }

    fn complete(&mut self, end: RecordEnd) -> Result<Record, RefError> {
        let Text {
            inline,
            file,
            size,
            hash,
        } = match &end.text {
            Some(answer) => self.keep_answer(answer)?,
            None => self.keep_stdout()?,
        };
        let has_transcript = end.text.is_some();
        // A parent may have been classified while this ran.
        for parent in &mut self.parents {
            if let Ok((_, now)) = self.store.load(&parent.id) {
                parent.stamps.classification = now.found.stamps.classification;
            }
        }
        let mut found = finished_ref(
            &self.header,
            end,
            &self.parents,
            (hash.as_deref(), size),
            self.store.clock.as_ref(),
        );
        found.output_dir = Some(self.folder.path().display().to_string());
        Ok(Record {
            text_file: file,
            text: inline,
            has_transcript,
            parent_hashes: self.parents.iter().map(provenance_hash).collect(),
            inherited: inherited(&self.parents)
                .into_iter()
                .chain(self.header.classification.clone())
                .reduce(Classification::combined),
            source_path: None,
            files: None,
            sealing: false,
            found,
        })
    }

    /// Removes the record, which is not to be.
    pub(crate) fn discard(self) {
        discard(&self.run, &self.folder, &self.header.id);
    }
}

/// Where the text is, and what is known about it.
struct Text {
    inline: Option<String>,
    file: Option<TextFile>,
    size: u64,
    hash: Option<String>,
}

/// What `parents` impose on what is made from them.
pub(crate) fn inherited(parents: &[Ref]) -> Option<Classification> {
    let classifications = parents
        .iter()
        .filter_map(|parent| parent.stamps.classification.clone());
    classifications.reduce(Classification::combined)
}

pub(crate) fn provenance_hash(found: &Ref) -> String {
    let provenance = found.stamps.provenance.as_ref();
    provenance.map(|p| p.hash.clone()).unwrap_or_default()
}

/// Refuses a result whose text cannot go into a prompt.
fn check_readable(store: &Store, id: &RefId) -> Result<(), RefError> {
    let (_, record) = store.load(id)?;
    if record.is_encrypted() {
        return Err(RefError::Encrypted { id: id.clone() });
    }
    Ok(())
}

fn write_prompt(
    store: &Store,
    folder: &Folder,
    quoted: &BTreeSet<&RefId>,
    pieces: &[Piece],
) -> Result<Content, RefError> {
    folder.clear()?;
    if !quoted.is_empty() {
        let place = || folder.path().join(layout::QUOTED);
        let mut file = folder.create(layout::QUOTED)?;
        let written = cut::step()
            .and_then(|()| Ok(serde_json::to_writer(&mut file, quoted)?))
            .and_then(|()| file.sync_all());
        written.map_err(|error| RefError::io("write", place(), error))?;
    }
    prompt_file::compose(store, folder, pieces)
}

fn discard(run: &Folder, folder: &Folder, id: &RefId) {
    let removed = folder.clear().and_then(|()| run.remove(id.agent.as_str()));
    if let Err(error) = removed {
        tracing::debug!(%id, %error, "what is left of a record that failed stays until it is begun again");
    }
}

/// One output of the agent; its file is made at the first byte.
#[derive(Debug)]
struct Output {
    name: &'static str,
    file: Option<File>,
    size: u64,
    failed: bool,
}

impl Output {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            file: None,
            size: 0,
            failed: false,
        }
    }

    fn write(&mut self, folder: &Folder, chunk: &[u8]) -> Result<(), RefError> {
        let failure = |error| RefError::io("write", folder.path().join(self.name), error);
        if self.failed {
            return Err(failure(io::Error::other("an earlier write failed")));
        }
        if self.file.is_none() {
            self.file = Some(folder.create(self.name)?);
        }
        if let Some(file) = &mut self.file {
            let written = cut::step().and_then(|()| file.write_all(chunk));
            if let Err(error) = written {
                self.failed = true;
                return Err(failure(error));
            }
        }
        Ok(())
    }

    /// Makes durable what was taken. After a write that failed halfway the file has more than that.
    fn sync(&mut self, folder: &Folder) -> Result<(), RefError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let synced = cut::step()
            .and_then(|()| {
                if self.failed {
                    file.set_len(self.size)
                } else {
                    Ok(())
                }
            })
            .and_then(|()| file.sync_all());
        synced.map_err(|error| RefError::io("write", folder.path().join(self.name), error))
    }
}
