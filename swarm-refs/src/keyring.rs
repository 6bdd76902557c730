//! Keys, kept apart from what they open.

use std::{
    fmt,
    io::{self, Read as _},
};

use fernet::Fernet;
use swarm_core::{hash, refs::RefError};

use crate::{atomic, folder::Folder, store::Store};

/// The first twelve hex digits of the SHA-256 of a key. Knowing it opens nothing without the key folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyId(String);

impl KeyId {
    /// Takes twelve lower-case hex digits and nothing else, so that no path is ever made of anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 12 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    fn of(key: &str) -> Self {
        Self(hash::hex(key.as_bytes()).chars().take(12).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key. It is never printed.
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) cipher: Fernet,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// The folder of keys. As long as it is held shared, nobody removes a key that seems unused.
#[derive(Debug)]
pub(crate) struct Keyring(Folder);

impl Keyring {
    /// Opens the folder for making or reading keys.
    pub(crate) fn open(store: &Store) -> Result<Self, RefError> {
        let folder = store.keys()?;
        folder.lock_shared()?;
        Ok(Self(folder))
    }

    /// Opens the folder for removing keys, unless somebody is making or reading one.
    pub(crate) fn open_alone(store: &Store) -> Result<Option<Self>, RefError> {
        let folder = store.keys()?;
        Ok(folder.try_lock()?.then_some(Self(folder)))
    }

    /// Makes a key. It is durable before anybody can encrypt with it.
    pub(crate) fn create(&self) -> Result<Key, RefError> {
        let text = Fernet::generate_key();
        let id = KeyId::of(&text);
        atomic::replace_bytes(&self.0, id.as_str(), text.as_bytes())?;
        self.key(id, &text)
    }

    /// The key called `id`, if it is there and is what it is called.
    pub(crate) fn load(&self, id: &KeyId) -> Result<Option<Key>, RefError> {
        let Some(file) = self.0.read(id.as_str())? else {
            return Ok(None);
        };
        let mut text = String::new();
        let read = file.take(1024).read_to_string(&mut text);
        read.map_err(|error| RefError::io("read", self.0.path().join(id.as_str()), error))?;
        let key = text.trim();
        if KeyId::of(key) != *id {
            return Err(self.damaged(id));
        }
        self.key(id.clone(), key).map(Some)
    }

    fn key(&self, id: KeyId, text: &str) -> Result<Key, RefError> {
        match Fernet::new(text) {
            Some(cipher) => Ok(Key { id, cipher }),
            None => Err(self.damaged(&id)),
        }
    }

    fn damaged(&self, id: &KeyId) -> RefError {
        let problem = "the file is not the key that its name says; restore it from a backup";
        let error = io::Error::new(io::ErrorKind::InvalidData, problem);
        RefError::io("use the key in", self.0.path().join(id.as_str()), error)
    }

    /// The ids of all keys.
    pub(crate) fn ids(&self) -> Result<Vec<KeyId>, RefError> {
        let names = self.0.names()?.into_iter();
        Ok(names
            .filter_map(|name| KeyId::parse(name.to_str()?))
            .collect())
    }

    /// Removes a key, for ever.
    pub(crate) fn remove(&self, id: &KeyId) -> Result<bool, RefError> {
        self.0.remove(id.as_str())
    }

    /// Removes unfinished keys.
    pub(crate) fn remove_leftovers(&self) -> Result<u64, RefError> {
        atomic::remove_leftovers(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_twelve_hex_digits_is_a_key_id() {
        assert!(KeyId::parse("0123456789ab").is_some());
        for bad in [
            "",
            "0123456789a",
            "0123456789abc",
            "0123456789AB",
            "../../secret",
            "0123456789a/",
            "0123456789é",
        ] {
            assert!(KeyId::parse(bad).is_none(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let text = Fernet::generate_key();
        let key = Key {
            id: KeyId::of(&text),
            cipher: Fernet::new(&text).unwrap(),
        };
        let shown = format!("{key:?}");
        assert!(
            !shown.contains(&text) && !shown.contains(key.id.as_str()),
            "{shown}"
        );
    }
}
