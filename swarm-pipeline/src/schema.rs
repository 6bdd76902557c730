//! The JSON Schema of a definition, for editors.

use serde_json::{Map, Value, json};

use crate::{definition::Definition, fields::Fieldset, forms::Form as _};

/// The JSON Schema (draft 2020-12) of a definition. Made from what reads definitions, so it knows every field.
///
/// What it accepts may still be wrong: whether a step or a sandbox exists only [`compile`](crate::compile()) can tell.
pub fn schema() -> Value {
    let mut schemas = Schemas::default();
    let root = Definition::schema(&mut schemas);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of swarm",
    });
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
        schema.insert("$defs".to_owned(), Value::Object(schemas.0));
    }
    schema
}

/// The schemas of objects, by name.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Map<String, Value>);

impl Schemas {
    /// A reference to the schema of an object; made once.
    pub(crate) fn record(
        &mut self,
        name: &'static str,
        about: &str,
        fields: impl FnOnce(&mut Fieldset<'_, '_>),
    ) -> Value {
        if !self.0.contains_key(name) {
            // Works contain works.
            self.0.insert(name.to_owned(), Value::Null);
            let mut schema = Fieldset::describe(self, fields);
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), about.into());
            }
            self.0.insert(name.to_owned(), schema);
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }
}
