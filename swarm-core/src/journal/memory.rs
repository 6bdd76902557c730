//! An event log that forgets everything at the end of the process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::{EventLog, LogError, NewEvent, Recorded, Sequence, StreamId, StreamInfo};

/// Keeps events in memory: for tests, and for programs that need no more.
#[derive(Debug, Default)]
pub struct MemoryEventLog {
    events: Mutex<Vec<Recorded>>,
}

impl MemoryEventLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    fn events(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventLog for MemoryEventLog {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>> {
        let mut log = self.events();
        for event in events {
            let sequence = Sequence(log.len() as u64 + 1);
            log.push(Recorded {
                sequence,
                stream: stream.clone(),
                at: event.at,
                kind: event.kind.to_owned(),
                version: event.version,
                data: event.data,
            });
        }
        ready(Ok(Sequence(log.len() as u64))).boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>> {
        let log = self.events();
        let start = usize::try_from(after.0)
            .unwrap_or(usize::MAX)
            .min(log.len());
        let later = log
            .iter()
            .skip(start)
            .filter(|event| event.stream == *stream);
        ready(Ok(later.take(limit).cloned().collect())).boxed()
    }

    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>> {
        let mut streams: Vec<StreamInfo> = Vec::new();
        for event in self
            .events()
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
