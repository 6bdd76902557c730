//! Every message that is kept, with proof of where it got, and searchable. Made of the log, and made again if it is lost.
//!
//! The file is derived: it may lag behind the log and catches up before it is asked. It is on no way of an acknowledgement.

mod follow;
mod query;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) use query::{Page, Visible, messages};
pub use query::{Receipt, Shown};
use rusqlite::{Connection, ErrorCode as SqliteErrorCode, OptionalExtension as _};
use swarm_core::{
    error_code::ErrorCode,
    journal::{Journaled as _, SnapshotLog, StreamId},
    time::Timestamp,
};
use swarm_peers::{Peers, State};
use tokio::task::spawn_blocking;

use crate::Failure;

/// The format of the file. One of another format is made anew.
const FORMAT: u32 = 1;
/// Events that are read at once.
const PAGE: usize = 1_000;

const SCHEMA: &str = "
    CREATE TABLE followed (only INTEGER PRIMARY KEY CHECK (only = 0), sequence INTEGER NOT NULL);
    INSERT INTO followed VALUES (0, 0);
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, sent INTEGER NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL, message TEXT NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_sender ON messages (sender, id);
    CREATE TABLE deliveries (
        peer TEXT NOT NULL, message INTEGER NOT NULL,
        injected INTEGER, seen INTEGER, acted INTEGER, dead INTEGER, way TEXT,
        PRIMARY KEY (peer, message)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_by_message ON deliveries (message);
    CREATE INDEX deliveries_open ON deliveries (peer, message) WHERE seen IS NULL AND dead IS NULL;
    CREATE VIRTUAL TABLE words USING fts5 (text, content = 'messages', content_rowid = 'id');
";

/// The messages of a home.
#[derive(Clone, Debug)]
pub(crate) struct History {
    db: Arc<Mutex<Connection>>,
    log: Arc<dyn SnapshotLog>,
}

impl History {
    /// Opens what is in `home`. `state` is what is known: messages that wait are in it, also if their events are gone. Blocks.
    pub(crate) fn open(
        home: &Path,
        log: Arc<dyn SnapshotLog>,
        state: &State,
    ) -> Result<Self, Failure> {
        let path = home.join("messages.db");
        let mut db = match prepare(&path) {
            Ok(db) => db,
            Err(Unusable::Other(error)) => return Err(failed(&error)),
            Err(Unusable::Remade(why)) => {
                tracing::warn!(why, "the history of messages is made of the log again");
                for suffix in ["", "-wal", "-shm"] {
                    let mut file = path.clone().into_os_string();
                    file.push(suffix);
                    drop(std::fs::remove_file(file));
                }
                prepare(&path).map_err(Unusable::failure)?
            }
        };
        let followed: Option<i64> = db
            .query_row("SELECT sequence FROM followed", [], |row| row.get(0))
            .optional()
            .map_err(|error| failed(&error))?;
        if followed.unwrap_or(0) == 0 {
            follow::seed(&mut db, state).map_err(|error| failed(&error))?;
        }
        Ok(Self {
            db: Arc::new(Mutex::new(db)),
            log,
        })
    }

    /// Takes in what the log has more.
    pub(crate) async fn catch_up(&self) -> Result<(), Failure> {
        let stream = StreamId::domain(Peers::STREAM);
        loop {
            let after = self.with(|db| follow::followed(db)).await?;
            let page = self.log.read(&stream, after, PAGE).await?;
            let (count, last) = (page.len(), page.last().map(|event| event.sequence));
            let Some(last) = last else { return Ok(()) };
            self.with(move |db| follow::take_in(db, &page, after, last))
                .await?;
            if count < PAGE {
                return Ok(());
            }
        }
    }

    /// What `query` finds, once everything that happened is taken in.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.catch_up().await?;
        self.with(query).await
    }

    /// Forgets messages that were sent before `before` and wait for nobody.
    pub(crate) async fn forget(&self, before: Timestamp) -> Result<(), Failure> {
        self.with(move |db| follow::forget(db, before)).await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let db = Arc::clone(&self.db);
        let done =
            spawn_blocking(move || work(&mut db.lock().unwrap_or_else(PoisonError::into_inner)));
        let done = done
            .await
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
        done.map_err(|error| failed(&error))
    }
}

fn failed(error: &rusqlite::Error) -> Failure {
    Failure::new(
        ErrorCode::StorageFailed,
        format!(
            "the history of messages cannot be used: {error}; `swarm stop`, and remove messages.db from the home: it is made of the log again"
        ),
    )
}

/// Why a file is not used as it is.
enum Unusable {
    /// It is worth nothing, and is made again.
    Remade(&'static str),
    /// It may be fine: the disk is full, or somebody else has it.
    Other(rusqlite::Error),
}

impl Unusable {
    fn failure(self) -> Failure {
        match self {
            Self::Remade(why) => Failure::new(ErrorCode::StorageFailed, why),
            Self::Other(error) => failed(&error),
        }
    }
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(SqliteErrorCode::NotADatabase) => Self::Remade("messages.db is no database"),
            Some(SqliteErrorCode::DatabaseCorrupt) => Self::Remade("messages.db is damaged"),
            _ => Self::Other(error),
        }
    }
}

fn prepare(path: &Path) -> Result<Connection, Unusable> {
    let mut db = Connection::open(path)?;
    private(path);
    db.pragma_update(None, "journal_mode", "WAL")?;
    // A loss of power may take the last of it back; the log still has that.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.set_prepared_statement_cache_capacity(32);
    let make = db.transaction()?;
    let format: u32 = make.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        FORMAT => {}
        0 => {
            make.execute_batch(SCHEMA)?;
            make.pragma_update(None, "user_version", FORMAT)?;
        }
        _ => return Err(Unusable::Remade("messages.db is of another format")),
    }
    make.commit()?;
    Ok(db)
}

/// Nobody else reads what peers say to each other. The folder is private as well.
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o600);
    if let Err(error) = std::fs::set_permissions(path, mode) {
        tracing::warn!(%error, "the history of messages could not be made private");
    }
}
