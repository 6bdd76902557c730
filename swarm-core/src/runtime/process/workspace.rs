//! The folder that an agent works in.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use super::support;
use crate::{runtime::RuntimeError, spec::Sandbox};

/// Prepares the working folder: the mounted one if there is one, else `own` with the input files in it.
/// Blocks.
pub(super) fn prepare(sandbox: &Sandbox, own: PathBuf) -> Result<PathBuf, RuntimeError> {
    let Some(mount) = support::workdir_mount(sandbox) else {
        return match stage(sandbox, &own) {
            Ok(()) => Ok(own),
            Err((path, error)) => Err(RuntimeError::Storage {
                path: format!("the input file {path:?}"),
                error,
            }),
        };
    };
    let missing = |problem: String| RuntimeError::MountMissing {
        path: mount.host_path.clone(),
        problem,
    };
    match fs::metadata(&mount.host_path) {
        Ok(found) if found.is_dir() => Ok(PathBuf::from(&mount.host_path)),
        Ok(_) => Err(missing("it is not a folder".to_owned())),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(missing("it does not exist".to_owned())),
        Err(e) => Err(missing(e.to_string())),
    }
}

fn stage(sandbox: &Sandbox, own: &Path) -> Result<(), (String, io::Error)> {
    for (path, content) in &sandbox.input_files {
        // `check` has refused what lies elsewhere.
        if let Some(below) = support::staged_path(sandbox, path) {
            put(&own.join(below), content).map_err(|error| (path.clone(), error))?;
        }
    }
    Ok(())
}

fn put(file: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)?
        .write_all(content.as_bytes())
}
