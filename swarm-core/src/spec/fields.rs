//! Reading JSON objects whose every field must be known.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::SpecError;
use crate::suggest::nearest;

/// Reads `value` as an object with no other fields than `known`; `place` names it in errors.
pub(super) fn read<T: DeserializeOwned>(
    value: Value,
    known: &[&str],
    place: &str,
) -> Result<T, SpecError> {
    let Value::Object(mut object) = value else {
        return Err(SpecError::shape(
            place,
            format!("expected an object, got {}", kind(&value)),
        ));
    };
    if let Some(field) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(SpecError::UnknownField {
            place: place.to_owned(),
            suggestion: nearest(field, known.iter().copied()).map(str::to_owned),
            field: field.clone(),
        });
    }
    // Null says the same as an absent field.
    object.retain(|_, value| !value.is_null());
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." {
            place.to_owned()
        } else {
            format!("{place}.{path}")
        };
        SpecError::shape(place, error.into_inner().to_string())
    })
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
