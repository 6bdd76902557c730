//! An event log in a SQLite file.
//!
//! One thread owns the connection that writes. It takes what has arrived while the last commit was under
//! way, writes all of it in one transaction and answers after the commit, so that waiting for the disk is
//! shared (group commit). Reads use a connection of their own and see what is committed.
//!
//! Other processes may write to the same file: every writing transaction begins as `IMMEDIATE` and waits
//! for its turn. Not for network file systems, which SQLite's write-ahead log does not support.

mod connection;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt as _};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    EventLog, LogError, NewEvent, Recorded, Sequence, Snapshot, SnapshotLog, StreamId, StreamInfo,
};
use crate::time::Timestamp;

/// Keeps events in a SQLite file; durable after each append, also through a loss of power.
#[derive(Debug)]
pub struct SqliteEventLog {
    path: String,
    reader: Arc<Mutex<Connection>>,
    writer: writer::Writer,
}

impl SqliteEventLog {
    /// Opens the log at `path`, making it (readable for its owner only) if it is not there. Blocks.
    ///
    /// # Errors
    ///
    /// [`LogError::TooNew`] if a newer version of swarm has written it.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let shown = path.display().to_string();
        let failed = |error: rusqlite::Error| failed("open", &shown, &error);
        let connection = connection::open(path, &shown)?;
        let reader = connection::open_reader(path).map_err(failed)?;
        Ok(Self {
            writer: writer::Writer::start(connection, shown.clone())?,
            reader: Arc::new(Mutex::new(reader)),
            path: shown,
        })
    }

    /// Runs `query` on the reading connection, off the async threads.
    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let reader = Arc::clone(&self.reader);
        let answer = tokio::task::spawn_blocking(move || {
            query(&reader.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match answer.await {
            Ok(answer) => answer.map_err(|error| failed("read", &self.path, &error)),
            Err(error) => Err(LogError::Failed {
                doing: "read",
                path: self.path.clone(),
                problem: error.to_string(),
            }),
        }
    }
}

fn failed(doing: &'static str, path: &str, error: &rusqlite::Error) -> LogError {
    LogError::Failed {
        doing,
        path: path.to_owned(),
        problem: match exhaustion(error, path) {
            Some(advice) => format!("{error}; {advice}"),
            None => error.to_string(),
        },
    }
}

/// What to do if there may be no room: SQLite says no more of that than "disk I/O error" when it cannot make a file of its own.
fn exhaustion(error: &rusqlite::Error, path: &str) -> Option<String> {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, SystemIoFailure};
    let code = error.sqlite_error_code()?;
    let folder = Path::new(path).parent().unwrap_or_else(|| Path::new("."));
    matches!(code, CannotOpen | DiskFull | SystemIoFailure).then(|| {
        format!(
            "its disk may be full, or you may not write there: make room on the disk of {}, and try again. `swarm gc` needs some room \
             itself; if nothing else there can go, remove folders of runs that are over from {} by hand, with all their results",
            folder.display(),
            folder.join("runs").display()
        )
    })
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    let unsigned = |i: usize| row.get::<_, i64>(i).map(|n| u64::try_from(n).unwrap_or(0));
    Ok(Recorded {
        sequence: Sequence(unsigned(0)?),
        stream: StreamId::from_stored(row.get(1)?),
        at: Timestamp::from_millis(unsigned(2)?),
        kind: row.get(3)?,
        version: row.get(4)?,
        data: row.get(5)?,
    })
}

impl EventLog for SqliteEventLog {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'a, Result<Sequence, LogError>> {
        self.writer.append(stream.clone(), events).boxed()
    }

    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Sequence,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, LogError>> {
        let stream = stream.clone();
        self.query(move |db| {
            db.prepare_cached(
                "SELECT sequence, stream, at, kind, version, data FROM events
                 WHERE stream = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
            )?
            .query_map(
                params![stream.as_str(), number(after.0), number(limit as u64)],
                recorded,
            )?
            .collect()
        })
        .boxed()
    }

    fn remove<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), LogError>> {
        self.writer.remove(stream.clone()).boxed()
    }

    fn streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, LogError>> {
        let prefix = prefix.to_owned();
        self.query(move |db| {
            let exists: Option<i64> = db
                .query_row("SELECT 1 FROM events LIMIT 1", [], |row| row.get(0))
                .optional()?;
            if exists.is_none() {
                return Ok(Vec::new());
            }
            db.prepare_cached(
                "SELECT stream, min(sequence), max(sequence) FROM events
                 WHERE substr(stream, 1, length(?1)) = ?1 GROUP BY stream ORDER BY 2 DESC",
            )?
            .query_map([&prefix], |row| {
                let unsigned =
                    |i: usize| row.get::<_, i64>(i).map(|n| u64::try_from(n).unwrap_or(0));
                Ok(StreamInfo {
                    stream: StreamId::from_stored(row.get(0)?),
                    first: Sequence(unsigned(1)?),
                    last: Sequence(unsigned(2)?),
                })
            })?
            .collect()
        })
        .boxed()
    }
}

impl SnapshotLog for SqliteEventLog {
    fn keep_snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'a, Result<(), LogError>> {
        self.writer.keep_snapshot(stream.clone(), snapshot).boxed()
    }

    fn snapshot<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, LogError>> {
        let stream = stream.clone();
        self.query(move |db| {
            db.prepare_cached("SELECT sequence, version, data FROM snapshots WHERE stream = ?1")?
                .query_row([stream.as_str()], |row| {
                    Ok(Snapshot {
                        at: Sequence(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0)),
                        version: row.get(1)?,
                        data: row.get(2)?,
                    })
                })
                .optional()
        })
        .boxed()
    }

    fn prune<'a>(
        &'a self,
        stream: &'a StreamId,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<usize, LogError>> {
        self.writer.prune(stream.clone(), before, limit).boxed()
    }
}
