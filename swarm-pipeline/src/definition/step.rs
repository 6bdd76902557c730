//! One step of a pipeline.

use serde::Serialize;
use serde_json::{Value, json};
use swarm_core::error_code::ErrorCode;

use super::{Ask, Work};
use crate::{
    bounds::MAX_WORKS,
    diagnostics::Mistakes,
    fields::Fieldset,
    forms::{Form, Record, expected, unique, whole_within},
    place::Place,
    schema::Schemas,
    source::{Node, Written},
};

/// How often a step may be entered by a jump if nobody says otherwise.
const MAX_RETRIES: u32 = swarm_core::plan::Step::MAX_RETRIES;

/// One step of a pipeline, as it was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its name; `step-` and its place in the list, from 0, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is done.
    #[serde(flatten)]
    pub work: Work,
    /// Whether it is left out if the step before it did not fail.
    #[serde(
        rename = "condition",
        serialize_with = "condition",
        skip_serializing_if = "is_false"
    )]
    pub only_after_error: bool,
    /// What happens if it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<OnFail>,
    /// Who decides how to go on if it succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Ask>,
    /// The step after it, if that is not the one behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How often it may be entered by a jump.
    #[serde(skip_serializing_if = "is_usual")]
    pub max_retries: u32,
    /// Words in its result that lead elsewhere; the first that is there counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_if: Vec<KeywordJump>,
}

/// What happens if a step fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OnFail {
    /// This step is next.
    Step(String),
    /// A governor decides.
    Ask(Ask),
}

/// A word that leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeywordJump {
    /// The word; letters count as they are.
    pub keyword: String,
    /// The step that it leads to.
    pub step: String,
}

/// The steps. One that cannot be read stands for itself, so that others can name it.
pub(super) struct Steps(pub(super) Vec<Step>);

const PREV_ERROR: &str = "prev.error";

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn condition<S: serde::Serializer>(_: &bool, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(PREV_ERROR)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_false(is: &bool) -> bool {
    !*is
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_usual(number: &u32) -> bool {
    *number == MAX_RETRIES
}

impl Form for Steps {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let Written::List(items) = &node.value else {
            return expected("a list of steps", node, place, mistakes);
        };
        if items.is_empty() {
            mistakes.add(
                place,
                ErrorCode::InvalidInput,
                "the list is empty; a pipeline needs a step",
            );
        }
        let items = items.iter().enumerate();
        let steps = items.map(|(i, item)| {
            let place = place.index(i);
            let step = match &item.value {
                // Just a prompt.
                Written::Text(_) => Work::read(item, &place, mistakes).map(Step::plain),
                _ => Step::read(item, &place, mistakes),
            };
            step.unwrap_or_else(|| Step::plain(Work::unreadable()))
        });
        Some(Self(steps.collect()))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let step = Step::schema(schemas);
        let items = json!({"anyOf": [{"type": "string", "pattern": "\\S"}, step]});
        json!({"type": "array", "items": items, "minItems": 1, "maxItems": MAX_WORKS})
    }
}

impl Step {
    /// A step of which nothing is said but what it does.
    const fn plain(work: Work) -> Self {
        Self {
            id: None,
            work,
            only_after_error: false,
            on_fail: None,
            on_success: None,
            next: None,
            max_retries: MAX_RETRIES,
            retry_if: Vec::new(),
        }
    }
}

impl Record for Step {
    const NAME: &'static str = "step";
    const ABOUT: &'static str = "What is done, and how it goes on from there.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let id = fields.optional(
            "id",
            "Its name: up to 60 letters, digits, `-` and `_`. `step-0`, `step-1` and so on if it is left out.",
        );
        let condition: Option<Condition> = fields.optional(
            "condition",
            "`prev.error`: it is left out if the step before it did not fail.",
        );
        let step = Self {
            id,
            only_after_error: condition.is_some(),
            on_fail: fields.optional(
                "on_fail",
                "What happens if it fails: the id of a step, or a governor. Without it, the pipeline ends.",
            ),
            on_success: fields.optional(
                "on_success",
                "The governor that decides how to go on if it succeeds; `retry_if` and `next` count only if it does not decide.",
            ),
            next: fields.optional("next", "The step after it, if that is not the one behind it."),
            max_retries: fields
                .or(
                    "max_retries",
                    "How often it may be entered by a jump: by `next`, `on_fail`, `retry_if` or a governor.",
                    Entries(MAX_RETRIES),
                )
                .0,
            retry_if: fields
                .optional::<Keywords>(
                    "retry_if",
                    "Words in its result that lead elsewhere, each with the id of a step; the first that is there counts.",
                )
                .map(|Keywords(words)| words)
                .unwrap_or_default(),
            work: Work::fields(fields),
        };
        Some(step)
    }
}

/// How often a step may be entered by jumps. More than the most is as good as for ever.
#[derive(Serialize)]
#[serde(transparent)]
struct Entries(u32);

impl Entries {
    const MOST: u32 = 1000;
}

impl Form for Entries {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        whole_within(0..=Self::MOST, node, place, mistakes).map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": Self::MOST})
    }
}

struct Condition;

impl Form for Condition {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(text) if text == PREV_ERROR => Some(Self),
            Written::Text(text) => {
                let short: String = text.chars().take(60).collect();
                let message =
                    format!("there is no condition {short:?}; the only one is \"{PREV_ERROR}\"");
                mistakes.add(place, ErrorCode::InvalidInput, message);
                None
            }
            _ => expected("\"prev.error\"", node, place, mistakes),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"const": PREV_ERROR})
    }
}

impl Form for OnFail {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.value {
            Written::Text(_) => String::read(node, place, mistakes).map(Self::Step),
            Written::Object(_) => Ask::read(node, place, mistakes).map(Self::Ask),
            _ => expected(
                "the id of a step, or {\"governor\": NAME}",
                node,
                place,
                mistakes,
            ),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let ask = Ask::schema(schemas);
        json!({"anyOf": [{"type": "string", "pattern": "\\S"}, ask]})
    }
}

/// Words in their order: an object of words and steps, or a list.
struct Keywords(Vec<KeywordJump>);

impl Form for Keywords {
    fn read(node: &Node, place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let words = match &node.value {
            Written::Object(fields) => {
                unique(fields, place, mistakes);
                let fields = fields.iter().filter(|(_, step)| !step.is_null());
                let words = fields.filter_map(|(keyword, step)| {
                    let step = String::read(step, &place.key(keyword), mistakes)?;
                    let keyword = keyword.clone();
                    Some(KeywordJump { keyword, step })
                });
                words.collect()
            }
            Written::List(_) => Vec::<KeywordJump>::read(node, place, mistakes)?,
            _ => {
                return expected(
                    "an object of words, each with the id of a step",
                    node,
                    place,
                    mistakes,
                );
            }
        };
        let is_empty = |word: &KeywordJump| word.keyword.trim().is_empty();
        if words.iter().any(is_empty) {
            let message = "a word is empty, and nothing is in every result";
            mistakes.add(place, ErrorCode::InvalidInput, message);
        }
        Some(Self(words))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let list = Vec::<KeywordJump>::schema(schemas);
        let object = json!({
            "type": "object",
            "propertyNames": {"pattern": "\\S"},
            "additionalProperties": {"type": ["string", "null"]},
        });
        json!({"anyOf": [object, list]})
    }
}

impl Record for KeywordJump {
    const NAME: &'static str = "keyword";
    const ABOUT: &'static str = "A word that leads elsewhere.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let keyword = fields.required("keyword", "The word; letters count as they are.");
        let step = fields.required("step", "The id of the step that it leads to.");
        Some(Self {
            keyword: keyword?,
            step: step?,
        })
    }
}
