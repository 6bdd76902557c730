//! Files that are replaced as a whole.

use std::{
    fs::File,
    io::{self, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use swarm_core::refs::RefError;

use crate::{cut, folder::Folder, layout};

/// Replaces `name` in `folder` by what `write` writes: whatever happens, a reader finds the old file or the new one,
/// whole. Durable when it returns.
pub(crate) fn replace<T>(
    folder: &Folder,
    name: &str,
    write: impl FnOnce(&mut File) -> Result<T, RefError>,
) -> Result<T, RefError> {
    let mut aside = Aside::create(folder, name)?;
    let written = write(&mut aside.file)?;
    let synced = cut::step().and_then(|()| aside.file.sync_all());
    synced.map_err(|error| RefError::io("write", folder.path().join(name), error))?;
    folder.rename(&aside.name, name)?;
    aside.committed = true;
    folder.sync()?;
    Ok(written)
}

/// Replaces `name` in `folder` by `bytes`.
pub(crate) fn replace_bytes(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), RefError> {
    replace(folder, name, |file| {
        let written = file.write_all(bytes);
        written.map_err(|error| RefError::io("write", folder.path().join(name), error))
    })
}

/// Removes unfinished files that a crash left in `folder`, and says how many.
pub(crate) fn remove_leftovers(folder: &Folder) -> Result<u64, RefError> {
    let mut removed = 0;
    for name in folder.names()? {
        if name.as_encoded_bytes().ends_with(layout::ASIDE.as_bytes()) && folder.remove(name)? {
            removed += 1;
        }
    }
    Ok(removed)
}

/// A file that is being written aside; removed unless it was committed.
struct Aside<'f> {
    folder: &'f Folder,
    name: String,
    file: File,
    committed: bool,
}

impl<'f> Aside<'f> {
    fn create(folder: &'f Folder, name: &str) -> Result<Self, RefError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let aside = format!(".{name}.{}-{number}{}", std::process::id(), layout::ASIDE);
            match folder.create(&aside) {
                Ok(file) => {
                    return Ok(Self {
                        folder,
                        name: aside,
                        file,
                        committed: false,
                    });
                }
                // Left behind by a process that died and had the same number.
                Err(RefError::Io { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        if !self.committed
            && let Err(error) = self.folder.remove(&self.name)
        {
            tracing::debug!(%error, "an unfinished file stays behind");
        }
    }
}
