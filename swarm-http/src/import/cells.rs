//! One row, as it was found. Their programs check nothing, so anything can be anywhere.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use swarm_core::time::Timestamp;
use swarm_peers::PeerId;

/// The largest value that is read, in bytes: more than anything that is taken.
pub(super) const MAX_VALUE: i64 = 2 * 1024 * 1024;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Number(i64),
    Text(String),
    /// What it is instead.
    Odd(&'static str),
    /// How many bytes it has.
    Large(i64),
}

impl Cell {
    /// Of a value and its length, of which it is not read if that is too great.
    pub(super) fn of(length: Option<i64>, value: ValueRef<'_>) -> Self {
        if let Some(length) = length.filter(|length| *length > MAX_VALUE) {
            return Self::Large(length);
        }
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Number(number),
            ValueRef::Real(_) => Self::Odd("a number with a fraction"),
            ValueRef::Blob(_) => Self::Odd("bytes"),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Odd("a text that is not UTF-8"),
            },
        }
    }
}

/// The values of a row by their columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells(pub(super) BTreeMap<&'static str, Cell>);

/// Why a row cannot be taken.
pub(super) type Why = String;

impl Cells {
    /// A text; a number is one as well, as it is there.
    pub(super) fn text(&self, column: &str) -> Result<String, Why> {
        self.maybe(column)?
            .ok_or_else(|| format!("{column} is empty"))
    }

    /// A text that may be missing, as may its column in databases of earlier versions.
    pub(super) fn maybe(&self, column: &str) -> Result<Option<String>, Why> {
        match self.0.get(column) {
            None | Some(Cell::Null) => Ok(None),
            Some(Cell::Text(text)) => Ok(Some(text.clone())),
            Some(Cell::Number(number)) => Ok(Some(number.to_string())),
            Some(Cell::Odd(what)) => Err(format!("{column} is {what}")),
            Some(Cell::Large(bytes)) => Err(format!("{column} has {bytes} bytes")),
        }
    }

    /// A whole number, if it is one.
    pub(super) fn number(&self, column: &str) -> Option<i64> {
        match self.0.get(column) {
            Some(Cell::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is anything but zero.
    pub(super) fn flag(&self, column: &str) -> Result<bool, Why> {
        match self.0.get(column) {
            None => Ok(false),
            Some(Cell::Number(number)) => Ok(*number != 0),
            Some(_) => Err(format!("{column} is neither 0 nor 1")),
        }
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp, Why> {
        let text = self.text(column)?;
        Timestamp::parse(&text).ok_or_else(|| format!("{column} is no time"))
    }

    pub(super) fn peer(&self, column: &str) -> Result<PeerId, Why> {
        let text = self.text(column)?;
        PeerId::new(text).map_err(|error| format!("{column}: {error}"))
    }
}
