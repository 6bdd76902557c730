//! A database that is read from its beginning to its end.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    ImportError, Kind, System,
    cells::{Cell, Cells, MAX_VALUE},
    copy::{Copy, copy},
};
use crate::operations::imports::Brought;

/// Rows that are read at once.
const PAGE: usize = 64;

/// A copy of a database.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    system: System,
    host: String,
    db: Connection,
    /// What is still to be read; the first of it is being read.
    kinds: VecDeque<Kind>,
    after: i64,
    _copy: Copy,
}

/// Some rows of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Of which.
    pub kind: Kind,
    /// In the order in which they were written.
    pub rows: Vec<Row>,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// It can be brought in.
    Read {
        /// Where it is in its table.
        number: i64,
        /// What it is.
        brought: Box<Brought>,
        /// What of it does not come along.
        lost: Vec<String>,
    },
    /// It cannot.
    Skipped {
        /// Where it is in its table.
        number: i64,
        /// Why not.
        why: String,
    },
}

impl Source {
    /// Copies the database of `system` at `path` into a folder in `scratch`, and opens the copy. Sessions in it were on `host`.
    ///
    /// # Errors
    ///
    /// [`ImportError`] if there is none, it is written to, or it is something else.
    pub fn open(
        system: System,
        path: &Path,
        scratch: &Path,
        host: String,
    ) -> Result<Self, ImportError> {
        let copy = copy(path, scratch)?;
        let opened = open(&copy.file).and_then(|db| Ok((known(&db)?, db)));
        let (tables, db) = opened.map_err(|error| unreadable(path, system, &error.to_string()))?;
        let called = |kind: &Kind| tables.iter().find(|(name, _)| name == kind.table());
        // A view, or a table of a program, could be anything.
        let mut odd = Kind::ALL
            .iter()
            .filter_map(called)
            .filter(|(_, plain)| !plain);
        if let Some((name, _)) = odd.next() {
            return Err(unreadable(
                path,
                system,
                &format!("its {name} is no table of theirs"),
            ));
        }
        let has = |kind: &Kind| called(kind).is_some();
        for needed in [Kind::Peers, Kind::Messages] {
            if !has(&needed) {
                let problem = format!("it has no table {}", needed.table());
                return Err(unreadable(path, system, &problem));
            }
        }
        let others: Vec<&str> = Kind::ALL
            .iter()
            .filter(|kind| has(kind))
            .skip(2)
            .map(|kind| kind.table())
            .collect();
        if system == System::ClaudePeers && !others.is_empty() {
            let problem = format!(
                "it has tables of claude-swarm as well ({}); import it as claude-swarm",
                others.join(", ")
            );
            return Err(unreadable(path, system, &problem));
        }
        Ok(Self {
            path: path.to_owned(),
            system,
            host,
            kinds: Kind::ALL.into_iter().filter(has).collect(),
            db,
            after: i64::MIN,
            _copy: copy,
        })
    }

    /// The next rows of a kind; `None` after the last of all.
    ///
    /// # Errors
    ///
    /// [`ImportError::Unreadable`] if the database is damaged, or a table lacks a column that every version had.
    pub fn read(&mut self) -> Result<Option<Page>, ImportError> {
        let Some(kind) = self.kinds.front().copied() else {
            return Ok(None);
        };
        let broken = |problem: &str| unreadable(&self.path, self.system, problem);
        let (columns, always) = kind.columns();
        let present =
            columns_of(&self.db, kind.table()).map_err(|error| broken(&error.to_string()))?;
        let has = |column: &&&str| present.iter().any(|present| present == **column);
        let mut missing = columns.iter().take(always).filter(|column| !has(column));
        if let Some(missing) = missing.next() {
            let problem = format!("its table {} has no column {missing}", kind.table());
            return Err(broken(&problem));
        }
        let columns: Vec<&'static str> = columns.iter().filter(has).copied().collect();
        let page = page(&self.db, kind.table(), &columns, self.after);
        let page = page.map_err(|error| broken(&error.to_string()))?;
        match page.last() {
            Some((last, _)) if page.len() == PAGE => self.after = *last,
            _ => {
                self.kinds.pop_front();
                self.after = i64::MIN;
            }
        }
        let rows = page
            .into_iter()
            .map(|(number, cells)| match kind.read(&cells, &self.host) {
                Ok((brought, lost)) => Row::Read {
                    number,
                    brought: Box::new(brought),
                    lost,
                },
                Err(why) => Row::Skipped { number, why },
            });
        let rows = rows.collect();
        Ok(Some(Page { kind, rows }))
    }
}

fn unreadable(path: &Path, system: System, problem: &str) -> ImportError {
    ImportError::Unreadable {
        path: path.to_owned(),
        system: system.as_str(),
        problem: problem.to_owned(),
    }
}

/// The copy may be written to: what is in its journal is taken in. What its author has put in its schema is not run.
fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(db)
}

/// What is called like one of their tables; whether it is one.
fn known(db: &Connection) -> rusqlite::Result<Vec<(String, bool)>> {
    let sql = "SELECT name, type = 'table' AND wr = 0 FROM pragma_table_list WHERE schema = 'main'";
    db.prepare(sql)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The columns of a table that are kept in it; of one that is computed, its author says how.
fn columns_of(db: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_info(?1)";
    db.prepare(sql)?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn page(
    db: &Connection,
    table: &str,
    columns: &[&'static str],
    after: i64,
) -> rusqlite::Result<Vec<(i64, Cells)>> {
    let values = columns.iter().map(|column| {
        format!(", octet_length(\"{column}\"), iif(octet_length(\"{column}\") <= {MAX_VALUE}, \"{column}\", NULL)")
    });
    let values: String = values.collect();
    // The lowest number of all is asked for as well, by the first page.
    let from = if after == i64::MIN { ">=" } else { ">" };
    let sql = format!(
        "SELECT rowid{values} FROM \"{table}\" WHERE rowid {from} ?1 ORDER BY rowid LIMIT {PAGE}"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([after])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cells = Cells::default();
        for (n, column) in columns.iter().enumerate() {
            let length: Option<i64> = row.get(2 * n + 1)?;
            cells
                .0
                .insert(column, Cell::of(length, row.get_ref(2 * n + 2)?));
        }
        page.push((row.get(0)?, cells));
    }
    Ok(page)
}
