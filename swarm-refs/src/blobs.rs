//! Bytes that are known by their hash: what is shared between sessions, and no result of an agent.

use std::{collections::BTreeSet, io::Read as _, path::Path};

use swarm_core::{hash, refs::RefError, time::Timestamp};

use crate::{
    atomic,
    folder::Folder,
    layout::{self, Layout},
};

/// More is read of no file: whoever keeps blobs keeps small ones, and what is larger was put there by somebody else.
const MAX: u64 = 64 * 1024 * 1024;

/// The blobs of one home. Every method blocks.
#[derive(Debug)]
pub struct Blobs {
    folder: Folder,
}

impl Blobs {
    /// Opens those in `home`, making the folder if need be, and removes what a crash left unfinished.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or read.
    pub fn open(home: &Path) -> Result<Self, RefError> {
        let folder = Folder::open(home)?.make(layout::BLOBS)?;
        debug_assert_eq!(folder.path(), Layout::new(home).blobs());
        atomic::remove_leftovers(&folder)?;
        Ok(Self { folder })
    }

    /// Keeps `bytes`, and returns their SHA-256 in hexadecimal. Durable when it returns.
    ///
    /// # Errors
    ///
    /// If they cannot be written; then nothing is left of them.
    pub fn put(&self, bytes: &[u8]) -> Result<String, RefError> {
        let hash = hash::hex(bytes);
        // Also if it is there: it may be damaged, and it counts as new again.
        atomic::replace_bytes(&self.folder, &hash, bytes)?;
        Ok(hash)
    }

    /// The bytes with this hash, if they are here and undamaged.
    ///
    /// # Errors
    ///
    /// If they are here and cannot be read.
    pub fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, RefError> {
        if !is_hash(hash) {
            return Ok(None);
        }
        let Some(file) = self.folder.read(hash)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| RefError::io("read", self.folder.path().join(hash), error))?;
        Ok((hash::hex(&bytes) == hash).then_some(bytes))
    }

    /// Removes every blob that was kept last before `before`, but those whose hashes are in `kept`; returns how many. Younger ones
    /// stay, since whoever has just put one may be about to say what it is for.
    ///
    /// # Errors
    ///
    /// If one cannot be removed; those before it are gone then.
    pub fn retain(&self, kept: &BTreeSet<String>, before: Timestamp) -> Result<usize, RefError> {
        let mut removed = 0;
        for name in self.folder.names()? {
            let Some(name) = name.to_str().filter(|name| is_hash(name)) else {
                continue;
            };
            let modified = self.folder.modified(name)?;
            let is_old = modified.is_some_and(|modified| modified < before);
            if is_old && !kept.contains(name) && self.folder.remove(name)? {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn is_hash(name: &str) -> bool {
    name.len() == 64
        && name
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn bytes_come_back_by_their_hash_and_only_those_that_are_kept_stay() {
        let home = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(home.path()).unwrap();
        let binary = [0_u8, 159, 146, 150];
        let (a, b) = (blobs.put(&binary).unwrap(), blobs.put(b"text").unwrap());
        assert_eq!(blobs.put(&binary).unwrap(), a);
        assert_eq!(blobs.get(&a).unwrap().as_deref(), Some(&binary[..]));
        let blobs = Blobs::open(home.path()).unwrap();
        let kept = BTreeSet::from([b.clone()]);
        let (past, future) = (Timestamp::default(), Timestamp::from_millis(u64::MAX));
        assert_eq!(blobs.retain(&kept, past).unwrap(), 0);
        assert_eq!(blobs.retain(&kept, future).unwrap(), 1);
        assert_eq!(blobs.get(&a).unwrap(), None);
        assert_eq!(blobs.get(&b).unwrap().as_deref(), Some(&b"text"[..]));
    }

    #[test]
    fn what_is_no_hash_leads_nowhere_and_what_is_damaged_is_not_given_out() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("secret"), "canary").unwrap();
        let blobs = Blobs::open(home.path()).unwrap();
        for name in ["../secret", "secret", "", &"A".repeat(64)] {
            assert_eq!(blobs.get(name).unwrap(), None, "{name}");
        }
        let hash = blobs.put(b"whole").unwrap();
        let file = home.path().join("blobs").join(&hash);
        fs::write(&file, "damaged").unwrap();
        assert_eq!(blobs.get(&hash).unwrap(), None);
        assert_eq!(blobs.put(b"whole").unwrap(), hash);
        assert_eq!(blobs.get(&hash).unwrap().as_deref(), Some(&b"whole"[..]));
    }
}
