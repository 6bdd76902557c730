//! A record whose process has died, opened again with what it holds.

use std::{io, sync::Arc};

use swarm_core::{
    content::Content,
    refs::{RecordHeader, Ref, RefError},
    runtime::OutputStream,
};

use super::OpenRecord;
use crate::{
    layout,
    record::{Record, pump},
    store::Store,
};

/// A record that was left unfinished.
pub(crate) struct Recovered {
    pub(crate) record: OpenRecord,
    /// What its agent had printed on stdout.
    pub(crate) stdout: Content,
    /// What was noted when the agent was interrupted, if it was.
    pub(crate) interrupted: Option<Box<Ref>>,
}

impl OpenRecord {
    /// Opens the unfinished record of `header` to finish it.
    pub(crate) fn recover(
        store: Arc<Store>,
        header: RecordHeader,
    ) -> Result<Option<Recovered>, RefError> {
        if store.folder(&header.id)?.is_none() {
            return Ok(None);
        }
        let mut parents = Vec::new();
        for parent in &header.parents {
            parents.push(store.load(parent)?.1.found);
        }
        let (run, folder) = store.claim(&header.id)?;
        if folder.holds(layout::RESULT)? {
            return Err(RefError::Exists(header.id));
        }
        let mut opened = Self::new(store, (run, folder), header, parents);
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            opened.read_back(stream)?;
        }
        let interrupted = Record::load_interrupted(&opened.folder, &opened.header.id)?;
        let stdout = if opened.stdout.file.is_some() {
            Content::File(opened.folder.path().join(layout::STREAM))
        } else {
            Content::empty()
        };
        Ok(Some(Recovered {
            record: opened,
            stdout,
            interrupted: interrupted.map(|record| Box::new(record.found)),
        }))
    }

    /// Takes note of what was written, as when it was.
    fn read_back(&mut self, stream: OutputStream) -> Result<(), RefError> {
        let name = match stream {
            OutputStream::Stdout => layout::STREAM,
            OutputStream::Stderr => layout::STDERR,
        };
        let Some(written) = self.folder.read(name)? else {
            return Ok(());
        };
        let place = self.folder.path().join(name);
        let failed = |error: io::Error| RefError::io("read", &place, error);
        pump(written, failed, |chunk| {
            match stream {
                OutputStream::Stdout => self.note_stdout(chunk),
                OutputStream::Stderr => self.note_stderr(chunk),
            }
            Ok(())
        })?;
        let file = self.folder.append(name)?;
        match stream {
            OutputStream::Stdout => self.stdout.file = file,
            OutputStream::Stderr => self.stderr.file = file,
        }
        Ok(())
    }
}
