//! A ref store that forgets everything at the end of the process.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::{
    Check, Classification, Judged, Provenance, RecordEnd, RecordHeader, Recording, Ref, RefError,
    RefStore,
};
use crate::{
    content::Content,
    hash,
    ids::RefId,
    prompt::{self, Piece},
    runtime::{OutputSink, OutputStream},
    time::{Clock, SystemClock},
};

/// Boxed, since nodes of the map are half empty.
type Kept = Arc<Mutex<BTreeMap<RefId, Box<(Ref, Content)>>>>;

/// Keeps results in memory: for tests, and for programs that need no more.
#[derive(Clone, Debug)]
pub struct MemoryRefStore {
    kept: Kept,
    clock: Arc<dyn Clock>,
}

impl Default for MemoryRefStore {
    fn default() -> Self {
        Self {
            kept: Kept::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl MemoryRefStore {
    fn find(&self, id: &RefId) -> Result<(Ref, Content), RefError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(id)
            .map(|entry| entry.as_ref().clone())
            .ok_or_else(|| RefError::NotFound(id.clone()))
    }

    fn open(&self, header: RecordHeader, pieces: &[Piece]) -> Result<MemoryRecording, RefError> {
        if self.find(&header.id).is_ok() {
            return Err(RefError::Exists(header.id));
        }
        let mut prompt = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => prompt.extend_from_slice(text.as_bytes()),
                Piece::Result(id) => prompt.extend_from_slice(
                    &self
                        .find(id)?
                        .1
                        .read()
                        .map_err(|e| RefError::io("read", id.to_string(), e))?,
                ),
                Piece::Unfenced(id) => {
                    let text = self.find(id)?.1.read();
                    let text = text.map_err(|e| RefError::io("read", id.to_string(), e))?;
                    match std::str::from_utf8(&text) {
                        Ok(text) => prompt.extend_from_slice(prompt::unfenced(text).as_bytes()),
                        Err(_) => prompt.extend_from_slice(&text),
                    }
                }
                Piece::Error(id) => {
                    let error = self.find(id)?.0.error.unwrap_or_default();
                    prompt.extend_from_slice(error.as_bytes());
                }
                Piece::Excerpt { id, chars } => {
                    let text = self.find(id)?.1.read();
                    let text = text.map_err(|e| RefError::io("read", id.to_string(), e))?;
                    let text = String::from_utf8_lossy(&text);
                    prompt.extend_from_slice(prompt::excerpt(&text, *chars).as_bytes());
                }
                Piece::Words(id) => {
                    prompt.extend_from_slice(prompt::words(&self.find(id)?.0).as_bytes());
                }
                Piece::ContentHash(id) => {
                    prompt.extend_from_slice(prompt::content_hash(&self.find(id)?.0).as_bytes());
                }
            }
        }
        let parents = header
            .parents
            .iter()
            .map(|id| Ok(self.find(id)?.0))
            .collect::<Result<_, RefError>>()?;
        Ok(MemoryRecording {
            kept: Arc::clone(&self.kept),
            clock: Arc::clone(&self.clock),
            header,
            parents,
            prompt: prompt.into(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
    }
}

impl RefStore for MemoryRefStore {
    fn begin(
        &self,
        header: RecordHeader,
        prompt: Vec<Piece>,
    ) -> BoxFuture<'_, Result<Box<dyn Recording>, RefError>> {
        let opened: Result<Box<dyn Recording>, RefError> = match self.open(header, &prompt) {
            Ok(recording) => Ok(Box::new(recording)),
            Err(error) => Err(error),
        };
        ready(opened).boxed()
    }

    fn get<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Ref, RefError>> {
        ready(self.find(id).map(|(found, _)| found)).boxed()
    }

    fn stamp<'a>(&'a self, id: &'a RefId, judged: Judged) -> BoxFuture<'a, Result<(), RefError>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stamped = match kept.get_mut(id) {
            Some(entry) => {
                entry.0.stamps.judge(judged);
                Ok(())
            }
            None => Err(RefError::NotFound(id.clone())),
        };
        ready(stamped).boxed()
    }

    fn guard<'a>(
        &'a self,
        id: &'a RefId,
        check: &'a Check,
    ) -> BoxFuture<'a, Result<Ref, RefError>> {
        let checked = self
            .find(id)
            .and_then(|(found, _)| match check.objection(&found) {
                None => Ok(found),
                Some(objection) => Err(RefError::GuardFailed(objection)),
            });
        ready(checked).boxed()
    }

    fn text<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Content, RefError>> {
        ready(self.find(id).map(|(_, text)| text)).boxed()
    }
}

struct MemoryRecording {
    kept: Kept,
    clock: Arc<dyn Clock>,
    header: RecordHeader,
    parents: Vec<Ref>,
    prompt: Content,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl OutputSink for MemoryRecording {
    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>> {
        match stream {
            OutputStream::Stdout => self.stdout.extend_from_slice(chunk),
            OutputStream::Stderr => self.stderr.extend_from_slice(chunk),
        }
        ready(Ok(())).boxed()
    }
}

impl Recording for MemoryRecording {
    fn prompt(&self) -> Content {
        self.prompt.clone()
    }

    fn stderr_tail(&self) -> String {
        let from = self.stderr.len().saturating_sub(4096);
        String::from_utf8_lossy(self.stderr.get(from..).unwrap_or_default()).into_owned()
    }

    fn finish(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<Ref, RefError>> {
        let text = end.text.clone().map_or(self.stdout, String::into_bytes);
        let text_hash = (!text.is_empty()).then(|| hash::hex(&text));
        let found = finished_ref(
            &self.header,
            end,
            &self.parents,
            (text_hash.as_deref(), text.len() as u64),
            self.clock.as_ref(),
        );
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(found.id.clone(), Box::new((found.clone(), text.into())));
        ready(Ok(found)).boxed()
    }
}

/// The reference to a record that is complete: provenance and inherited classification are filled in here, so
/// that every store does it alike. `text` is the full hash and the size of the text.
pub fn finished_ref(
    header: &RecordHeader,
    end: RecordEnd,
    parents: &[Ref],
    text: (Option<&str>, u64),
    clock: &dyn Clock,
) -> Ref {
    let mut stamps = end.stamps;
    let hashes = parents.iter().map(|parent| {
        let hash = parent.stamps.provenance.as_ref().map(|p| p.hash.clone());
        (parent.id.clone(), hash.unwrap_or_default())
    });
    stamps.provenance = Some(Provenance::new(
        header.spec_hash.clone(),
        hashes.collect(),
        text.0,
        clock.now().to_string(),
    ));
    stamps.classification = parents
        .iter()
        .filter_map(|parent| parent.stamps.classification.clone())
        .chain(header.classification.clone())
        .reduce(Classification::combined);
    Ref {
        agent_id: header.id.agent.clone(),
        id: header.id.clone(),
        agent: header.agent.clone(),
        model: header.model.clone(),
        exit_code: end.exit.exit_code(),
        exit: end.exit,
        error: end.error,
        duration_seconds: (end.duration.as_secs_f64() * 100.0).round() / 100.0,
        cost_usd: end.cost,
        size: text.1,
        output_dir: None,
        stamps,
    }
}
