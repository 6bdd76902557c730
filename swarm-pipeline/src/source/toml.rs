//! TOML, with the place of every value.

use swarm_core::error_code::ErrorCode;
use toml_edit::{Document, Item, TableLike, Value};

use super::{MAX_DEPTH, Node, Written, position_in, too_deep, unreadable};
use crate::diagnostics::Diagnostics;

pub(super) fn read(text: &str) -> Result<Node, Diagnostics> {
    let document = Document::parse(text).map_err(|error| {
        let position = error.span().and_then(|span| position_in(text, span.start));
        let message = format!(
            "the definition is not valid TOML: {}",
            error.message().trim()
        );
        unreadable(ErrorCode::InvalidToml, position, message)
    })?;
    let root = table(document.as_table(), 0)?;
    Ok(Node {
        value: root,
        offset: 0,
    })
}

fn item(item: &Item, depth: usize) -> Result<Node, Diagnostics> {
    let offset = item.span().map_or(0, |span| span.start);
    let written = match item {
        Item::None => Written::Null,
        Item::Value(inner) => value(inner, depth)?,
        Item::Table(inner) => table(inner, depth)?,
        Item::ArrayOfTables(tables) => {
            let nodes = tables.iter().map(|inner| {
                Ok(Node {
                    value: table(inner, depth + 1)?,
                    offset: inner.span().map_or(offset, |span| span.start),
                })
            });
            Written::List(nodes.collect::<Result<_, Diagnostics>>()?)
        }
    };
    Ok(Node {
        value: written,
        offset,
    })
}

fn table(table: &dyn TableLike, depth: usize) -> Result<Written, Diagnostics> {
    if depth >= MAX_DEPTH {
        return Err(too_deep(ErrorCode::InvalidToml));
    }
    let fields = table
        .iter()
        .map(|(name, inner)| Ok((name.to_owned(), item(inner, depth + 1)?)));
    Ok(Written::Object(fields.collect::<Result<_, Diagnostics>>()?))
}

fn value(value: &Value, depth: usize) -> Result<Written, Diagnostics> {
    Ok(match value {
        Value::String(text) => Written::Text(text.value().clone()),
        Value::Integer(number) => Written::Number((*number.value()).into()),
        Value::Float(number) => serde_json::Number::from_f64(*number.value())
            .map_or(Written::Other("a number that is none"), Written::Number),
        Value::Boolean(bool) => Written::Bool(*bool.value()),
        Value::Datetime(_) => Written::Other("a date"),
        Value::Array(items) => {
            if depth >= MAX_DEPTH {
                return Err(too_deep(ErrorCode::InvalidToml));
            }
            let nodes = items.iter().map(|inner| {
                Ok(Node {
                    value: self::value(inner, depth + 1)?,
                    offset: inner.span().map_or(0, |span| span.start),
                })
            });
            Written::List(nodes.collect::<Result<_, Diagnostics>>()?)
        }
        Value::InlineTable(inner) => table(inner, depth)?,
    })
}
