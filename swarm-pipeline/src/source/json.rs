//! JSON, with the place of every value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use swarm_core::error_code::ErrorCode;

use super::{MAX_DEPTH, Node, Written, position_in, too_deep, unreadable};
use crate::diagnostics::{Diagnostics, Position};

pub(super) fn read(text: &str) -> Result<Node, Diagnostics> {
    let invalid = |error: &serde_json::Error| {
        let position = Position {
            line: error.line(),
            column: error.column(),
        };
        not_valid(Some(position), error)
    };
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    node(raw, text, 0)
}

fn not_valid(position: Option<Position>, error: &serde_json::Error) -> Diagnostics {
    let told = error.to_string();
    // The position is told on its own.
    let message = told.rsplit_once(" at line ").map_or(&*told, |(m, _)| m);
    let message = format!("the definition is not valid JSON: {message}");
    unreadable(ErrorCode::InvalidJson, position, message)
}

/// Reads one level after the other, since a raw value still knows its place in the text, and a value that was read does not.
fn node(raw: &RawValue, whole: &str, depth: usize) -> Result<Node, Diagnostics> {
    let text = raw.get();
    let offset = text.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    // As a part of the whole it was only skipped, where a number may be of any size. The error knows only this part.
    let unfit = |error| not_valid(position_in(whole, offset), &error);
    let inner = |raw| node(raw, whole, depth + 1);
    let is_deep = depth >= MAX_DEPTH;
    let value = match text.as_bytes().first() {
        Some(b'{' | b'[') if is_deep => return Err(too_deep(ErrorCode::InvalidJson)),
        Some(b'{') => {
            let Fields(fields) = serde_json::from_str(text).map_err(unfit)?;
            let fields = fields.into_iter();
            let fields = fields.map(|(name, raw)| Ok((name, inner(raw)?)));
            Written::Object(fields.collect::<Result<_, Diagnostics>>()?)
        }
        Some(b'[') => {
            let Items(items) = serde_json::from_str(text).map_err(unfit)?;
            let items = items.into_iter().map(inner);
            Written::List(items.collect::<Result<_, Diagnostics>>()?)
        }
        _ => Node::from_value(&serde_json::from_str(text).map_err(unfit)?).value,
    };
    Ok(Node { value, offset })
}

/// The fields of an object in their order, also those that are there twice.
struct Fields<'t>(Vec<(String, &'t RawValue)>);
struct Items<'t>(Vec<&'t RawValue>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(InOrder)
    }
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        from.deserialize_seq(InOrder)
    }
}
