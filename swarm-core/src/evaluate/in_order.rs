//! Changes of a pipeline, with words in the order in which they were written.
//!
//! A JSON value here has its fields in the order of the alphabet. In one place of a pipeline their order means something: of
//! `"retry_if": {"WORD": "id"}` the first word that is found counts. What a governor writes there so becomes the list that says the same.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};

/// Reads a value; what it is decides which of the fields in it are words.
#[derive(Clone, Copy)]
pub(super) enum InOrder {
    /// Anything.
    Any,
    /// What is called `steps`.
    Steps,
    /// One of those.
    Step,
    /// What is called `retry_if` in one of those.
    Words,
    /// Something that is none of the pipeline's.
    Foreign,
}

impl InOrder {
    fn field(self, name: &str) -> Self {
        match (self, name) {
            (Self::Foreign, _) | (_, "output_schema" | "env_vars" | "input_files") => Self::Foreign,
            (Self::Step, "retry_if") => Self::Words,
            (_, "steps") => Self::Steps,
            _ => Self::Any,
        }
    }

    const fn item(self) -> Self {
        match self {
            Self::Steps => Self::Step,
            Self::Foreign => Self::Foreign,
            _ => Self::Any,
        }
    }
}

impl<'de> DeserializeSeed<'de> for InOrder {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InOrder {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Value, S::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.item())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.field(&name))?;
            fields.push((name, value));
        }
        let are_words = |(_, step): &(String, Value)| step.is_string() || step.is_null();
        if matches!(self, Self::Words) && fields.iter().all(are_words) {
            // In an object, null says that a word is not there.
            let words = fields.into_iter().filter(|(_, step)| !step.is_null());
            return Ok(words
                .map(|(keyword, step)| json!({"keyword": keyword, "step": step}))
                .collect());
        }
        Ok(Value::Object(fields.into_iter().collect::<Map<_, _>>()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Value {
        let mut from = serde_json::Deserializer::from_str(text);
        InOrder::Any.deserialize(&mut from).unwrap()
    }

    #[test]
    fn words_of_a_step_keep_their_order_wherever_the_step_is() {
        let steps = r#"{"steps": [{"retry_if": {"Z": "one", "gone": null, "A": "two"}}]}"#;
        let words = json!([{"keyword": "Z", "step": "one"}, {"keyword": "A", "step": "two"}]);
        assert_eq!(read(steps), json!({"steps": [{"retry_if": words}]}));
        let within =
            format!(r#"{{"steps": [{{"map": {{"template": {{"pipeline": {steps}}}}}}}]}}"#);
        let template = &read(&within)["steps"][0]["map"]["template"];
        assert_eq!(template["pipeline"]["steps"][0]["retry_if"], words);
    }

    #[test]
    fn what_only_looks_like_words_stays_as_it_is() {
        for text in [
            r#"{"retry_if": {"Z": "one"}}"#,
            r#"{"steps": [{"retry_if": {"Z": 1, "A": "two"}}]}"#,
            r#"{"steps": [{"output_schema": {"steps": [{"retry_if": {"type": "string"}}]}}]}"#,
            r#"{"steps": [{"retry_if": [{"keyword": "Z", "step": "one"}]}]}"#,
        ] {
            assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap());
        }
    }

    proptest! {
        #[test]
        fn everything_else_is_read_as_it_is_otherwise(numbers in prop::collection::vec(any::<f64>(), 0..9), text: String, number: i64) {
            let value = json!({"a": [numbers, {"b": text, "c": [number, true, null, {}, []]}]});
            let text = value.to_string();
            prop_assert_eq!(read(&text), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
