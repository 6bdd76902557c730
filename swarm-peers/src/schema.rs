//! JSON Schemas of names and numbers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{AlertId, FileId, MAX_NAME, MessageId, PeerId, PeerName, PinId, SnippetId, TaskId};

fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$",
        "maxLength": MAX_NAME,
    })
}

macro_rules! schema {
    ($schema:path: $($type:ident)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                $schema(generator)
            }
        }
    )*};
}

schema!(name: PeerId PeerName);
schema!(u64::json_schema: AlertId FileId MessageId PinId SnippetId TaskId);
