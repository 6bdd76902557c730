//! Lists that may also be written as a comma string.

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

fn split(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}
