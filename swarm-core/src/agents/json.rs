//! Fields of JSON that others wrote: one that is missing, or of another type, is absent, and the rest still counts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

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
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_default()
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
