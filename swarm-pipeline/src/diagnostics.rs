//! Everything that is wrong with a definition.

use std::fmt;

use serde::Serialize;
use swarm_core::error_code::{Coded, ErrorCode};

use crate::{
    place::{Path, Place},
    source::Source,
};

/// One thing that is wrong, or that is worth a second look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Its stable name.
    pub code: ErrorCode,
    /// The name of the pipeline that it is in, if that is one that another refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Where it is, such as `steps[3].on_fail`; empty for the definition as a whole.
    pub place: String,
    /// The same in the text, if it was read from one.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What is wrong, and what to do.
    pub message: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pipeline) = &self.pipeline {
            write!(f, "pipeline `{pipeline}`: ")?;
        }
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a definition, in the order of its text. At least one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostic {
    /// The same with texts that stay in their line: what somebody wrote must not look like a mistake of its own.
    pub(crate) fn in_one_line(self) -> Self {
        Self {
            message: one_line(self.message),
            suggestion: self.suggestion.map(one_line),
            ..self
        }
    }
}

/// `text` with escapes for what ends a line, controls a terminal or turns the direction of text.
fn one_line(text: String) -> String {
    let controls = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    if !text.contains(controls) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if controls(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

impl Diagnostics {
    pub(crate) const fn new(all: Vec<Diagnostic>) -> Self {
        Self(all)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => only.fmt(f),
            all => {
                write!(f, "{} things are wrong with the pipeline:", all.len())?;
                all.iter().try_for_each(|one| write!(f, "\n- {one}"))
            }
        }
    }
}

impl std::error::Error for Diagnostics {}

impl Coded for Diagnostics {
    /// That of the only thing that is wrong, or `invalid_pipeline` if there are several.
    fn code(&self) -> ErrorCode {
        match self.0.as_slice() {
            [only] => only.code,
            _ => ErrorCode::InvalidPipeline,
        }
    }
}

/// What is wrong so far, while it is collected.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

#[derive(Debug)]
struct Mistake {
    path: Path,
    code: ErrorCode,
    message: String,
    suggestion: Option<String>,
}

impl Mistakes {
    pub(crate) fn add(&mut self, place: &Place<'_>, code: ErrorCode, message: impl Into<String>) {
        self.suggest(place, code, message, None);
    }

    pub(crate) fn suggest(
        &mut self,
        place: &Place<'_>,
        code: ErrorCode,
        message: impl Into<String>,
        suggestion: Option<&str>,
    ) {
        self.0.push(Mistake {
            path: place.path(),
            code,
            message: message.into(),
            suggestion: suggestion.map(str::to_owned),
        });
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Each with its position in `source`, in the order of the text.
    pub(crate) fn resolve(self, source: &Source, pipeline: Option<&str>) -> Vec<Diagnostic> {
        let mut found: Vec<(Option<usize>, Mistake)> = self
            .0
            .into_iter()
            .map(|mistake| (source.offset(&mistake.path), mistake))
            .collect();
        found.sort_by_key(|(offset, _)| offset.unwrap_or_default());
        found
            .into_iter()
            .map(|(offset, mistake)| Diagnostic {
                code: mistake.code,
                pipeline: pipeline.map(str::to_owned),
                place: mistake.path.to_string(),
                position: offset.and_then(|offset| source.position(offset)),
                message: mistake.message,
                suggestion: mistake.suggestion,
            })
            .map(Diagnostic::in_one_line)
            .collect()
    }
}
