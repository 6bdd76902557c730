//! A copy of a database as it is, with what is in its journal. SQLite would write to the original, if only to its journal, by reading it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::ImportError;

/// How often a database that is written to meanwhile is copied anew.
const TRIES: usize = 5;

/// A copy, which is removed with this.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) file: PathBuf,
    _folder: TempDir,
}

/// Copies the database at `path` into a folder of its own in `scratch`.
pub(super) fn copy(path: &Path, scratch: &Path) -> Result<Copy, ImportError> {
    let no_copy = |error| ImportError::NoCopy {
        path: scratch.to_owned(),
        error,
    };
    let unreadable = |error| ImportError::File {
        path: path.to_owned(),
        error,
    };
    // Before it is opened: a pipe would never answer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(ImportError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut make = DirBuilder::new();
    let made = make.recursive(true).mode(0o700).create(scratch);
    made.map_err(no_copy)?;
    let folder = tempfile::Builder::new()
        .prefix("import-")
        .tempdir_in(scratch)
        .map_err(no_copy)?;
    let file = folder.path().join("database");
    let (journal, its_copy) = (beside(path), beside(&file));
    for _ in 0..TRIES {
        let before = (state(path), state(&journal));
        one(path, &file).map_err(unreadable)?;
        if before.1.is_some() {
            match one(&journal, &its_copy) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                copied => copied.map_err(unreadable)?,
            }
        } else {
            drop(fs::remove_file(&its_copy));
        }
        if before == (state(path), state(&journal)) {
            return Ok(Copy {
                file,
                _folder: folder,
            });
        }
    }
    Err(ImportError::Busy {
        path: path.to_owned(),
    })
}

/// Where the journal of a database is.
fn beside(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// What changes when somebody writes: the file, its length, and when it was written to.
fn state(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

fn one(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = File::create(to)?;
    io::copy(&mut from, &mut to).map(drop)
}
