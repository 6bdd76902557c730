//! Hashes of files, worked out once as long as a file stays as it is. Blocks.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    hash::Hasher,
    time::{Clock as _, SystemClock, Timestamp},
};

/// How many files are remembered.
const REMEMBERED: usize = 200_000;
/// A file that was changed just now may be changed once more in the same tick of its file system.
const SETTLED: Duration = Duration::from_secs(2);

/// Remembers hashes by what the file system says of a file. Its time of change cannot be set by who changes it.
#[derive(Debug, Default)]
pub(crate) struct FileHashes(Mutex<Known>);

/// By device and inode.
type Known = HashMap<(u64, u64), (State, String)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileHashes {
    /// SHA-256 of what is in `file`, which must be a regular one, and its size.
    pub(crate) fn hash(&self, file: &mut File) -> io::Result<(String, u64)> {
        let (place, before) = look(file)?;
        if let Some((state, hash)) = self.known().get(&place)
            && *state == before
        {
            return Ok((hash.clone(), before.size));
        }
        let mut hasher = Hasher::new();
        let mut chunk = vec![0; 64 * 1024];
        // Not more than there was: somebody may go on writing for ever.
        let mut rest = file.take(before.size.saturating_add(1));
        let mut size = 0;
        loop {
            match rest.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    size += read as u64;
                    hasher.add(chunk.get(..read).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let hash = hasher.finish();
        let (_, after) = look(file)?;
        if after != before || size != before.size {
            return Err(io::Error::other("it is being changed"));
        }
        // Whole seconds, rounded down; hence one more.
        let changed = u64::try_from(after.changed.0).unwrap_or_default();
        let changed = Timestamp::from_millis(changed.saturating_mul(1000));
        if SystemClock.now().since(changed) > SETTLED + Duration::from_secs(1) {
            let mut known = self.known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(place, (after, hash.clone()));
        }
        Ok((hash, size))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(file: &File) -> io::Result<((u64, u64), State)> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let state = State {
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    };
    Ok(((found.dev(), found.ino()), state))
}
