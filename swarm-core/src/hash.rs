//! SHA-256 in hex.

use sha2::{Digest as _, Sha256};

/// The hash of `bytes`: 64 hex digits.
pub fn hex(bytes: &[u8]) -> String {
    Hasher::new().update(bytes).finish()
}

/// A hash over pieces that arrive one after the other.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hash over nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `bytes`.
    #[must_use]
    pub fn update(mut self, bytes: &[u8]) -> Self {
        self.add(bytes);
        self
    }

    /// Adds `bytes` in place.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 64 hex digits.
    pub fn finish(self) -> String {
        use std::fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}
