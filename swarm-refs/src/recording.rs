//! The recording of a running agent, for async code.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{
    artifacts::ArtifactClaim,
    content::Content,
    refs::{RecordEnd, Recording, Ref, RefError},
    runtime::{EgressDecision, OutputSink, OutputStream},
};

use crate::{fs_store::blocking, open_record::OpenRecord};

/// The record is shared with the blocking task that writes: a write whose future is dropped still ends in order.
#[derive(Debug)]
pub(crate) struct FsRecording {
    record: Arc<Mutex<Option<OpenRecord>>>,
    prompt: Content,
}

impl FsRecording {
    pub(crate) fn new(record: OpenRecord, prompt: Content) -> Self {
        Self {
            record: Arc::new(Mutex::new(Some(record))),
            prompt,
        }
    }
}

impl OutputSink for FsRecording {
    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>> {
        let (record, chunk) = (Arc::clone(&self.record), chunk.to_vec());
        let written = blocking(move || {
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            match record.as_mut() {
                Some(record) => record.write(stream, &chunk),
                None => Ok(()),
            }
        });
        async move { written.await.map_err(RefError::into_io) }.boxed()
    }

    fn egress<'a>(&'a mut self, decisions: &'a [EgressDecision]) -> BoxFuture<'a, io::Result<()>> {
        let (record, decisions) = (Arc::clone(&self.record), decisions.to_vec());
        let written = blocking(move || {
            let record = record.lock().unwrap_or_else(PoisonError::into_inner);
            match record.as_ref() {
                Some(record) => record.egress(&decisions),
                None => Ok(()),
            }
        });
        async move { written.await.map_err(RefError::into_io) }.boxed()
    }

    fn artifacts<'a>(&'a mut self, claims: &'a [ArtifactClaim]) -> BoxFuture<'a, io::Result<()>> {
        let (record, claims) = (Arc::clone(&self.record), claims.to_vec());
        let written = blocking(move || {
            let record = record.lock().unwrap_or_else(PoisonError::into_inner);
            match record.as_ref() {
                Some(record) => record.artifacts(&claims),
                None => Ok(()),
            }
        });
        async move { written.await.map_err(RefError::into_io) }.boxed()
    }
}

impl Recording for FsRecording {
    fn prompt(&self) -> Content {
        self.prompt.clone()
    }

    fn stderr_tail(&self) -> String {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record
            .as_ref()
            .map(OpenRecord::stderr_tail)
            .unwrap_or_default()
    }

    fn finish(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<Ref, RefError>> {
        let record = self.record;
        blocking(move || {
            let taken = record.lock().unwrap_or_else(PoisonError::into_inner).take();
            match taken {
                Some(record) => record.finish(end, |_| {}),
                None => Err(RefError::Invalid(
                    "the record was finished before".to_owned(),
                )),
            }
        })
        .boxed()
    }

    fn suspend(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<(), RefError>> {
        let record = self.record;
        blocking(move || {
            let taken = record.lock().unwrap_or_else(PoisonError::into_inner).take();
            taken.map_or(Ok(()), |record| record.suspend(end))
        })
        .boxed()
    }
}
