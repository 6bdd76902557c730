//! Values of a definition: how each is read, and what the schema says of it.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    ops::RangeInclusive,
    time::Duration,
};

use serde_json::{Value, json};
use swarm_core::{
    error_code::ErrorCode,
    evaluate::Score,
    ids::RefId,
    money::Usd,
    refs::{Classification, Level},
};

use crate::{
    definition::Seconds,
    diagnostics::Mistakes,
    fields::Fieldset,
    place::Place,
    schema::Schemas,
    source::{Node, Written},
};

/// Something that can stand as a value in a definition.
///
/// Reading and the schema are side by side, so that they agree.
pub(crate) trait Form: Sized {
    /// Reads it; what is wrong goes to `mistakes`, and there is at least one if nothing is returned.
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self>;

    /// The JSON Schema of what is read. It may accept more, never less.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// An object with fields.
pub(crate) trait Record: Sized {
    /// Its name in the schema.
    const NAME: &'static str;
    /// What it is.
    const ABOUT: &'static str;

    /// Takes each of its fields. All have to be taken before the first `?`, so that every mistake is found.
    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self>;
}

impl<R: Record> Form for R {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        Fieldset::read(node, place, mistakes, R::fields)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.record(R::NAME, R::ABOUT, |fields| drop(R::fields(fields)))
    }
}

/// Says that something else was expected.
pub(crate) fn expected<T>(
    what: &str,
    node: &Node,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    let message = format!("expected {what}, got {}", node.kind());
    mistakes.add(place, ErrorCode::InvalidInput, message);
    None
}

fn refused<T>(problem: &str, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<T> {
    mistakes.add(place, ErrorCode::InvalidInput, problem);
    None
}

impl Form for String {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(text) if text.trim().is_empty() => {
                refused("it is empty", place, mistakes)
            }
            Written::Text(text) => Some(text.clone()),
            _ => expected("a text", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": "\\S"})
    }
}

/// A text that may be empty.
pub(crate) struct Words(pub(crate) String);

impl Form for Words {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(text) => Some(Self(text.clone())),
            _ => expected("a text", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string"})
    }
}

impl Form for bool {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Bool(bool) => Some(*bool),
            _ => expected("true or false", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "boolean"})
    }
}

/// A whole number, also if it is written as one with zeros behind the point.
fn whole(node: &Node) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Written::Number(number) = &node.value else {
        return None;
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked first"
    )]
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        ((0.0..EXACT).contains(&float) && float.fract() == 0.0).then_some(float as u64)
    })
}

/// A whole number in `range`.
pub(crate) fn whole_within<N: TryFrom<u64>>(
    range: RangeInclusive<u32>,
    node: &Node,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Option<N> {
    let (least, most) = (*range.start(), *range.end());
    let number = whole(node).filter(|number| (least.into()..=most.into()).contains(number));
    match number.and_then(|number| N::try_from(number).ok()) {
        Some(number) => Some(number),
        None if matches!(node.value, Written::Number(_)) => {
            let problem = format!("it must be a whole number from {least} to {most}");
            refused(&problem, place, mistakes)
        }
        None => expected("a whole number", node, place, mistakes),
    }
}

impl Form for u32 {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        whole_within(0..=Self::MAX, node, place, mistakes)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": Self::MAX})
    }
}

impl Form for NonZeroU32 {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        Self::new(whole_within(1..=u32::MAX, node, place, mistakes)?)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": 1, "maximum": u32::MAX})
    }
}

impl Form for NonZeroUsize {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        Self::try_from(NonZeroU32::read(node, place, mistakes)?).ok()
    }

    fn schema(schemas: &mut Schemas) -> Value {
        NonZeroU32::schema(schemas)
    }
}

/// What may be spent. Nothing is no budget: not a single agent could start.
impl Form for Usd {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        const PROBLEM: &str = "it must be an amount of dollars, more than 0 and at most 1000000000; leave it out for no limit";
        match &node.value {
            Written::Number(number) => {
                let dollars = number.as_f64().filter(|dollars| *dollars > 0.0);
                match dollars.and_then(|dollars| Self::try_from(dollars).ok()) {
                    Some(amount) => Some(amount),
                    None => refused(PROBLEM, place, mistakes),
                }
            }
            Written::Other(_) => refused(PROBLEM, place, mistakes),
            _ => expected("an amount of dollars", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000})
    }
}

impl Form for Seconds {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        const PROBLEM: &str = "it must be a number of seconds, at least 0.001 and at most ten years; \
                               leave it out for no limit";
        match &node.value {
            Written::Number(number) => {
                let seconds = number.as_f64();
                let seconds = seconds.filter(|s| (0.001..=Self::MOST).contains(s));
                match seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()) {
                    Some(duration) => Some(Self(duration)),
                    None => refused(PROBLEM, place, mistakes),
                }
            }
            Written::Other(_) => refused(PROBLEM, place, mistakes),
            _ => expected("a number of seconds", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "number", "minimum": 0.001, "maximum": Self::MOST})
    }
}

impl Form for Score {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Number(number) => {
                let score = number.as_f64().filter(|s| (0.0..=1.0).contains(s));
                match score.and_then(Self::from_f64) {
                    Some(score) => Some(score),
                    None => refused("it must be a number from 0 to 1", place, mistakes),
                }
            }
            _ => expected("a number from 0 to 1", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "number", "minimum": 0, "maximum": 1})
    }
}

impl Form for RefId {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let Written::Text(text) = &node.value else {
            return expected(
                "a ref, such as \"f3dd83903def/agent-0\"",
                node,
                place,
                mistakes,
            );
        };
        match text.parse::<Self>() {
            Ok(id) => Some(id),
            Err(error) => {
                mistakes.add(place, ErrorCode::InvalidName, error.to_string());
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "pattern": "^[^/]+/.+$"})
    }
}

/// A level, or an object with one.
impl Form for Classification {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        if let Written::Text(level) = &node.value {
            return match level.parse::<Level>() {
                Ok(level) => Some(Self {
                    level,
                    ..Self::default()
                }),
                Err(error) => {
                    let near = swarm_core::suggest::nearest(level, Level::ALL.map(Level::name));
                    mistakes.suggest(place, ErrorCode::InvalidInput, error.to_string(), near);
                    None
                }
            };
        }
        Fieldset::read(node, place, mistakes, classification)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let object = schemas.record(
            "classification",
            "How sensitive results are, and which MCP servers may see them.",
            |fields| drop(classification(fields)),
        );
        json!({"anyOf": [level_schema(), object]})
    }
}

fn level_schema() -> Value {
    json!({"enum": Level::ALL.map(Level::name)})
}

fn classification(fields: &mut Fieldset<'_, '_>) -> Option<Classification> {
    let level = fields.required::<LevelName>("level", "How sensitive results are at least.");
    let allowed_mcps = fields.optional(
        "allowed_mcps",
        "If it is there, only these MCP servers may see them.",
    );
    let denied_mcps: Option<Vec<String>> =
        fields.optional("denied_mcps", "These MCP servers may not see them.");
    // As it is written by others, and the same as the level.
    let _: Option<u32> = fields.optional("level_numeric", "The level as a number; not needed.");
    Some(Classification {
        level: level?.0,
        allowed_mcps,
        denied_mcps: denied_mcps.unwrap_or_default(),
    })
}

struct LevelName(Level);

impl Form for LevelName {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(_) => Classification::read(node, place, mistakes).map(|c| Self(c.level)),
            _ => expected("the name of a level", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        level_schema()
    }
}

impl<F: Form> Form for Vec<F> {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let Written::List(items) = &node.value else {
            return expected("a list", node, place, mistakes);
        };
        let before = mistakes.len();
        let items = items.iter().enumerate();
        let read = items
            .filter_map(|(i, item)| F::read(item, &place.index(i), mistakes))
            .collect();
        (mistakes.len() == before).then_some(read)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"type": "array", "items": F::schema(schemas)})
    }
}

/// A list with at least one item.
pub(crate) struct Some1<F>(pub(crate) Vec<F>);

impl<F: Form> Form for Some1<F> {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::List(items) if items.is_empty() => {
                refused("the list is empty", place, mistakes)
            }
            _ => Vec::read(node, place, mistakes).map(Self),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        json!({"type": "array", "items": F::schema(schemas), "minItems": 1})
    }
}

/// Things by name.
impl<F: Form> Form for BTreeMap<String, F> {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let Written::Object(fields) = &node.value else {
            return expected("an object of names", node, place, mistakes);
        };
        unique(fields, place, mistakes);
        let fields = fields.iter().filter(|(_, inner)| !inner.is_null());
        let read = fields.filter_map(|(name, inner)| {
            let inner = F::read(inner, &place.key(name), mistakes)?;
            Some((name.clone(), inner))
        });
        Some(read.collect())
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let inner = F::schema(schemas);
        json!({"type": "object", "additionalProperties": {"anyOf": [inner, {"type": "null"}]}})
    }
}

/// Says of each field that is there twice.
pub(crate) fn unique(fields: &[(String, Node)], place: &Place<'_>, mistakes: &mut Mistakes) {
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    for (name, next) in names.iter().zip(names.iter().skip(1)) {
        if name == next {
            let message = format!("`{name}` is there twice, and only one could count");
            mistakes.add(&place.key(name), ErrorCode::InvalidInput, message);
        }
    }
}
