//! The fields of an object: read, or described.

use serde_json::{Map, Value, json};
use swarm_core::{error_code::ErrorCode, suggest::nearest};

use crate::{
    diagnostics::Mistakes,
    forms::{Form, expected, unique},
    place::Place,
    schema::Schemas,
    source::{Node, Written},
};

/// The fields of an object, each of which is taken by its name.
///
/// Whoever takes them does so in two ways with the same words: while a definition is read it gets what is there, and while
/// the schema is made it gets nothing, and what it asked for is written down.
pub(crate) struct Fieldset<'n, 'm>(Mode<'n, 'm>);

/// As many fields as most objects may have: a work has those of a sandbox, too.
const MANY_FIELDS: usize = 64;

enum Mode<'n, 'm> {
    Reading {
        fields: &'n [(String, Node)],
        place: &'n Place<'n>,
        mistakes: &'m mut Mistakes,
        known: Vec<&'static str>,
    },
    Describing {
        properties: Map<String, Value>,
        required: Vec<&'static str>,
        more: Vec<(&'static str, Value)>,
        schemas: &'m mut Schemas,
    },
}

impl<'n, 'm> Fieldset<'n, 'm> {
    /// Reads an object: `take` takes its fields, and what it does not take is a mistake.
    pub(crate) fn read<T>(
        node: &'n Node,
        place: &'n Place<'n>,
        mistakes: &'m mut Mistakes,
        take: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let Written::Object(fields) = &node.value else {
            return expected("an object", node, place, mistakes);
        };
        let before = mistakes.len();
        unique(fields, place, mistakes);
        let mut fieldset = Fieldset(Mode::Reading {
            fields,
            place,
            mistakes,
            known: Vec::with_capacity(MANY_FIELDS),
        });
        let taken = take(&mut fieldset);
        if let Mode::Reading {
            mistakes, known, ..
        } = fieldset.0
        {
            for (name, _) in fields {
                if !known.contains(&name.as_str()) {
                    let near = nearest(name, known.iter().copied());
                    let short: String = name.chars().take(60).collect();
                    let message = format!("unknown field `{short}`");
                    mistakes.suggest(&place.key(name), ErrorCode::UnknownField, message, near);
                }
            }
            debug_assert!(
                taken.is_some() || mistakes.len() > before,
                "nothing is dropped without a word"
            );
        }
        taken
    }

    /// Describes the object whose fields `take` takes.
    pub(crate) fn describe(
        schemas: &mut Schemas,
        take: impl FnOnce(&mut Fieldset<'_, '_>),
    ) -> Value {
        let mut fieldset = Fieldset(Mode::Describing {
            properties: Map::new(),
            required: Vec::new(),
            more: Vec::new(),
            schemas,
        });
        take(&mut fieldset);
        let Mode::Describing {
            properties,
            required,
            more,
            ..
        } = fieldset.0
        else {
            return Value::Null;
        };
        let mut schema = json!({
            "type": "object", "properties": properties, "additionalProperties": false,
        });
        if let Some(schema) = schema.as_object_mut() {
            if !required.is_empty() {
                schema.insert("required".to_owned(), json!(required));
            }
            for (name, value) in more {
                schema.insert(name.to_owned(), value);
            }
        }
        schema
    }

    /// What is in a field that is there and not null.
    fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        match &mut self.0 {
            Mode::Reading { fields, known, .. } => {
                known.push(name);
                let mut fields = fields.iter();
                let (_, node) = fields.find(|(field, _)| field == name)?;
                (!node.is_null()).then_some(node)
            }
            Mode::Describing { .. } => None,
        }
    }

    fn take<F: Form>(
        &mut self,
        name: &'static str,
        about: &str,
        default: Option<Value>,
    ) -> Option<F> {
        if let Mode::Describing {
            properties,
            schemas,
            ..
        } = &mut self.0
        {
            let schema = F::schema(schemas);
            properties.insert(name.to_owned(), described(schema, about, default));
            return None;
        }
        let node = self.node(name)?;
        let Mode::Reading {
            place, mistakes, ..
        } = &mut self.0
        else {
            return None;
        };
        F::read(node, &place.key(name), mistakes)
    }

    /// A field that may be left out.
    pub(crate) fn optional<F: Form>(&mut self, name: &'static str, about: &str) -> Option<F> {
        self.take(name, about, None)
    }

    /// A field that stands for `default` if it is left out.
    pub(crate) fn or<F: Form + serde::Serialize>(
        &mut self,
        name: &'static str,
        about: &str,
        default: F,
    ) -> F {
        let shown = match &self.0 {
            Mode::Reading { .. } => None,
            Mode::Describing { .. } => serde_json::to_value(&default).ok(),
        };
        self.take(name, about, shown).unwrap_or(default)
    }

    /// A field that must be there.
    pub(crate) fn required<F: Form>(&mut self, name: &'static str, about: &str) -> Option<F> {
        if let Mode::Describing { required, .. } = &mut self.0 {
            required.push(name);
        }
        let taken = self.take(name, about, None);
        if taken.is_none() && !self.has(name) {
            let near = self.misspelt(name);
            // Whoever misspelt it is told so once.
            if near.is_none() {
                self.mistake(ErrorCode::InvalidInput, &format!("it has no `{name}`"));
            }
        }
        taken
    }

    /// Whether a field is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.0 {
            Mode::Reading { fields, .. } => fields
                .iter()
                .any(|(field, node)| field == name && !node.is_null()),
            Mode::Describing { .. } => true,
        }
    }

    /// A field that nobody knows yet and that was probably meant to be called `name`.
    fn misspelt(&self, name: &str) -> Option<&'n str> {
        let Mode::Reading { fields, known, .. } = &self.0 else {
            return None;
        };
        let mut names = fields.iter().map(|(field, _)| field.as_str());
        // What means something by itself is no misspelt word, however much it looks like one.
        let means_something = |field: &str| {
            known.contains(&field) || swarm_core::spec::SandboxSpec::FIELDS.contains(&field)
        };
        names.find(|field| {
            *field != name && !means_something(field) && nearest(field, [name]).is_some()
        })
    }

    /// Whether there is a field that was probably meant to be one of `names`.
    pub(crate) fn has_misspelt<'c>(&self, names: impl IntoIterator<Item = &'c str>) -> bool {
        names.into_iter().any(|name| self.misspelt(name).is_some())
    }

    /// Something is wrong with the object as a whole.
    pub(crate) fn mistake(&mut self, code: ErrorCode, message: &str) {
        if let Mode::Reading {
            place, mistakes, ..
        } = &mut self.0
        {
            mistakes.add(place, code, message);
        }
    }

    /// Something is wrong with one field.
    pub(crate) fn mistake_at(&mut self, name: &str, code: ErrorCode, message: &str) {
        if let Mode::Reading {
            place, mistakes, ..
        } = &mut self.0
        {
            mistakes.add(&place.key(name), code, message);
        }
    }

    /// The values of those fields of `names` that are there, with what reads them further.
    pub(crate) fn each(
        &mut self,
        names: &[&'static str],
        mut read: impl FnMut(&'static str, &'n Node, &Place<'_>, &mut Mistakes),
    ) {
        for name in names {
            let Some(node) = self.node(name) else {
                continue;
            };
            if let Mode::Reading {
                place, mistakes, ..
            } = &mut self.0
            {
                read(name, node, &place.key(name), mistakes);
            }
        }
    }

    /// While the schema is made: what it says of a field, or of the object.
    pub(crate) fn describe_field(
        &mut self,
        name: &'static str,
        schema: impl FnOnce(&mut Schemas) -> Value,
    ) {
        if let Mode::Describing {
            properties,
            schemas,
            ..
        } = &mut self.0
        {
            let schema = schema(schemas);
            properties.insert(name.to_owned(), schema);
        }
    }

    /// While the schema is made: a keyword more.
    pub(crate) fn describe_object(&mut self, keyword: &'static str, value: impl FnOnce() -> Value) {
        if let Mode::Describing { more, .. } = &mut self.0 {
            more.push((keyword, value()));
        }
    }
}

/// A schema with a description, a default, and null, which says the same as nothing.
pub(crate) fn described(schema: Value, about: &str, default: Option<Value>) -> Value {
    let mut whole = Map::new();
    whole.insert(
        "anyOf".to_owned(),
        Value::Array(vec![schema, json!({"type": "null"})]),
    );
    whole.insert("description".to_owned(), about.into());
    whole.extend(default.map(|default| ("default".to_owned(), default)));
    Value::Object(whole)
}
