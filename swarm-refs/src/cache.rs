//! Which result came of which work, in a small file for each.

use std::{io::Read as _, sync::Arc};

use fernet::Fernet;
use futures_util::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};
use swarm_core::{
    cache::{CacheEntry, CacheKey, CacheSecret, ResultCache},
    refs::RefError,
};

use crate::{
    atomic, folder::Folder, fs_store::FsRefStore, fs_store::blocking, gc::Collected, layout,
    store::Store,
};

/// The largest file of the cache, in bytes.
const MAX_FILE: u64 = 4096;
/// The version of what is in the files. Another one is as good as nothing.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    #[serde(flatten)]
    entry: CacheEntry,
}

impl ResultCache for FsRefStore {
    fn secret(&self) -> BoxFuture<'_, Result<CacheSecret, RefError>> {
        let store = Arc::clone(self.store());
        blocking(move || secret(&store.cache()?)).boxed()
    }

    fn find<'a>(
        &'a self,
        key: &'a CacheKey,
    ) -> BoxFuture<'a, Result<Option<CacheEntry>, RefError>> {
        let (store, key) = (Arc::clone(self.store()), key.clone());
        blocking(move || find(&store.cache()?, &key)).boxed()
    }

    fn keep<'a>(
        &'a self,
        key: &'a CacheKey,
        entry: CacheEntry,
    ) -> BoxFuture<'a, Result<(), RefError>> {
        let (store, key) = (Arc::clone(self.store()), key.clone());
        blocking(move || {
            let folder = store.cache()?;
            // So that nobody takes what is being written for a leftover.
            folder.lock_shared()?;
            let kept = Kept {
                version: VERSION,
                entry,
            };
            let text = serde_json::to_vec(&kept).map_err(|error| {
                RefError::io("write", folder.path().join(key.as_str()), error.into())
            })?;
            atomic::replace_bytes(&folder, key.as_str(), &text)
        })
        .boxed()
    }
}

/// The secret, made by whoever needs it first.
fn secret(folder: &Folder) -> Result<CacheSecret, RefError> {
    if let Some(secret) = read(folder, layout::SECRET)? {
        return Ok(CacheSecret::new(secret));
    }
    folder.lock()?;
    // Somebody else may have been quicker.
    if let Some(secret) = read(folder, layout::SECRET)? {
        return Ok(CacheSecret::new(secret));
    }
    let secret = Fernet::generate_key();
    atomic::replace_bytes(folder, layout::SECRET, secret.as_bytes())?;
    Ok(CacheSecret::new(secret))
}

/// What is remembered under `key`. What cannot be understood is not remembered.
fn find(folder: &Folder, key: &CacheKey) -> Result<Option<CacheEntry>, RefError> {
    let Some(text) = read(folder, key.as_str())? else {
        return Ok(None);
    };
    let kept: Option<Kept> = serde_json::from_str(&text).ok();
    let kept = kept.filter(|kept| kept.version == VERSION);
    Ok(kept.map(|kept| kept.entry))
}

fn read(folder: &Folder, name: &str) -> Result<Option<String>, RefError> {
    let Some(file) = folder.read(name)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(|error| RefError::io("read", folder.path().join(name), error))?;
    Ok(String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.is_empty()))
}

/// Removes what is remembered of results that nobody can take any more.
pub(crate) fn collect(store: &Store, collected: &mut Collected) -> Result<(), RefError> {
    let folder = store.cache()?;
    if !folder.try_lock()? {
        // Somebody is writing; the next time will do.
        return Ok(());
    }
    for name in folder.names()? {
        let Some(key) = name.to_str().and_then(CacheKey::parse) else {
            continue;
        };
        let of_use = find(&folder, &key)?.is_some_and(|entry| match store.load(&entry.result) {
            Ok((_, record)) => !record.is_encrypted(),
            // What cannot be read now may be read later.
            Err(error) => !matches!(error, RefError::NotFound(_)),
        });
        if !of_use && folder.remove(&name)? {
            collected.cached += 1;
        }
    }
    collected.leftovers += atomic::remove_leftovers(&folder)?;
    Ok(())
}
