//! When a snapshot is kept, and by whom: beside the keeper, which goes on meanwhile.

use std::sync::Arc;

use tokio::task::{JoinSet, spawn_blocking};

use super::{Journaled, LogError, Sequence, SnapshotLog, StreamId, loading::Loaded};
use crate::journal::Snapshot;

/// After so many events there is a new one, so that no start has to read many more than that.
const EVERY: usize = 10_000;

pub(super) struct Snapshots {
    /// Events since the last one.
    since: usize,
    /// The last event in it.
    kept: Sequence,
    under_way: JoinSet<()>,
}

impl Snapshots {
    pub(super) fn new(kept: Sequence) -> Self {
        Self {
            since: 0,
            kept,
            under_way: JoinSet::new(),
        }
    }

    /// `count` more events are in what is `known`.
    pub(super) fn after<D: Journaled>(
        &mut self,
        count: usize,
        log: &Arc<dyn SnapshotLog>,
        stream: &StreamId,
        known: &Loaded<D>,
    ) {
        self.since += count;
        while self.under_way.try_join_next().is_some() {}
        if self.since < EVERY || !self.under_way.is_empty() {
            return;
        }
        self.since = 0;
        self.kept = known.last;
        let (log, stream) = (Arc::clone(log), stream.clone());
        let (state, at) = (known.state.clone(), known.last);
        self.under_way.spawn(async move {
            let written = spawn_blocking(move || write::<D>(&state, at)).await;
            let kept = match written {
                Ok(Ok(snapshot)) => log.keep_snapshot(&stream, snapshot).await,
                Ok(Err(problem)) => Err(failed(&stream, problem.to_string())),
                Err(panicked) => Err(failed(&stream, panicked.to_string())),
            };
            report(kept);
        });
    }

    /// Nothing comes after this.
    pub(super) async fn keep_last<D: Journaled>(
        mut self,
        log: &dyn SnapshotLog,
        stream: &StreamId,
        known: &Loaded<D>,
    ) {
        while self.under_way.join_next().await.is_some() {}
        if known.last > self.kept {
            report(match write::<D>(&known.state, known.last) {
                Ok(snapshot) => log.keep_snapshot(stream, snapshot).await,
                Err(problem) => Err(failed(stream, problem.to_string())),
            });
        }
    }
}

fn write<D: Journaled>(state: &D::State, at: Sequence) -> Result<Snapshot, serde_json::Error> {
    Ok(Snapshot {
        at,
        version: D::STATE_VERSION,
        data: serde_json::to_string(state)?,
    })
}

fn failed(stream: &StreamId, problem: String) -> LogError {
    LogError::Failed {
        doing: "summarise",
        path: stream.to_string(),
        problem,
    }
}

/// Without a snapshot nothing is lost: the next start reads more events.
fn report(kept: Result<(), LogError>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "no snapshot was kept");
    }
}
