//! A cache that forgets everything at the end of the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use super::{CacheEntry, CacheKey, CacheSecret, ResultCache};
use crate::refs::RefError;

/// Remembers in memory. A clone is the same cache.
#[derive(Clone, Debug)]
pub struct MemoryResultCache {
    secret: CacheSecret,
    entries: Arc<Mutex<HashMap<CacheKey, CacheEntry>>>,
}

impl Default for MemoryResultCache {
    fn default() -> Self {
        Self {
            secret: CacheSecret::new(format!("{}{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4())),
            entries: Arc::default(),
        }
    }
}

impl MemoryResultCache {
    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ResultCache for MemoryResultCache {
    fn secret(&self) -> BoxFuture<'_, Result<CacheSecret, RefError>> {
        ready(Ok(self.secret.clone())).boxed()
    }

    fn find<'a>(
        &'a self,
        key: &'a CacheKey,
    ) -> BoxFuture<'a, Result<Option<CacheEntry>, RefError>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        ready(Ok(entries.get(key).cloned())).boxed()
    }

    fn keep<'a>(
        &'a self,
        key: &'a CacheKey,
        entry: CacheEntry,
    ) -> BoxFuture<'a, Result<(), RefError>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(key.clone(), entry);
        ready(Ok(())).boxed()
    }
}
