//! JSON Schemas of names and numbers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{AlertId, FileId, MAX_NAME, MessageId, PeerId, PeerName, PinId, SnippetId, TaskId};

macro_rules! names {
    ($($name:ident)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
                    "maxLength": MAX_NAME,
                })
            }
        }
    )*};
}

macro_rules! numbers {
    ($($name:ident)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                u64::json_schema(generator)
            }
        }
    )*};
}

names!(PeerId PeerName);
numbers!(AlertId FileId MessageId PinId SnippetId TaskId);
