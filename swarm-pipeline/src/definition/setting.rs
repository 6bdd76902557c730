//! In which sandbox the agents of a work run.

use serde::Serialize;
use serde_json::{Map, Value, json};
use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    spec::{SandboxSpec, SpecError},
};

use crate::{
    diagnostics::Mistakes,
    fields::Fieldset,
    forms::{Form, expected},
    place::Place,
    schema::Schemas,
    source::{Node, Written},
};

mod described;

/// A sandbox, and what differs from it. It holds for every agent in the work, where nothing further in says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Setting {
    /// The sandbox. With one, nothing that holds for what is around counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxChoice>,
    /// What differs from it.
    #[serde(flatten)]
    pub fields: SandboxSpec,
}

/// A sandbox by its name, or its fields.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SandboxChoice {
    /// One of the definition, or a saved one.
    Named(String),
    /// Written in place.
    Inline(Box<SandboxSpec>),
}

/// The fields of a sandbox.
pub(crate) struct InlineSandbox(pub(crate) SandboxSpec);

impl Setting {
    /// Takes `sandbox` and the fields of a sandbox.
    pub(crate) fn fields(fields: &mut Fieldset<'_, '_>) -> Self {
        let sandbox = fields.optional(
            "sandbox",
            "The sandbox to start from: the name of one, or its fields. What holds for the whole pipeline does not count then.",
        );
        Self {
            sandbox,
            fields: some(fields, &SandboxSpec::FIELDS),
        }
    }

    pub(crate) fn each_sandbox(&mut self, see: &mut dyn FnMut(&mut SandboxSpec)) {
        if let Some(SandboxChoice::Inline(spec)) = &mut self.sandbox {
            see(spec);
        }
        see(&mut self.fields);
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.sandbox.is_none() && self.fields == SandboxSpec::default()
    }

    /// The name of something that it says, if it says anything.
    pub(crate) fn says(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        if self.sandbox.is_some() {
            return Some("sandbox".to_owned());
        }
        let written = serde_json::to_value(&self.fields).unwrap_or_default();
        written.as_object()?.keys().next().cloned()
    }
}

/// Takes `judge`.
pub(crate) fn judge(fields: &mut Fieldset<'_, '_>) -> Option<SandboxChoice> {
    fields.optional(
        "judge",
        "Who judges: a sandbox, with its `agent` and `model`, in place of the `judge` of the pipeline.",
    )
}

/// Takes these fields of a sandbox.
pub(crate) fn some(fields: &mut Fieldset<'_, '_>, names: &[&'static str]) -> SandboxSpec {
    for name in names {
        fields.describe_field(name, |_| described::field(name));
    }
    let mut nodes = Vec::new();
    fields.each(names, |name, node, _, _| nodes.push((name, node)));
    if nodes.is_empty() {
        return SandboxSpec::default();
    }
    // All of them at once if they are fine, which they mostly are.
    let is_text = |(name, node): &(&str, &Node)| is_json_text(name, node);
    if !nodes.iter().any(is_text) {
        let object = nodes
            .iter()
            .map(|(name, node)| ((*name).to_owned(), node.to_value()));
        if let Ok(spec) = SandboxSpec::from_json(Value::Object(object.collect()), "") {
            return spec;
        }
    }
    let mut spec = SandboxSpec::default();
    fields.each(names, |name, node, place, mistakes| {
        if let Some(one) = one(name, node, place, mistakes) {
            spec = std::mem::take(&mut spec).overridden_by(one);
        }
    });
    spec
}

/// One field of a sandbox.
fn one(name: &str, node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<SandboxSpec> {
    let value = from_text(name, node, place, mistakes)?;
    let object = Value::Object(Map::from_iter([(name.to_owned(), value)]));
    match SandboxSpec::from_json(object, "") {
        Ok(spec) => Some(spec),
        Err(SpecError::Shape {
            place: inner,
            problem,
        }) => {
            // Its place begins with a dot and the name of the field.
            let below = inner
                .strip_prefix('.')
                .and_then(|inner| inner.strip_prefix(name));
            let message = match below {
                None | Some("") => problem,
                Some(below) => format!("{}: {problem}", below.trim_start_matches('.')),
            };
            mistakes.add(place, ErrorCode::InvalidInput, message);
            None
        }
        Err(error) => {
            mistakes.add(place, error.code(), error.to_string());
            None
        }
    }
}

/// A list or an object may also be written as JSON text.
fn from_text(name: &str, node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Value> {
    match &node.value {
        Written::Text(text) if is_json_text(name, node) => json_text(text, place, mistakes),
        _ => Some(node.to_value()),
    }
}

fn is_json_text(name: &str, node: &Node) -> bool {
    const STRUCTURED: [&str; 6] = [
        "mounts",
        "input_files",
        "output_schema",
        "env_vars",
        "mcps",
        "resources",
    ];
    match &node.value {
        Written::Text(text) => {
            STRUCTURED.contains(&name) && text.trim_start().starts_with(['{', '['])
        }
        _ => false,
    }
}

fn json_text(text: &str, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Value> {
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            // What is in it is not shown: it may hold secrets.
            let message = format!(
                "it is not valid JSON: line {}, column {} of the text",
                error.line(),
                error.column()
            );
            mistakes.add(place, ErrorCode::InvalidJson, message);
            None
        }
    }
}

impl Form for SandboxChoice {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(text) if text.trim_start().starts_with('{') => {
                let value = json_text(text, place, mistakes)?;
                let InlineSandbox(spec) = Form::read(&Node::from_value(&value), place, mistakes)?;
                Some(Self::Inline(Box::new(spec)))
            }
            Written::Text(_) => String::read(node, place, mistakes).map(Self::Named),
            Written::Object(_) => {
                let InlineSandbox(spec) = Form::read(node, place, mistakes)?;
                Some(Self::Inline(Box::new(spec)))
            }
            _ => expected(
                "the name of a sandbox or an object with its fields",
                node,
                place,
                mistakes,
            ),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let object = InlineSandbox::schema(schemas);
        json!({"anyOf": [{"type": "string", "pattern": "\\S"}, object]})
    }
}

impl Form for InlineSandbox {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        Fieldset::read(node, place, mistakes, |fields| {
            Some(Self(some(fields, &SandboxSpec::FIELDS)))
        })
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.record(
            "sandbox",
            "The surroundings and the limits of an agent.",
            |fields| {
                some(fields, &SandboxSpec::FIELDS);
            },
        )
    }
}
