//! What stands for a piece of work.

use std::{collections::BTreeMap, fmt};

use super::CacheSecret;
use crate::hash::{self, Hasher};

/// Counted up when the meaning of keys changes, so that old entries are no longer found.
const VERSION: &str = "swarm-cache-1";
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// A name for a piece of work: 64 hex digits, so that it can be the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey(String);

impl CacheKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes 64 lower-case hex digits, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 64 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that goes into a key, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Ingredients(BTreeMap<String, String>);

impl Ingredients {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The key: an HMAC, so that who knows all but a short secret value cannot try them out.
    pub(crate) fn key(&self, secret: &CacheSecret) -> CacheKey {
        let pad = |with: u8| {
            let mut block = [with; BLOCK];
            let secret = hash::hex(secret.0.as_bytes());
            for (byte, secret) in block.iter_mut().zip(secret.bytes()) {
                *byte ^= secret;
            }
            Hasher::new().update(&block)
        };
        let mut inner = pad(0x36).update(VERSION.as_bytes());
        for (name, value) in &self.0 {
            // With their lengths, so that no two lists look alike.
            for part in [name, value] {
                inner.add(&(part.len() as u64).to_be_bytes());
                inner.add(part.as_bytes());
            }
        }
        CacheKey(pad(0x5c).update(inner.finish().as_bytes()).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(all: &[(&str, &str)], secret: &str) -> CacheKey {
        let mut ingredients = Ingredients::default();
        for (name, value) in all {
            ingredients.add(*name, *value);
        }
        ingredients.key(&CacheSecret::new(secret))
    }

    #[test]
    fn every_name_every_value_and_the_secret_make_another_key() {
        let plain = key(&[("a", "bc"), ("d", "")], "s");
        assert_eq!(plain, key(&[("d", ""), ("a", "bc")], "s"));
        for (other, secret) in [
            (&[("a", "bc"), ("d", "")][..], "t"),
            (&[("ab", "c"), ("d", "")], "s"),
            (&[("a", "b"), ("d", "c")], "s"),
            (&[("a", "bc")], "s"),
            (&[("a", "bcd")], "s"),
        ] {
            assert_ne!(key(other, secret), plain, "{other:?}");
        }
        assert_eq!(CacheKey::parse(plain.as_str()), Some(plain));
    }

    #[test]
    fn nothing_but_hex_digits_is_the_name_of_a_file() {
        let long = "a".repeat(65);
        let upper = "A".repeat(64);
        let path = format!("../{}", "a".repeat(61));
        for text in ["", "a", &long, &upper, &path] {
            assert_eq!(CacheKey::parse(text), None, "{text}");
        }
    }
}
