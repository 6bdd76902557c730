//! A definition as it was written: what is in it, in its order, and where.

mod json;
mod toml;

use serde_json::Value;
use swarm_core::error_code::ErrorCode;

use crate::{
    diagnostics::{Diagnostic, Diagnostics, Position},
    place::{Path, Segment},
};

/// How deep objects and lists may be nested in each other.
const MAX_DEPTH: usize = 64;

/// A definition as it was written, before anybody asked what it means.
#[derive(Clone, Debug)]
pub struct Source {
    root: Node,
    /// The text, if there is one, and where its lines begin.
    text: Option<Text>,
    name: Option<String>,
}

#[derive(Clone, Debug)]
struct Text {
    text: String,
    lines: Vec<usize>,
}

/// A value, and where it begins in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Written,
    offset: usize,
}

/// A value. The fields of an object are in their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// Something that JSON cannot say, such as a date.
    Other(&'static str),
}

/// What some editors put before a text.
const BOM: char = '\u{feff}';

impl Source {
    /// The longest text that is read, in bytes: 16 MiB.
    pub const MAX_BYTES: usize = 16 << 20;

    /// Reads JSON. Space around it is fine.
    ///
    /// # Errors
    ///
    /// `invalid_json`, with line and column.
    pub fn json(text: &str) -> Result<Self, Diagnostics> {
        check_length(text)?;
        let text = text.strip_prefix(BOM).unwrap_or(text);
        let root = json::read(text)?;
        Ok(Self::with_text(root, text))
    }

    /// Reads TOML.
    ///
    /// # Errors
    ///
    /// `invalid_toml`, with line and column.
    pub fn toml(text: &str) -> Result<Self, Diagnostics> {
        check_length(text)?;
        let root = toml::read(text)?;
        Ok(Self::with_text(root, text))
    }

    /// Reads JSON if the first character of the text that is not space is `{` or `[`, and TOML else.
    ///
    /// # Errors
    ///
    /// Those of [`json`](Self::json) and of [`toml`](Self::toml). A text that begins with `[[` can be neither but TOML.
    pub fn text(text: &str) -> Result<Self, Diagnostics> {
        let begins = text.strip_prefix(BOM).unwrap_or(text).trim_start();
        // A list cannot be a pipeline, and `[[steps]]` and `[governors.x]` are how tables of TOML begin.
        let is_table = begins
            .strip_prefix('[')
            .is_some_and(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_alphabetic()));
        if begins.starts_with(['{', '[']) && !is_table {
            Self::json(text)
        } else {
            Self::toml(text)
        }
    }

    /// A definition that is in memory already. Nothing in it has a line or a column, and its fields are in the order in which
    /// `value` has them, which is that of the alphabet.
    pub fn value(value: &Value) -> Self {
        Self {
            root: Node::from_value(value),
            text: None,
            name: None,
        }
    }

    /// Says under which name it is saved, so that it cannot name itself.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn with_text(root: Node, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
        Self {
            root,
            text: Some(Text {
                lines: lines.collect(),
                text: text.to_owned(),
            }),
            name: None,
        }
    }

    pub(crate) const fn root(&self) -> &Node {
        &self.root
    }

    /// Where the value at `path` begins; that of what is around it if it is not there.
    pub(crate) fn offset(&self, path: &Path) -> Option<usize> {
        self.text.as_ref()?;
        let mut node = &self.root;
        for segment in &path.0 {
            let inner = match (&node.value, segment) {
                (Written::Object(fields), Segment::Key(key)) => {
                    let mut fields = fields.iter();
                    fields.find(|(name, _)| name == key).map(|(_, node)| node)
                }
                (Written::List(items), Segment::Index(index)) => items.get(*index),
                // What may be written as a list alone or as an object with one.
                (Written::Object(fields), Segment::Index(index)) => {
                    fields.iter().find_map(|(name, node)| match &node.value {
                        Written::List(items) if name == "tasks" || name == "checks" => {
                            items.get(*index)
                        }
                        _ => None,
                    })
                }
                _ => None,
            };
            let Some(inner) = inner else { break };
            node = inner;
        }
        Some(node.offset)
    }

    pub(crate) fn position(&self, offset: usize) -> Option<Position> {
        let text = self.text.as_ref()?;
        let line = text.lines.partition_point(|begin| *begin <= offset);
        let begin = text.lines.get(line.checked_sub(1)?)?;
        let before = text.text.get(*begin..offset)?;
        Some(Position {
            line,
            column: before.chars().count() + 1,
        })
    }
}

impl Node {
    pub(crate) fn from_value(value: &Value) -> Self {
        let value = match value {
            Value::Null => Written::Null,
            Value::Bool(bool) => Written::Bool(*bool),
            Value::Number(number) => Written::Number(number.clone()),
            Value::String(text) => Written::Text(text.clone()),
            Value::Array(items) => Written::List(items.iter().map(Self::from_value).collect()),
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| (name.clone(), Self::from_value(value)));
                Written::Object(fields.collect())
            }
        };
        Self { value, offset: 0 }
    }

    /// The same as a value. Of fields with the same name the last counts.
    pub(crate) fn to_value(&self) -> Value {
        match &self.value {
            Written::Null => Value::Null,
            Written::Bool(bool) => Value::Bool(*bool),
            Written::Number(number) => Value::Number(number.clone()),
            Written::Text(text) => Value::String(text.clone()),
            Written::List(items) => items.iter().map(Self::to_value).collect(),
            Written::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, node)| (name.clone(), node.to_value()));
                Value::Object(fields.collect())
            }
            Written::Other(what) => Value::String((*what).to_owned()),
        }
    }

    /// What it is, for people.
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.value {
            Written::Null => "null",
            Written::Bool(_) => "a boolean",
            Written::Number(_) => "a number",
            Written::Text(_) => "a text",
            Written::List(_) => "a list",
            Written::Object(_) => "an object",
            Written::Other(what) => what,
        }
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self.value, Written::Null)
    }
}

fn check_length(text: &str) -> Result<(), Diagnostics> {
    if text.len() <= Source::MAX_BYTES {
        return Ok(());
    }
    let message = format!(
        "the definition has {} bytes, and at most {} are read",
        text.len(),
        Source::MAX_BYTES
    );
    Err(unreadable(ErrorCode::InvalidInput, None, message))
}

/// The line and the column of a byte, both from 1. Looks through all that is ahead of it.
fn position_in(text: &str, offset: usize) -> Option<Position> {
    let before = text.get(..offset)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some(Position {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    })
}

fn unreadable(code: ErrorCode, position: Option<Position>, message: String) -> Diagnostics {
    let only = Diagnostic {
        code,
        pipeline: None,
        place: String::new(),
        position,
        message,
        suggestion: None,
    };
    Diagnostics::new(vec![only.in_one_line()])
}

fn too_deep(code: ErrorCode) -> Diagnostics {
    let message = format!("objects and lists are nested more than {MAX_DEPTH} deep in each other");
    unreadable(code, None, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_toml_are_told_apart_by_their_beginning() {
        for (text, is_toml) in [
            (" \n{}", false),
            ("[]", false),
            ("[1]", false),
            ("[[steps]]\nprompt = \"a\"", true),
            ("[governors.x]\nspec = \"a\"", true),
            ("name = \"a\"", true),
            ("# a comment\nname = \"a\"", true),
        ] {
            let read = Source::text(text).unwrap();
            let same = if is_toml {
                Source::toml(text)
            } else {
                Source::json(text)
            };
            assert_eq!(read.root, same.unwrap().root, "{text}");
        }
    }

    #[test]
    fn a_mistake_in_the_text_has_its_line_and_column() {
        let error = Source::json("{\n  \"a\": }\n").unwrap_err();
        let first = error.iter().next().unwrap();
        assert_eq!(first.code, ErrorCode::InvalidJson);
        assert_eq!(first.position.unwrap().line, 2);
        // A number that is none, which only its own line can tell.
        for (text, column) in [
            ("{\"é\": [1,\n  {\"ü\": 1e999}]}", 9),
            ("{\n  \"b\": 1, \"a\": -1e999}", 16),
        ] {
            let error = Source::json(text).unwrap_err();
            let first = error.iter().next().unwrap();
            let position = first.position.unwrap();
            assert_eq!((position.line, position.column), (2, column), "{error}");
            assert!(!first.message.contains("column"), "{error}");
        }
        let error = Source::toml("a = 1\nb = = 2\n").unwrap_err();
        let first = error.iter().next().unwrap();
        assert_eq!(first.code, ErrorCode::InvalidToml);
        assert_eq!(first.position.unwrap().line, 2);
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_without_going_there() {
        for deep in [70, 100_000] {
            let json = format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
            let toml = format!("a = {json}");
            assert!(Source::json(&json).is_err());
            assert!(Source::toml(&toml).is_err());
        }
    }

    #[test]
    fn both_notations_say_the_same_in_the_same_order() {
        let json = r#"{"z": 1, "a": [true, 1.5, "é"], "m": {"y": null, "b": {"c": "d"}}}"#;
        let toml = "z = 1\na = [true, 1.5, \"é\"]\n[m]\nb = {c = \"d\"}\n";
        let from_json = Source::json(json).unwrap();
        let from_toml = Source::toml(toml).unwrap();
        let names = |source: &Source| match &source.root.value {
            Written::Object(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(names(&from_json), ["z", "a", "m"]);
        assert_eq!(names(&from_toml), ["z", "a", "m"]);
        let mut value = from_json.root.to_value();
        assert_eq!(value.pointer("/m/y"), Some(&Value::Null));
        value["m"].as_object_mut().unwrap().remove("y");
        assert_eq!(from_toml.root.to_value(), value);
        let dated = Source::toml("a = 2026-01-01\nb = nan").unwrap();
        assert_eq!(
            dated.root.to_value(),
            json!({"a": "a date", "b": "a number that is none"})
        );
    }

    #[test]
    fn a_place_leads_to_its_line_and_column() {
        let source = Source::json("{\n \"é\": [10,\n   {\"x\": \"ü\", \"y\": 3}]}").unwrap();
        let place = |keys: &[Segment]| {
            let offset = source.offset(&Path(keys.to_vec())).unwrap();
            let position = source.position(offset).unwrap();
            (position.line, position.column)
        };
        let key = |key: &str| Segment::Key(key.to_owned());
        assert_eq!(place(&[]), (1, 1));
        assert_eq!(place(&[key("é")]), (2, 7));
        assert_eq!(place(&[key("é"), Segment::Index(1)]), (3, 4));
        assert_eq!(place(&[key("é"), Segment::Index(1), key("y")]), (3, 20));
        // What is not there is where it ought to be.
        assert_eq!(place(&[key("é"), Segment::Index(1), key("z")]), (3, 4));
    }
}
