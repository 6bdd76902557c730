//! Results that are taken again instead of being paid for again, if an agent asks for that with `cache: true`.
//!
//! A result is stored under a [`CacheKey`], which stands for everything that made it: the spec, the whole prompt with all that it
//! quotes, the program or image, the values of variables, and what is in every mount. An agent with the same key is the same
//! work; it is not started, waits for nothing, and costs nothing. What cannot be compared is never stored: see
//! `agent_runner/caching.rs`.
//!
//! Keys tell nothing to who lacks the [secret](ResultCache::secret) of the cache: a value of a variable cannot be guessed by them.

#[cfg(feature = "process")]
pub(crate) mod file_hash;
mod key;
mod memory;
#[cfg(feature = "process")]
mod tree;

use std::fmt;

use futures_util::future::BoxFuture;
pub use key::CacheKey;
pub(crate) use key::Ingredients;
pub use memory::MemoryResultCache;
use serde::{Deserialize, Serialize};
#[cfg(feature = "process")]
pub(crate) use tree::Trees;

use crate::{ids::RefId, refs::RefError};

/// What goes into every key, so that it cannot be guessed from outside. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheSecret(String);

impl CacheSecret {
    /// Takes a text that nobody can guess.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for CacheSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSecret").finish_non_exhaustive()
    }
}

/// A result that may be taken again, and what it was when it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheEntry {
    /// Where it is kept.
    #[serde(rename = "ref")]
    pub result: RefId,
    /// SHA-256 of its text.
    pub text: String,
    /// The hash in its provenance.
    pub provenance: String,
}

/// Remembers which result came of which work. The results themselves are in the store of refs.
pub trait ResultCache: Send + Sync + fmt::Debug {
    /// The secret of this cache, which stays the same as long as its entries do.
    fn secret(&self) -> BoxFuture<'_, Result<CacheSecret, RefError>>;

    /// What is remembered under `key`. The result may be gone since, or be another.
    fn find<'a>(&'a self, key: &'a CacheKey)
    -> BoxFuture<'a, Result<Option<CacheEntry>, RefError>>;

    /// Remembers `entry` under `key`, in place of what was there. Whoever looks at the same time finds the old one or the new
    /// one, whole.
    fn keep<'a>(
        &'a self,
        key: &'a CacheKey,
        entry: CacheEntry,
    ) -> BoxFuture<'a, Result<(), RefError>>;
}
