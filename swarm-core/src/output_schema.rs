//! Whether an answer has the shape that was asked for.
//!
//! A program that is told the schema may hold its model to it or not; here it is checked again, whatever the program says.

use serde_json::Value;

use crate::spec::SpecError;

/// A JSON Schema that is one: draft 2020-12, or what its `$schema` says. It reaches neither network nor files.
#[derive(Debug)]
pub(crate) struct OutputSchema(jsonschema::Validator);

/// So many problems are told; the rest are counted.
const TOLD: usize = 3;

impl OutputSchema {
    /// Refuses what is no schema. Takes a millisecond or so.
    pub(crate) fn new(schema: &Value) -> Result<Self, SpecError> {
        let shape = |problem: String| SpecError::shape("output_schema", problem);
        if !schema.is_object() {
            return Err(shape(
                "expected a JSON Schema, which is an object".to_owned(),
            ));
        }
        match jsonschema::validator_for(schema) {
            Ok(validator) => Ok(Self(validator)),
            Err(error) => {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "its root" } else { &place };
                Err(shape(format!("it is no JSON Schema: at {place}, {error}")))
            }
        }
    }

    /// Says what is wrong with an answer, in words of the answer's own.
    pub(crate) fn objection(&self, answer: &str) -> Option<String> {
        let value: Value = match serde_json::from_str(answer) {
            Ok(value) => value,
            Err(error) => return Some(format!("the answer is not JSON: {error}")),
        };
        let mut problems = self.0.iter_errors(&value);
        let told: Vec<String> = problems
            .by_ref()
            .take(TOLD)
            .map(|problem| match problem.instance_path().to_string() {
                place if place.is_empty() => problem.to_string(),
                place => format!("{place}: {problem}"),
            })
            .collect();
        if told.is_empty() {
            return None;
        }
        let more = match problems.count() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Some(format!(
            "the answer is not as output_schema wants it: {}{more}",
            told.join("; ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_schema_is_refused_with_the_place() {
        for (schema, problem) in [
            (json!("text"), "which is an object"),
            (json!({"type": "objekt"}), "at /type"),
            (
                json!({"properties": {"n": {"minimum": "1"}}}),
                "/properties/n/minimum",
            ),
            (json!({"pattern": "("}), "pattern"),
            (json!({"$ref": "https://example.com/schema"}), "example.com"),
            (json!({"$ref": "file:///etc/passwd"}), "file:///etc/passwd"),
        ] {
            let error = OutputSchema::new(&schema).unwrap_err().to_string();
            assert!(error.starts_with("output_schema: "), "{error}");
            assert!(error.contains(problem), "{schema}: {error}");
        }
    }

    #[test]
    fn an_answer_is_held_to_the_schema_and_told_what_is_wrong() {
        let schema = json!({
            "type": "object",
            "properties": {"score": {"type": "number", "maximum": 10}, "why": {"type": "string"}},
            "required": ["score"],
            "additionalProperties": false,
        });
        let schema = OutputSchema::new(&schema).unwrap();
        let objection = |answer: &str| schema.objection(answer).unwrap_or_default();
        assert_eq!(objection(r#" {"score": 7.5, "why": "good"} "#), "");
        for (answer, problem) in [
            ("", "the answer is not JSON"),
            ("```json\n{\"score\": 1}\n```", "the answer is not JSON"),
            (r#"{"score": 11}"#, "/score: 11 is greater than"),
            (r#"{"why": "x"}"#, "\"score\" is a required property"),
            (r#"{"score": 1, "extra": 1}"#, "extra"),
            ("[]", "is not of type \"object\""),
        ] {
            assert!(
                objection(answer).contains(problem),
                "{answer}: {}",
                objection(answer)
            );
        }
    }

    #[test]
    fn of_many_problems_some_are_told_and_the_rest_counted() {
        let schema = OutputSchema::new(&json!({"items": {"type": "number"}})).unwrap();
        let objection = schema.objection(r#"["a", "b", "c", "d", "e"]"#).unwrap();
        assert!(objection.ends_with("; and 2 more"), "{objection}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(answer in ".*") {
            let schema = OutputSchema::new(&json!({"type": "object", "required": ["a"]})).unwrap();
            drop(schema.objection(&answer));
        }
    }
}
