//! The one thread that writes.

use std::{slice, thread};

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    super::{LogError, NewEvent, Sequence, StreamId},
    connection::is_busy,
    failed, number,
};

/// Appends in one transaction at most. Keeps the transaction short and the answers prompt.
const MAX_BATCH: usize = 256;
/// Appends that may wait; whoever comes after that waits before the queue.
const QUEUE: usize = 1024;

struct Write {
    stream: StreamId,
    what: What,
    answer: oneshot::Sender<Result<Sequence, LogError>>,
}

enum What {
    Append(Vec<NewEvent>),
    Remove,
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
        self.write(stream, What::Append(events)).await
    }

    pub(super) async fn remove(&self, stream: StreamId) -> Result<(), LogError> {
        self.write(stream, What::Remove).await.map(drop)
    }

    async fn write(&self, stream: StreamId, what: What) -> Result<Sequence, LogError> {
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
                Ok(sequences) => Ok(sequences.get(i).copied().unwrap_or_default()),
                // An event that cannot be written must not take those down that only came at the same time.
                // Who has waited in vain for another process has waited for all of them.
                Err(error) if shared && !is_busy(error) => {
                    write(&mut connection, slice::from_ref(&one))
                        .map(|sequences| sequences.last().copied().unwrap_or_default())
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

/// Writes the whole batch in one transaction; the place of the last event of each append.
fn write(connection: &mut Connection, batch: &[Write]) -> rusqlite::Result<Vec<Sequence>> {
    // A deferred transaction fails at once if another process writes first; an immediate one waits.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut sequences = Vec::with_capacity(batch.len());
    {
        let mut last: i64 = transaction
            .prepare_cached("SELECT coalesce(max(sequence), 0) FROM events")?
            .query_row([], |row| row.get(0))?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO events (stream, at, kind, version, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for write in batch {
            match &write.what {
                What::Append(events) => {
                    for event in events {
                        last = insert.insert(params![
                            write.stream.as_str(),
                            number(event.at.millis()),
                            event.kind,
                            event.version,
                            event.data
                        ])?;
                    }
                }
                What::Remove => {
                    transaction
                        .prepare_cached("DELETE FROM events WHERE stream = ?1")?
                        .execute([write.stream.as_str()])?;
                }
            }
            sequences.push(Sequence(u64::try_from(last).unwrap_or(0)));
        }
    }
    transaction.commit()?;
    Ok(sequences)
}
