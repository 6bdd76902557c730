//! What the daemon answers to, as an OpenAPI 3.1 document.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    failure::Problem,
    operation::{Kind, Who},
    operations::{self, Entry},
};

/// The document. It is made of the same list as the routes.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = Map::new();
    let problem = generator.subschema_for::<Problem>();
    for entry in operations::ALL {
        let method = match entry.kind {
            Kind::Question => "get",
            Kind::Command => "post",
        };
        let path = json!({ method: operation(entry, &mut generator, problem.as_value()) });
        paths.insert(format!("/v1/{}", entry.name), path);
    }
    for (path, summary) in [
        ("/health", "Whether the process is there. Needs no token."),
        ("/ready", "Whether it answers. Needs no token."),
        ("/metrics", "Numbers for Prometheus. For the owner."),
        (
            "/v1/events",
            "What happens, as server-sent events, from `?after=` or `Last-Event-ID` on. For the owner.",
        ),
        ("/v1/socket", "A WebSocket for calls, answers and messages."),
        ("/v1/openapi.json", "This document."),
    ] {
        let mut get =
            json!({"summary": summary, "responses": {"200": {"description": "It does."}}});
        if summary.contains("no token") {
            get.as_object_mut()
                .map(|get| get.insert("security".to_owned(), json!([])));
        }
        paths.insert(path.to_owned(), json!({ "get": get }));
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "swarm",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The daemon of swarm. It listens on this machine only; where, is in `daemon/address.json` of the home folder.",
        },
        "servers": [{"url": "http://127.0.0.1:{port}", "variables": {"port": {"default": "0"}}}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {
                "type": "http", "scheme": "bearer",
                "description": "What is in `daemon/token` of the home folder, or the credential that `peers/join` gave.",
            }},
        },
    })
}

fn operation(entry: &Entry, generator: &mut SchemaGenerator, problem: &Value) -> Value {
    let answer = (entry.answer)(generator);
    let who = match entry.who {
        Who::Anybody => "The owner and every peer may ask.",
        Who::Owner => "Only the owner may ask.",
    };
    let mut operation = json!({
        "operationId": entry.name.replace(['/', '-'], "_"),
        "tags": [entry.name.split('/').next()],
        "summary": entry.summary,
        "description": who,
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            "default": {"description": "Not done.", "content": {"application/json": {"schema": problem}}},
        },
    });
    let (name, value) = match entry.kind {
        Kind::Command => {
            let schema = (entry.request)(generator);
            (
                "requestBody",
                json!({"required": true, "content": {"application/json": {"schema": schema}}}),
            )
        }
        Kind::Question => ("parameters", parameters(entry)),
    };
    if let Some(fields) = operation.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    operation
}

/// The fields of a question, as they are in the query.
fn parameters(entry: &Entry) -> Value {
    // With what it refers to in itself: the request as a whole is nowhere in the document.
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut own = settings.into_generator();
    let schema = (entry.request)(&mut own);
    let schema = schema.as_value();
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| {
        required.is_some_and(|required| required.iter().any(|one| one.as_str() == Some(name)))
    };
    let fields = schema.get("properties").and_then(Value::as_object);
    let parameters = fields.into_iter().flatten().map(|(name, schema)| {
        json!({"name": name, "in": "query", "required": is_required(name), "schema": schema})
    });
    parameters.collect()
}
