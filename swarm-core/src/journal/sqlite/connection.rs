//! Opening the file, and what is in it.

use std::{fs::OpenOptions, io, path::Path, thread, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::{super::LogError, failed};

/// The format of the file; counted up by each migration.
const FORMAT: u32 = 2;

/// How long a writer waits for writers of other processes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is tried again where SQLite itself does not wait.
const STEP: Duration = Duration::from_millis(5);

/// What leads from each format to the next; the first makes a new file.
const MIGRATIONS: [&str; FORMAT as usize] = [
    "
    CREATE TABLE events (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        stream   TEXT NOT NULL,
        at       INTEGER NOT NULL,
        kind     TEXT NOT NULL,
        version  INTEGER NOT NULL,
        data     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_stream ON events (stream, sequence);
    ",
    "
    CREATE TABLE snapshots (
        stream   TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL,
        version  INTEGER NOT NULL,
        data     TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
];

pub(super) fn open(path: &Path, shown: &str) -> Result<Connection, LogError> {
    create_private(path).map_err(|error| LogError::Failed {
        doing: "create",
        path: shown.to_owned(),
        problem: error.to_string(),
    })?;
    let connection = prepare(path).map_err(|error| failed("open", shown, &error))?;
    match connection.pragma_query_value(None, "user_version", |row| row.get(0)) {
        Ok(FORMAT) => Ok(connection),
        Ok(found) => Err(LogError::TooNew {
            path: shown.to_owned(),
            found,
            known: FORMAT,
        }),
        Err(error) => Err(failed("open", shown, &error)),
    }
}

/// Plans hold environment variables, so nobody else may read the file. SQLite gives its side files the
/// same permissions.
///
/// A file that is there must not be opened here: to close it again would end the locks that SQLite holds on it
/// for another connection of this process.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    write_ahead(&connection)?;
    // Without FULL a loss of power could take acknowledged events back.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is removed is overwritten: plans hold prompts and values of variables.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(16);
    let migrate = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let format: u32 = migrate.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format < FORMAT {
        for step in MIGRATIONS.iter().skip(format as usize) {
            migrate.execute_batch(step)?;
        }
        migrate.pragma_update(None, "user_version", FORMAT)?;
    }
    migrate.commit()?;
    Ok(connection)
}

/// Switches to a write-ahead log. If several processes do this to a new file, SQLite does not let them wait for
/// each other but fails at once, so the waiting is done here.
#[expect(
    clippy::disallowed_methods,
    reason = "opening a log is documented to block"
)]
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && waited < PATIENCE => {
                thread::sleep(STEP);
                waited += STEP;
            }
            switched => return switched,
        }
    }
}

/// Whether another connection is in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}
