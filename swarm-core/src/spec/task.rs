//! A task as somebody wrote it.

use std::fmt;

use serde_json::Value;

use super::{AgentSpec, SandboxSpec, SpecError, fields::kind};

/// A named sandbox, or one written in place.
#[derive(Clone, Debug, PartialEq)]
pub enum SandboxRef {
    /// By the name under which it was saved.
    Named(String),
    /// Written in place.
    Inline(Box<SandboxSpec>),
}

impl SandboxRef {
    /// Reads a name, or a sandbox as an object or as JSON text.
    pub fn from_json(value: Value, place: &str) -> Result<Self, SpecError> {
        match value {
            Value::String(text) if text.trim_start().starts_with('{') => {
                let value = parse(&text, place)?;
                Ok(Self::Inline(Box::new(SandboxSpec::from_json(
                    value, place,
                )?)))
            }
            Value::String(name) => Ok(Self::Named(name)),
            value @ Value::Object(_) => Ok(Self::Inline(Box::new(SandboxSpec::from_json(
                value, place,
            )?))),
            other => Err(SpecError::shape(
                place,
                format!(
                    "expected the name of a sandbox or an object, got {}",
                    kind(&other)
                ),
            )),
        }
    }
}

/// Where sandboxes are found by name.
pub trait Sandboxes: fmt::Debug {
    /// The sandbox saved as `name`.
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError>;
}

/// No named sandboxes at all.
#[derive(Clone, Copy, Debug)]
pub struct NoSandboxes;

impl Sandboxes for NoSandboxes {
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError> {
        Err(SpecError::UnknownSandbox {
            name: name.to_owned(),
            searched: "nothing".to_owned(),
            suggestion: None,
        })
    }
}

/// What somebody wants done: a prompt, a sandbox, and what differs from that sandbox.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// What to do.
    pub prompt: String,
    /// The sandbox to start from.
    pub sandbox: Option<SandboxRef>,
    /// What was said explicitly, and therefore wins.
    pub overrides: SandboxSpec,
}

impl Task {
    /// A task in the default sandbox.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            ..Self::default()
        }
    }

    /// Reads one task: an object with `prompt`, `sandbox` and the fields of a sandbox.
    pub fn from_json(value: Value, place: &str) -> Result<Self, SpecError> {
        let Value::Object(mut object) = value else {
            return Err(SpecError::shape(
                place,
                format!("expected an object with a `prompt`, got {}", kind(&value)),
            ));
        };
        let prompt = match object.remove("prompt") {
            Some(Value::String(prompt)) => prompt,
            None | Some(Value::Null) => return Err(missing_prompt(place, &object)),
            Some(other) => {
                let problem = format!("expected a string, got {}", kind(&other));
                return Err(SpecError::shape(format!("{place}.prompt"), problem));
            }
        };
        let sandbox = match object.remove("sandbox") {
            None | Some(Value::Null) => None,
            Some(value) => Some(SandboxRef::from_json(value, &format!("{place}.sandbox"))?),
        };
        let overrides = SandboxSpec::from_json(Value::Object(object), place)?;
        Ok(Self {
            prompt,
            sandbox,
            overrides,
        })
    }

    /// Reads a JSON list of tasks; `what` names it in errors. An empty list is an error.
    pub fn list_from_json(text: &str, what: &str) -> Result<Vec<Self>, SpecError> {
        match parse(text, what)? {
            Value::Array(items) if !items.is_empty() => items
                .into_iter()
                .enumerate()
                .map(|(i, item)| Self::from_json(item, &format!("{what}[{i}]")))
                .collect(),
            Value::Array(_) => Err(SpecError::shape(what, "the list is empty")),
            other => Err(SpecError::shape(
                what,
                format!("expected a list, got {}", kind(&other)),
            )),
        }
    }

    /// Looks the sandbox up, applies what was said explicitly and checks everything.
    pub fn resolve(self, sandboxes: &dyn Sandboxes) -> Result<AgentSpec, SpecError> {
        let base = match self.sandbox {
            None => SandboxSpec::default(),
            Some(SandboxRef::Inline(spec)) => *spec,
            Some(SandboxRef::Named(name)) => sandboxes.sandbox(&name)?,
        };
        AgentSpec::new(self.prompt, base.overridden_by(self.overrides))
    }
}

/// A missing prompt is often a misspelt one.
fn missing_prompt(place: &str, object: &serde_json::Map<String, Value>) -> SpecError {
    let unknown = object
        .keys()
        .find(|key| !SandboxSpec::FIELDS.contains(&key.as_str()));
    match unknown.filter(|key| crate::suggest::nearest(key, ["prompt"]).is_some()) {
        Some(field) => SpecError::UnknownField {
            place: place.to_owned(),
            field: field.clone(),
            suggestion: Some("prompt".to_owned()),
        },
        None => SpecError::shape(place, "it has no `prompt`"),
    }
}

fn parse(text: &str, what: &str) -> Result<Value, SpecError> {
    serde_json::from_str(text).map_err(|source| SpecError::Json {
        what: what.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        Task::list_from_json(text, "tasks").unwrap_err().to_string()
    }

    #[test]
    fn bad_json_is_reported_with_line_and_column() {
        assert!(error("[\n  {\"prompt\": }\n]").contains("line 2 column 14"));
    }

    #[test]
    fn a_missing_or_misspelt_prompt_is_named() {
        assert_eq!(error(r#"[{"timeout": 3}]"#), "tasks[0]: it has no `prompt`");
        assert_eq!(
            error(r#"[{"prompt": "a"}, {"promt": "b"}]"#),
            "tasks[1] has an unknown field `promt`; did you mean `prompt`?"
        );
        assert_eq!(
            error(r#"[{"prompt": 7}]"#),
            "tasks[0].prompt: expected a string, got a number"
        );
        assert_eq!(error("[]"), "tasks: the list is empty");
        assert_eq!(
            error(r#"["just text"]"#),
            "tasks[0]: expected an object with a `prompt`, got a string"
        );
    }

    #[test]
    fn a_sandbox_may_be_a_name_an_object_or_json_text() {
        let text = r#"[
            {"prompt": "a", "sandbox": "airgap"},
            {"prompt": "b", "sandbox": {"network": false}},
            {"prompt": "c", "sandbox": " {\"network\": false}"}
        ]"#;
        let tasks = Task::list_from_json(text, "tasks").unwrap();
        assert_eq!(
            tasks[0].sandbox,
            Some(SandboxRef::Named("airgap".to_owned()))
        );
        assert_eq!(tasks[1].sandbox, tasks[2].sandbox);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in r#"[\[\]{}":,a-z0-9 ]{0,60}"#) {
            drop(Task::list_from_json(&text, "tasks"));
        }
    }
}
