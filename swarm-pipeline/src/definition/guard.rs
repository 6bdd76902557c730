//! What must hold of results before they are handed on.

use serde::Serialize;
use serde_json::{Value, json};
use swarm_core::{ids::RefId, refs::Check};

use crate::{
    diagnostics::Mistakes,
    fields::Fieldset,
    forms::{Form, Some1, expected},
    place::Place,
    schema::Schemas,
    source::{Node, Written},
};

/// What must hold of the results of the step before, and of others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guard {
    /// What must hold of each.
    pub checks: Vec<CheckText>,
    /// Which others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefId>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckText {
    /// Its name.
    pub check: String,
    /// Its value, if it takes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An object, or just the list of checks.
impl Form for Guard {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::List(_) => {
                let Some1(checks) = Form::read(node, place, mistakes)?;
                let refs = Vec::new();
                Some(Self { checks, refs })
            }
            _ => Fieldset::read(node, place, mistakes, guard),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let list = <Some1<CheckText>>::schema(schemas);
        let object = schemas.record(
            "guard",
            "Checks of the results of the step before, which are handed on if they pass.",
            |fields| drop(guard(fields)),
        );
        json!({"anyOf": [list, object]})
    }
}

fn guard(fields: &mut Fieldset<'_, '_>) -> Option<Guard> {
    let checks: Option<Some1<CheckText>> =
        fields.required("checks", "What must hold of each result.");
    let refs = fields.optional(
        "refs",
        "Other results that are checked and handed on as well.",
    );
    Some(Guard {
        checks: checks?.0,
        refs: refs.unwrap_or_default(),
    })
}

/// An object, or just its name.
impl Form for CheckText {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(name) => Some(Self {
                check: name.clone(),
                value: None,
            }),
            _ => Fieldset::read(node, place, mistakes, check),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let object = schemas.record("check", "Something that must hold of a result.", |fields| {
            drop(check(fields));
        });
        json!({"anyOf": [{"enum": Check::NAMES}, object]})
    }
}

fn check(fields: &mut Fieldset<'_, '_>) -> Option<CheckText> {
    let name = fields.required::<CheckName>("check", "The name of the check.");
    let value = fields.optional::<CheckValue>(
        "value",
        "For `validated` the type, for `classification` a level or MCP servers, for `encrypted` the id of the key.",
    );
    Some(CheckText {
        check: name?.0,
        value: value.map(|value| value.0),
    })
}

struct CheckName(String);

impl Form for CheckName {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        String::read(node, place, mistakes).map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"enum": Check::NAMES})
    }
}

struct CheckValue(String);

impl Form for CheckValue {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(text) => Some(Self(text.clone())),
            Written::List(_) => {
                let names = Vec::<String>::read(node, place, mistakes)?;
                Some(Self(Value::from(names).to_string()))
            }
            _ => expected("a text or a list of texts", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
    }
}
