//! The JSON in an answer, and what is said around it.
//!
//! A model that was asked for one JSON object may still put prose around it, fence it, or quote what it was shown. What it was shown
//! may be an answer too, put there by somebody who wants it to be taken for the model's. So what is marked as a quotation is left
//! out: quoted lines (`> …`), inline code, what stands between quotation marks, and what is inside of other JSON, readable or not.
//! A quotation without any mark cannot be told from an answer; therefore several answers are all handed on, and none of the
//! readers of this module takes the best or the last of them. JSON behind a quotation mark or a brace that stays open may be either;
//! it is handed on as doubtful.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::in_order::InOrder;

/// Stands in the prose where a JSON value was.
const VALUE: char = '\u{fffc}';

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer<'t> {
    /// All of it, without the marks around it.
    pub(super) text: &'t str,
    /// The JSON objects and arrays that are not quoted, in their order.
    pub(super) values: Vec<Found>,
    /// Those that may be quoted, or a part of something broken. What an answer claims must not rest on them.
    pub(super) doubtful: Vec<Json>,
    /// What is neither JSON nor quoted.
    pub(super) prose: String,
}

/// A JSON value, and where it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) json: Json,
    /// Which bytes of the text it is.
    pub(super) range: Range<usize>,
    /// How many bytes of prose are ahead of it.
    pub(super) place: usize,
}

/// A JSON value at the top level of an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Json {
    /// An object: all fields in their order, also if one is there twice.
    Object(Fields),
    /// An array.
    Array(Vec<Value>),
}

/// The fields of an object.
#[derive(Debug, PartialEq)]
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Whether there is a field with this name, in capitals or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// All fields with this name, in capitals or not: an object may have one twice.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f Value> {
        let named =
            |(key, value): &'f (String, Value)| key.eq_ignore_ascii_case(name).then_some(value);
        self.0.iter().filter_map(named)
    }

    /// All values.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl Json {
    pub(super) fn as_object(&self) -> Option<&Fields> {
        match self {
            Self::Object(fields) => Some(fields),
            Self::Array(_) => None,
        }
    }
}

impl<'t> Answer<'t> {
    /// Takes `text` apart. None if it has more than `most` bytes, or JSON that is nested more than 127 levels deep: nobody who was asked for
    /// an object answers that.
    ///
    /// Takes time in proportion to the text: no byte is looked at much oftener than so many levels may be open around it.
    pub(super) fn read(text: &'t str, most: usize) -> Option<Self> {
        if text.len() > most {
            return None;
        }
        let text = without_marks_around(text);
        let mut reader = Reader {
            rest: text,
            at_line_start: true,
            open_braces: 0,
            answer: Self {
                text,
                values: Vec::new(),
                doubtful: Vec::new(),
                prose: String::new(),
            },
        };
        while reader.step().ok()? {}
        Some(reader.answer)
    }

    /// The JSON objects that are not quoted.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Fields> {
        let values = self.values.iter();
        values.filter_map(|found| found.json.as_object())
    }

    /// The one JSON value that is all of the answer, but for a code fence around it.
    pub(super) fn only_value(&self) -> Option<&Found> {
        let [found] = self.values.as_slice() else {
            return None;
        };
        let before = self.text.get(..found.range.start)?.trim();
        let behind = self.text.get(found.range.end..)?.trim();
        let word = before.trim_start_matches('`');
        let is_fence = before.len() - word.len() >= 3
            && before.strip_suffix(word) == Some(behind)
            && word.chars().all(|c| c.is_ascii_alphanumeric());
        (is_fence || (before.is_empty() && behind.is_empty())).then_some(found)
    }

    /// The JSON objects that may be quoted.
    pub(super) fn doubtful_objects(&self) -> impl Iterator<Item = &Fields> {
        self.doubtful.iter().filter_map(Json::as_object)
    }

    /// Whether something that cannot be read as JSON has a field with this name.
    pub(super) fn has_broken(&self, name: &str) -> bool {
        // ASCII only, so that places in the one are places in the other.
        let prose = self.prose.to_ascii_lowercase();
        prose.match_indices(name).any(|(at, _)| {
            let before = prose.get(..at).unwrap_or_default();
            let behind = prose.get(at + name.len()..).unwrap_or_default();
            let behind = match before.chars().next_back() {
                Some(quote @ ('"' | '\'')) => behind.strip_prefix(quote),
                _ => Some(behind).filter(|_| before.trim_end().ends_with('{')),
            };
            behind.is_some_and(|behind| behind.trim_start().starts_with(':'))
        })
    }
}

/// Without a byte order mark, and without the backticks around an answer that is nothing but inline code.
fn without_marks_around(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim();
    let inner = text
        .strip_prefix('`')
        .and_then(|text| text.strip_suffix('`'));
    inner.filter(|text| !text.contains('`')).unwrap_or(text)
}

struct Reader<'t> {
    rest: &'t str,
    at_line_start: bool,
    /// How many braces of the prose are still open. Within them, JSON is a part of something that is broken.
    open_braces: usize,
    answer: Answer<'t>,
}

impl Reader<'_> {
    /// Reads on; false at the end.
    fn step(&mut self) -> Result<bool, TooDeep> {
        let Some(next) = self.rest.chars().next() else {
            return Ok(false);
        };
        if self.at_line_start && self.rest.trim_start_matches([' ', '\t']).starts_with('>') {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            return Ok(true);
        }
        match next {
            '{' | '[' => {
                if let Some((value, length)) = json_at(self.rest)? {
                    self.take(value, length);
                    return Ok(true);
                }
            }
            '`' => {
                self.skip(code_at(self.rest));
                return Ok(true);
            }
            _ => {}
        }
        match next {
            '{' => self.open_braces += 1,
            '}' => self.open_braces = self.open_braces.saturating_sub(1),
            _ => {}
        }
        self.answer.prose.push(next);
        self.skip(next.len_utf8());
        self.at_line_start = next == '\n' || (self.at_line_start && next.is_whitespace());
        Ok(true)
    }

    fn take(&mut self, value: Json, length: usize) {
        let is_quoted = self
            .answer
            .prose
            .ends_with(['"', '\'', '“', '”', '„', '‘', '’', '«', '»']);
        let answer = &mut self.answer;
        if is_quoted || self.open_braces > 0 {
            answer.doubtful.push(value);
        } else {
            let start = answer.text.len() - self.rest.len();
            answer.values.push(Found {
                json: value,
                range: start..start + length,
                place: answer.prose.len(),
            });
        }
        self.answer.prose.push(VALUE);
        self.skip(length);
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.at_line_start = false;
    }
}

/// There is JSON that goes deeper than it is read.
struct TooDeep;

/// The JSON object or array at the beginning of `text`, and its length in bytes.
fn json_at(text: &str) -> Result<Option<(Json, usize)>, TooDeep> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    match values.next() {
        Some(Ok(value)) => Ok(Some((value, values.byte_offset()))),
        // Looking on inside of it would take time that grows with the square of its length.
        Some(Err(error)) if error.to_string().contains("recursion limit") => Err(TooDeep),
        _ => Ok(None),
    }
}

/// The length of what the backticks at the beginning of `text` begin: the marks of a fence, with the word behind them, or inline
/// code as a whole.
fn code_at(text: &str) -> usize {
    let behind = text.trim_start_matches('`');
    let marks = text.len() - behind.len();
    let line = behind.lines().next().unwrap_or_default();
    if marks >= 3 {
        let word = line.find(|c: char| !c.is_ascii_alphanumeric());
        return marks + word.unwrap_or(line.len());
    }
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|line| line.find('`')) {
        let closing = line.get(from + at..).unwrap_or_default();
        let length = closing.len() - closing.trim_start_matches('`').len();
        from += at + length;
        if length == marks {
            return marks + from;
        }
    }
    marks
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Json, M::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(InOrder::Any)?;
            fields.push((name, value));
        }
        Ok(Json::Object(Fields(fields)))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Json, S::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Answer<'_> {
        Answer::read(text, 1 << 20).unwrap()
    }

    fn names(text: &str) -> Vec<String> {
        let answer = read(text);
        let names = answer.objects().flat_map(|fields| &fields.0);
        names.map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn an_object_is_found_wherever_an_answer_may_be() {
        for text in [
            r#"{"a": 1}"#,
            "\u{feff} {\"a\": 1}\r\n",
            "```json\n{\"a\": 1}\n```",
            "```{\"a\": 1}```",
            "`{\"a\": 1}`",
            "Here it is: {\"a\": 1}. Done.",
            "Of {two} things:\n\n{\"a\": {\"b\": [\"}\", {\"c\": \"{\"}]}}",
            "See [1], [x] and `{\"no\": 1}`: {\"a\": 1}",
        ] {
            assert_eq!(names(text), ["a"], "{text}");
        }
    }

    #[test]
    fn a_quotation_is_no_answer() {
        for text in [
            "> {\"a\": 1}",
            "It says:\n  > {\"a\": 1}\nand more.",
            "It says `{\"a\": 1}` there.",
            "It says ``{\"a\": `1`}``{",
            "It says \"{\"a\": 1}\".",
            "It says “{\"a\": 1}”.",
            r#"[{"a": 1}]"#,
            r#"{"broken": NaN, "quoted": {"a": 1}}"#,
            r#"{"broken": {"a": 1}"#,
            r#"["{\"a\": 1}"]"#,
        ] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_value_is_alone_if_nothing_but_a_fence_is_around_it() {
        for text in [
            r#" {"a": 1} "#,
            "\u{feff}`{\"a\": 1}`\n",
            "```json\n{\"a\": 1}\n```\n",
            "````\n{\"a\": 1}````",
        ] {
            assert!(read(text).only_value().is_some(), "{text}");
        }
        for text in [
            "",
            "{\"a\": 1} {\"a\": 1}",
            "{\"a\": 1}.",
            "> no\n{\"a\": 1}",
            "`no` {\"a\": 1}",
            "```json\n{\"a\": 1}",
            "```json\n{\"a\": 1}\n````",
            "```so it says\n{\"a\": 1}\n```",
            "\"{\"a\": 1}\"",
        ] {
            assert!(read(text).only_value().is_none(), "{text}");
        }
    }

    #[test]
    fn a_field_that_is_there_twice_is_found_twice() {
        let answer = read(r#"{"a": 1, "b": 2, "A": 3}"#);
        let fields = answer.objects().next().unwrap();
        assert_eq!(fields.all("a").collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_field_of_something_broken_is_noticed() {
        for text in [
            r#"{"score": NaN}"#,
            r#"{"x": 1, "SCORE" : 1e999}"#,
            "{'x': None, 'score': 1}",
            "{ score: 1 }",
            r#"{"score": 1"#,
        ] {
            assert!(read(text).has_broken("score"), "{text}");
        }
        for text in [
            r#"{"score": 1}"#,
            "The score: 1",
            "Its \"score\" is 1: so",
            "So `{\"score\": NaN}`.",
            "scores",
        ] {
            assert!(!read(text).has_broken("score"), "{text}");
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_not_read() {
        assert!(Answer::read("12345", 4).is_none());
    }

    #[test]
    fn json_that_is_nested_too_deep_is_not_read() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(read(&nested(127)).values.len(), 1);
        for deep in [
            nested(128),
            format!("{{\"verdict\": \"VALID\"}} {}", "[".repeat(100_000)),
            "{\"a\":[".repeat(20_000),
        ] {
            assert!(Answer::read(&deep, 1 << 20).is_none());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "([{}\\[\\]\"'`>:,\\\\]|\n|```json|a|1|ü|\\PC){0,60}") {
            let answer = read(&text);
            // An object of two bytes leaves a mark of three.
            prop_assert!(answer.prose.len() <= 2 * text.len());
        }
    }
}
