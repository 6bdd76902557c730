//! An event log that forgets everything at the end of the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::{
    EventLog, LogError, NewEvent, Recorded, Sequence, Snapshot, SnapshotLog, StreamId, StreamInfo,
};
use crate::time::Timestamp;

/// Keeps events in memory: for tests, and for programs that need no more.
#[derive(Debug, Default)]
pub struct MemoryEventLog {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their places.
    events: Vec<Recorded>,
    snapshots: BTreeMap<StreamId, Snapshot>,
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
        let mut log = self.kept();
        log.events.retain(|event| event.stream != *stream);
        log.snapshots.remove(stream);
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

impl SnapshotLog for MemoryEventLog {
    fn keep_snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        let mut log = self.kept();
        let kept = log.snapshots.get(stream).map(|kept| kept.at);
        if kept.is_none_or(|at| at <= snapshot.at) {
            log.snapshots.insert(stream.clone(), snapshot);
        }
        ready(Ok(())).boxed()
    }

    fn snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, LogError>> {
        ready(Ok(self.kept().snapshots.get(stream).cloned())).boxed()
    }

    fn prune<'a>(
        &'a self,
        stream: &'a StreamId,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<usize, LogError>> {
        let mut log = self.kept();
        let covered = log.snapshots.get(stream).map(|kept| kept.at);
        let mut pruned = 0;
        log.events.retain(|event| {
            let goes = pruned < limit
                && event.stream == *stream
                && event.at < before
                && covered.is_some_and(|at| event.sequence <= at);
            pruned += usize::from(goes);
            !goes
        });
        ready(Ok(pruned)).boxed()
    }
}
