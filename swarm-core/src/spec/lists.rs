//! Lists that may also be written as a comma string.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of strings or a comma-separated string"
)]
enum Written {
    List(Vec<String>),
    Text(String),
}

/// Reads `["a", "b"]` or `"a,b"`; the empty string is the empty list.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    Ok(
        Option::<Written>::deserialize(from)?.map(|written| match written {
            Written::List(items) => items,
            Written::Text(text) => split(&text),
        }),
    )
}

/// An item that is missing stays, so that it is refused: somebody wanted something there.
fn split(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// The same list with each item once, where it came first.
pub(super) fn once(items: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    items
        .into_iter()
        .filter(|item| seen.insert(item.clone()))
        .collect()
}
