//! An event log that forgets everything at the end of the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::{EventLog, LogError, NewEvent, Recorded, Sequence, StreamId, StreamInfo};

/// Keeps events in memory: for tests, and for programs that need no more.
#[derive(Debug, Default)]
pub struct MemoryEventLog {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their places.
    events: Vec<Recorded>,
    /// The newest place that was given out.
    last: u64,
}

impl MemoryEventLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventLog for MemoryEventLog {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>> {
        let mut log = self.kept();
        for event in events {
            log.last += 1;
            let sequence = Sequence(log.last);
            log.events.push(Recorded {
                sequence,
                stream: stream.clone(),
                at: event.at,
                kind: event.kind.to_owned(),
                version: event.version,
                data: event.data,
            });
        }
        ready(Ok(Sequence(log.last))).boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>> {
        let log = self.kept();
        let start = log.events.partition_point(|event| event.sequence <= after);
        let later = log
            .events
            .iter()
            .skip(start)
            .filter(|event| event.stream == *stream);
        ready(Ok(later.take(limit).cloned().collect())).boxed()
    }

    fn remove<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), LogError>> {
        self.kept().events.retain(|event| event.stream != *stream);
        ready(Ok(())).boxed()
    }

    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>> {
        let mut streams: Vec<StreamInfo> = Vec::new();
        for event in self
            .kept()
            .events
            .iter()
            .filter(|e| e.stream.as_str().starts_with(prefix))
        {
            match streams.iter_mut().find(|info| info.stream == event.stream) {
                Some(info) => info.last = event.sequence,
                None => streams.push(StreamInfo {
                    stream: event.stream.clone(),
                    first: event.sequence,
                    last: event.sequence,
                }),
            }
        }
        streams.reverse();
        ready(Ok(streams)).boxed()
    }
}
