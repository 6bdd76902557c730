//! The one thread that writes.

use std::{slice, thread};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    super::{LogError, NewEvent, Sequence, Snapshot, StreamId},
    connection::is_busy,
    failed, number,
};
use crate::time::Timestamp;

/// Appends in one transaction at most. Keeps the transaction short and the answers prompt.
const MAX_BATCH: usize = 256;
/// Appends that may wait; whoever comes after that waits before the queue.
const QUEUE: usize = 1024;

struct Write {
    stream: StreamId,
    what: What,
    answer: oneshot::Sender<Result<Written, LogError>>,
}

enum What {
    Append(Vec<NewEvent>),
    Remove,
    Snapshot(Snapshot),
    Prune { before: Timestamp, limit: usize },
}

/// What came of a write.
#[derive(Clone, Copy, Default)]
struct Written {
    /// The place of the last event that was appended.
    last: Sequence,
    /// How many events were pruned.
    pruned: usize,
}

/// The way to the thread. The thread ends, after it has written what it was given, when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Write>>,
    thread: Option<thread::JoinHandle<()>>,
    path: String,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: String) -> Result<Self, LogError> {
        let (queue, writes) = mpsc::channel(QUEUE);
        let shown = path.clone();
        let thread = thread::Builder::new()
            .name("swarm-log".to_owned())
            .spawn(move || write_all(connection, writes, &shown))
            .map_err(|error| LogError::Failed {
                doing: "start the writer of",
                path: path.clone(),
                problem: error.to_string(),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            path,
        })
    }

    pub(super) async fn append(
        &self,
        stream: StreamId,
        events: Vec<NewEvent>,
    ) -> Result<Sequence, LogError> {
        let written = self.write(stream, What::Append(events)).await?;
        Ok(written.last)
    }

    pub(super) async fn remove(&self, stream: StreamId) -> Result<(), LogError> {
        self.write(stream, What::Remove).await.map(drop)
    }

    pub(super) async fn keep_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> Result<(), LogError> {
        let kept = self.write(stream, What::Snapshot(snapshot)).await;
        kept.map(drop)
    }

    pub(super) async fn prune(
        &self,
        stream: StreamId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, LogError> {
        let written = self.write(stream, What::Prune { before, limit }).await?;
        Ok(written.pruned)
    }

    async fn write(&self, stream: StreamId, what: What) -> Result<Written, LogError> {
        let gone = || LogError::Failed {
            doing: "write to",
            path: self.path.clone(),
            problem: "its writer has ended".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue
            .send(Write {
                stream,
                what,
                answer,
            })
            .await
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so already.
            drop(thread.join());
        }
    }
}

fn write_all(mut connection: Connection, mut writes: mpsc::Receiver<Write>, path: &str) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while writes.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        let written = write(&mut connection, &batch);
        if batch.iter().any(|write| matches!(write.what, What::Remove)) {
            empty_side_file(&connection);
        }
        let shared = batch.len() > 1;
        for (i, one) in batch.drain(..).enumerate() {
            let answer = match &written {
                Ok(all) => Ok(all.get(i).copied().unwrap_or_default()),
                // An event that cannot be written must not take those down that only came at the same time.
                // Who has waited in vain for another process has waited for all of them.
                Err(error) if shared && !is_busy(error) => {
                    write(&mut connection, slice::from_ref(&one))
                        .map(|all| all.last().copied().unwrap_or_default())
                        .map_err(|error| failed("write to", path, &error))
                }
                Err(error) => Err(failed("write to", path, error)),
            };
            // Who no longer waits does not need the answer.
            drop(one.answer.send(answer));
        }
    }
}

/// Moves everything out of the write-ahead log, which still has what was removed.
fn empty_side_file(connection: &Connection) {
    let emptied = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    if let Err(error) = emptied {
        // Somebody reads from it; whoever closes the log last empties it.
        tracing::debug!(%error, "the write-ahead log was not emptied");
    }
}

/// Writes the whole batch in one transaction; what came of each.
fn write(connection: &mut Connection, batch: &[Write]) -> rusqlite::Result<Vec<Written>> {
    // A deferred transaction fails at once if another process writes first; an immediate one waits.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut all = Vec::with_capacity(batch.len());
    {
        let mut last: i64 = transaction
            .prepare_cached("SELECT coalesce(max(sequence), 0) FROM events")?
            .query_row([], |row| row.get(0))?;
        for write in batch {
            let stream = write.stream.as_str();
            let mut pruned = 0;
            match &write.what {
                What::Append(events) => {
                    last = append(&transaction, stream, events)?.unwrap_or(last);
                }
                What::Remove => {
                    for remove in [
                        "DELETE FROM events WHERE stream = ?1",
                        "DELETE FROM snapshots WHERE stream = ?1",
                    ] {
                        transaction.prepare_cached(remove)?.execute([stream])?;
                    }
                }
                What::Snapshot(snapshot) => {
                    transaction
                        .prepare_cached(
                            "INSERT INTO snapshots (stream, sequence, version, data) VALUES (?1, ?2, ?3, ?4)
                             ON CONFLICT (stream) DO UPDATE
                             SET sequence = excluded.sequence, version = excluded.version, data = excluded.data
                             WHERE excluded.sequence >= sequence",
                        )?
                        .execute(params![
                            stream,
                            number(snapshot.at.0),
                            snapshot.version,
                            snapshot.data
                        ])?;
                }
                What::Prune { before, limit } => {
                    pruned = transaction
                        .prepare_cached(
                            "DELETE FROM events WHERE sequence IN (
                                SELECT sequence FROM events WHERE stream = ?1 AND at < ?2
                                AND sequence <= (SELECT sequence FROM snapshots WHERE stream = ?1)
                                ORDER BY sequence LIMIT ?3)",
                        )?
                        .execute(params![
                            stream,
                            number(before.millis()),
                            number(*limit as u64)
                        ])?;
                }
            }
            all.push(Written {
                last: Sequence(u64::try_from(last).unwrap_or(0)),
                pruned,
            });
        }
    }
    transaction.commit()?;
    Ok(all)
}

/// The place of the last of `events`.
fn append(
    transaction: &Transaction<'_>,
    stream: &str,
    events: &[NewEvent],
) -> rusqlite::Result<Option<i64>> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO events (stream, at, kind, version, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut last = None;
    for event in events {
        last = Some(insert.insert(params![
            stream,
            number(event.at.millis()),
            event.kind,
            event.version,
            event.data
        ])?);
    }
    Ok(last)
}
