//! The list in a fetcher's answer.

use serde_json::Value;
use thiserror::Error;

use super::answer::{Answer, Json};
use crate::error_code::{Coded, ErrorCode};

/// The most seeds that a fetcher may give.
pub const MAX_SEEDS: usize = 1000;
/// The longest seed, in bytes.
pub const MAX_SEED: usize = 64 << 10;
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Why a fetcher's answer gives no seeds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SeedsError {
    /// There is no JSON that can be read.
    #[error("fetcher output contains no JSON")]
    NoJson,
    /// There is JSON, but no list in it.
    #[error("fetcher JSON did not contain a list of seeds")]
    NoList,
    /// The list is empty.
    #[error("no seeds produced")]
    NoSeeds,
    /// The list is too long. It is not cut off: what comes of it would look complete.
    #[error("fetcher produced {found} seeds, and at most {MAX_SEEDS} are taken; ask for fewer")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A seed is too long.
    #[error(
        "seed {number} of the fetcher has {bytes} bytes, and at most {MAX_SEED} are taken; ask for shorter ones"
    )]
    TooLong {
        /// Which, from 1.
        number: usize,
        /// Its length.
        bytes: usize,
    },
    /// The whole answer is too long, or nested too deep.
    #[error(
        "fetcher output has {bytes} bytes, of which at most {MAX_ANSWER} are read, or is nested more than 127 levels deep; ask for less"
    )]
    OutputTooLong {
        /// Its length.
        bytes: usize,
    },
}

impl Coded for SeedsError {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

/// Reads the list of seeds that a fetcher answered: an array, or an object with `seeds`, or with some other list. Seeds that are no
/// text become JSON; empty ones count.
///
/// If there are several lists, that of the first object with `seeds` counts, else the longest: prose may have a `[1]` in it.
pub fn seeds_of_answer(text: &str) -> Result<Vec<String>, SeedsError> {
    let answer =
        Answer::read(text, MAX_ANSWER).ok_or(SeedsError::OutputTooLong { bytes: text.len() })?;
    if answer.values.is_empty() {
        return Err(SeedsError::NoJson);
    }
    let named = answer
        .objects()
        .find_map(|fields| fields.all("seeds").find_map(Value::as_array));
    let list = match named {
        Some(list) => list,
        None => longest(
            answer
                .values
                .iter()
                .filter_map(|found| list_of(&found.json)),
        )
        .ok_or(SeedsError::NoList)?,
    };
    match list.len() {
        0 => Err(SeedsError::NoSeeds),
        found if found > MAX_SEEDS => Err(SeedsError::TooMany { found }),
        _ => list.iter().zip(1..).map(seed).collect(),
    }
}

fn list_of(value: &Json) -> Option<&Vec<Value>> {
    match value {
        Json::Array(list) => Some(list),
        Json::Object(fields) => fields.values().find_map(Value::as_array),
    }
}

/// The first of the longest.
fn longest<'l>(lists: impl Iterator<Item = &'l Vec<Value>>) -> Option<&'l Vec<Value>> {
    lists.reduce(|longest, list| {
        if list.len() > longest.len() {
            list
        } else {
            longest
        }
    })
}

fn seed((value, number): (&Value, usize)) -> Result<String, SeedsError> {
    let seed = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    match seed.len() {
        bytes if bytes > MAX_SEED => Err(SeedsError::TooLong { number, bytes }),
        _ => Ok(seed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_found_in_all_its_forms() {
        for text in [
            r#"["a", "b"]"#,
            "\u{feff}```json\n[\"a\", \"b\"]\n```\n",
            r#"{"seeds": ["a", "b"]}"#,
            r#"{"list": ["x", "y", "z"], "seeds": ["a", "b"]}"#,
            r#"{"note": "n", "first": ["a", "b"], "second": ["c"]}"#,
            r#"As [1] says, these: ["a", "b"] (see [2])"#,
            r#"[1, 2, 3] {"seeds": ["a", "b"]}"#,
        ] {
            assert_eq!(seeds_of_answer(text).unwrap(), ["a", "b"], "{text}");
        }
    }

    #[test]
    fn what_is_no_text_becomes_json() {
        let seeds = seeds_of_answer(r#"["a", 1, {"k": [true]}, null, ""]"#).unwrap();
        assert_eq!(seeds, ["a", "1", r#"{"k":[true]}"#, "null", ""]);
    }

    #[test]
    fn an_answer_without_a_usable_list_is_told_apart() {
        let many = serde_json::to_string(&vec![0; MAX_SEEDS + 1]).unwrap();
        let long = serde_json::to_string(&["", &"x".repeat(MAX_SEED + 1)]).unwrap();
        for (text, message) in [
            ("", "fetcher output contains no JSON"),
            ("none {", "fetcher output contains no JSON"),
            (r#"["a", "b"#, "fetcher output contains no JSON"),
            (
                r#"{"seeds": "a"}"#,
                "fetcher JSON did not contain a list of seeds",
            ),
            ("[]", "no seeds produced"),
            (r#"{"seeds": []}"#, "no seeds produced"),
            (
                &many,
                "fetcher produced 1001 seeds, and at most 1000 are taken; ask for fewer",
            ),
            (
                &long,
                "seed 2 of the fetcher has 65537 bytes, and at most 65536 are taken; ask for shorter ones",
            ),
            (
                &" ".repeat(MAX_ANSWER + 1),
                "fetcher output has 1048577 bytes, of which at most 1048576 are read, or is nested more than 127 levels deep; ask for less",
            ),
        ] {
            assert_eq!(seeds_of_answer(text).unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn a_list_that_was_written_is_read(list in prop::collection::vec(".{0,20}", 1..20), pretty: bool) {
            let list = serde_json::json!({ "seeds": list });
            let text = if pretty { format!("{list:#}") } else { list.to_string() };
            let read = seeds_of_answer(&format!("Here:\n```json\n{text}\n```")).unwrap();
            prop_assert_eq!(serde_json::json!({ "seeds": read }), list);
        }

        #[test]
        fn no_answer_makes_it_panic(text in "([\\[\\]{}\",:]|seeds|\\PC){0,40}") {
            drop(seeds_of_answer(&text));
        }
    }
}
