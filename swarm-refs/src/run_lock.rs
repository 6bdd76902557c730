//! Which process drives a run.

use std::{
    fs::{File, TryLockError},
    io::{Seek as _, Write as _},
    path::Path,
};

use swarm_core::{ids::RunId, refs::RefError};

use crate::{
    folder::{Folder, patiently},
    layout::{self, Layout},
};

/// Held by the process that drives a run, for as long as it lives: whatever kills the process gives it back.
#[derive(Debug)]
pub struct RunLock {
    /// Locked; closing it gives the lock back.
    _file: File,
    runs: Folder,
    run: RunId,
}

impl RunLock {
    /// Takes the lock of `run` in the store at `home`; `None` if another process or task has it.
    ///
    /// Makes the folder of the run. Blocks, at most for a second.
    pub fn try_acquire(home: &Path, run: &RunId) -> Result<Option<Self>, RefError> {
        let runs = Folder::open(&Layout::new(home).runs())?;
        // Between opening the file and locking it, gc may have removed the run.
        for _ in 0..10 {
            let folder = runs.make(run.as_str())?;
            let Some(mut file) = folder.open_lock(layout::LOCK, true)? else {
                continue;
            };
            let place = folder.path().join(layout::LOCK);
            let failed = |error| RefError::io("lock", &place, error);
            if !patiently(&file).map_err(failed)? {
                return Ok(None);
            }
            if !is_linked(&folder, &file)? || !folder.is_still(&runs, run.as_str())? {
                continue;
            }
            let written = file
                .set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| writeln!(file, "{}", std::process::id()));
            written.map_err(failed)?;
            return Ok(Some(Self {
                _file: file,
                runs,
                run: run.clone(),
            }));
        }
        Ok(None)
    }

    /// Gives the lock back and removes the folder of the run, which never began. A folder that has anything else stays.
    ///
    /// # Errors
    ///
    /// If it cannot be removed. Blocks.
    pub fn discard(self) -> Result<(), RefError> {
        let Some(folder) = self.runs.subfolder(self.run.as_str())? else {
            return Ok(());
        };
        folder.remove(layout::VALUES)?;
        folder.remove(layout::RECORDED)?;
        // Whoever waits for the lock sees that it is gone, and makes another one.
        folder.remove(layout::LOCK)?;
        self.runs.remove_empty(self.run.as_str()).map(drop)
    }

    /// Whether some process drives `run`. Makes nothing; a run that nobody knows is not held.
    pub fn is_held(home: &Path, run: &RunId) -> bool {
        let opened = Folder::open(&Layout::new(home).runs())
            .and_then(|runs| runs.subfolder(run.as_str()))
            .and_then(|folder| match folder {
                Some(folder) => folder.open_lock(layout::LOCK, false),
                None => Ok(None),
            });
        match opened {
            // A lock that is shared for this moment does not keep another asker away.
            Ok(Some(file)) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Ok(None) => false,
            // Whoever cannot tell must not clean up behind a run that may be alive.
            Err(_) => true,
        }
    }
}

fn is_linked(folder: &Folder, file: &File) -> Result<bool, RefError> {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |file: &File| {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| RefError::io("look at", folder.path(), error))?;
        Ok::<_, RefError>((metadata.dev(), metadata.ino()))
    };
    Ok(match folder.open_lock(layout::LOCK, false)? {
        Some(now) => identity(&now)? == identity(file)?,
        None => false,
    })
}
