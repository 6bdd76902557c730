//! Fields of JSON that others wrote: one that is missing, or of another type, is absent, and the rest still counts.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use super::transcript::{MAX_NAME, beginning};

/// The text at `pointer`.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

/// The name or id at `pointer`, to keep.
pub(super) fn owned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).map(|name| beginning(name, MAX_NAME).to_owned())
}

/// The number at `pointer`; nothing counts as none.
pub(super) fn count(value: &Value, pointer: &str) -> u64 {
    whole(value.pointer(pointer))
}

/// A number; nothing counts as none, and what is too large as the largest.
pub(super) fn whole(value: Option<&Value>) -> u64 {
    match value {
        Some(Value::Number(number)) => at_most(number),
        _ => 0,
    }
}

/// The same in a line that is read as a whole.
pub(super) fn told<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Number>::deserialize(from)?;
    Ok(number.as_ref().map(at_most))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast ends at the limits of the type"
)]
fn at_most(number: &Number) -> u64 {
    let exact = number.as_u64();
    exact.unwrap_or_else(|| number.as_f64().unwrap_or_default() as u64)
}

/// What `line` holds; `null` if it is no JSON.
pub(super) fn parsed(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_default()
}

/// The `type` of `line`, found without keeping the rest of it, which may be long.
pub(super) fn type_of(line: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Head<'l> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'l, str>,
    }
    let head: Head<'_> = serde_json::from_slice(line).ok()?;
    Some(head.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_too_large_is_the_largest_and_never_nothing() {
        let told = serde_json::json!({"a": 7, "b": 1e30, "c": -3, "d": "7", "e": 2.5});
        for (pointer, counted) in [
            ("/a", 7),
            ("/b", u64::MAX),
            ("/c", 0),
            ("/d", 0),
            ("/e", 2),
            ("/f", 0),
        ] {
            assert_eq!(count(&told, pointer), counted, "{pointer}");
        }
    }

    #[test]
    fn a_type_is_found_wherever_it_stands_and_none_is_made_up() {
        for (line, found) in [
            (r#"{"x":{"type":"inner"},"type":"outer"}"#, Some("outer")),
            (r#"{"type":"with \"quotes\""}"#, Some("with \"quotes\"")),
            (r#"{"type":7}"#, None),
            (r#"{"x":1}"#, None),
            (r#"{"type":"cut"#, None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(type_of(line.as_bytes()).as_deref(), found, "{line}");
        }
    }
}
