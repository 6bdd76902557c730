//! Which folder a run is recorded in, kept with the run: whoever goes on with it goes on with its recording.

use std::{
    ffi::OsString,
    io::Read as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use swarm_core::{ids::RunId, refs::RefError};

use crate::{
    atomic,
    folder::Folder,
    fs_store::blocking,
    layout::{self, Layout},
};

/// The longest path, in bytes. That is more than the system opens.
const MAX_PATH: u64 = 1 << 16;

/// Keeps in the store at `home` that `run`, which this process drives, is recorded in the folder `path`. Durable when it returns.
///
/// # Errors
///
/// If it cannot be written down.
pub async fn remember_recording(home: &Path, run: &RunId, path: &Path) -> Result<(), RefError> {
    let (runs, run, path) = (Layout::new(home).runs(), run.clone(), path.to_owned());
    blocking(move || {
        let folder = Folder::open(&runs)?.make(run.as_str())?;
        atomic::replace_bytes(&folder, layout::RECORDED, path.as_os_str().as_bytes())
    })
    .await
}

/// The folder that `run` is recorded in, if it is: as whoever began it said, and not looked at.
///
/// # Errors
///
/// If it cannot be read.
pub async fn recording_of(home: &Path, run: &RunId) -> Result<Option<PathBuf>, RefError> {
    let (runs, run) = (Layout::new(home).runs(), run.clone());
    blocking(move || {
        let Some(folder) = Folder::open(&runs)?.subfolder(run.as_str())? else {
            return Ok(None);
        };
        let Some(file) = folder.read(layout::RECORDED)? else {
            return Ok(None);
        };
        let mut path = Vec::new();
        let read = file.take(MAX_PATH).read_to_end(&mut path);
        read.map_err(|error| RefError::io("read", folder.path().join(layout::RECORDED), error))?;
        Ok(Some(OsString::from_vec(path).into()))
    })
    .await
}
