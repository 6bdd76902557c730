//! What a governor decides.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{
    Score,
    answer::{Answer, Fields},
    claim::score_of_text,
    merge_patch::is_deeper_than,
    quotation::Quotation,
};
use crate::{
    error_code::{Coded, ErrorCode},
    plain_text::one_line,
    suggest::{did_you_mean, nearest},
};

/// The longest answer that is read, in bytes; so what is in it is bounded too.
const MAX_ANSWER: usize = 256 << 10;
/// The longest name of a step to jump to, in bytes.
const MAX_TARGET: usize = 256;
/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 1000;
/// The longest context, in bytes of JSON. It is given to each governor that is asked later.
const MAX_CONTEXT: usize = 64 << 10;
/// How deep a context or a patch may be nested.
const MAX_DEPTH: usize = super::MAX_PATCH_DEPTH;
/// How many steps a patch may have, with those of pipelines in it.
const MAX_STEPS: usize = 1000;
const ACTIONS: [&str; 5] = ["next", "jump", "halt", "broken", "patch_pipeline"];

/// What a governor decides, and how sure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What is to happen.
    #[serde(flatten)]
    pub action: Action,
    /// Why, in one line; may be empty.
    #[serde(default)]
    pub reason: String,
    /// What it wants to be known to those that are asked later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// How sure it is.
    pub confidence: Score,
}

/// What is to happen after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The pipeline goes on.
    Next,
    /// It goes on at this step.
    Jump {
        /// The id of the step. Whether there is one was not checked.
        target: String,
    },
    /// It ends well.
    Halt,
    /// It ends badly.
    Broken,
    /// Its definition is changed, and it goes on.
    #[serde(rename = "patch_pipeline")]
    Patch {
        /// A merge patch (RFC 7396): an object that is not empty. Whether it may be applied was not checked.
        patch: Value,
    },
}

impl Action {
    /// As it is written.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Jump { .. } => "jump",
            Self::Halt => "halt",
            Self::Broken => "broken",
            Self::Patch { .. } => "patch_pipeline",
        }
    }
}

/// Why an answer is no decision.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// There is no JSON object that could be one.
    #[error("the governor's answer has no JSON object that can be read as a decision")]
    NoDecision,
    /// It is too long, or nested too deep.
    #[error(
        "the governor's answer has {bytes} bytes, of which at most {MAX_ANSWER} are read, or is nested more than 127 levels deep"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A field of it is there twice, and differs.
    #[error(
        "the governor's answer has several decisions that differ; it was to be one JSON object"
    )]
    Ambiguous,
    /// There is something beside the object. It may be a quotation.
    #[error(
        "the governor's answer has something before or after its JSON object, which so may be a quotation; it was to print that object and \
         nothing else"
    )]
    NotAlone,
    /// The same is in what it was told.
    #[error(
        "the governor's decision is in what it was told, too, word for word, so it may be a quotation of that; let it give a reason of its own"
    )]
    Repeated,
    /// There is no such action.
    #[error(
        "the governor's action {action:?} is none of next, jump, halt, broken and patch_pipeline{}",
        did_you_mean(.suggestion.as_deref())
    )]
    UnknownAction {
        /// The action.
        action: String,
        /// One with a similar name.
        suggestion: Option<String>,
    },
    /// A field makes no sense.
    #[error("the governor's {field} {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Coded for DecisionError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoDecision => ErrorCode::InvalidJson,
            _ => ErrorCode::InvalidInput,
        }
    }
}

impl Decision {
    /// Reads what a governor answered: `{"action", "target", "reason", "context", "pipeline_patch", "confidence"}`.
    ///
    /// Without an action it is [`Next`](Action::Next), without a confidence it is 1; a confidence outside of 0 to 1 is cut to that, and
    /// one that is no number is 0. An empty patch is [`Next`](Action::Next). An answer of more than 256 KiB, or with a patch of more
    /// than 1,000 steps, is none.
    ///
    /// A governor sees what agents printed, and may quote it, if only to say that it does not follow it. So an answer is a decision only if it
    /// can be understood in one way: one JSON object, perhaps in a code fence, and nothing else.
    pub fn of_answer(text: &str) -> Result<Self, DecisionError> {
        read(text).map(|(decision, _)| decision)
    }

    /// The same, and no decision if it stands word for word in one of the texts that the governor was `told`: then it may have done
    /// nothing but repeat that. To give it up is one in any case, since nobody gains by that.
    ///
    /// # Errors
    ///
    /// If one of the texts cannot be read. They are read as streams.
    pub fn of_answer_to<R: io::Read>(
        text: &str,
        told: impl IntoIterator<Item = io::Result<R>>,
    ) -> io::Result<Result<Self, DecisionError>> {
        let (decision, object) = match read(text) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let quotation = Quotation::of([object]).filter(|_| decision.action != Action::Broken);
        if let Some(quotation) = quotation {
            for told in told {
                if quotation.is_in(told?)? {
                    return Ok(Err(DecisionError::Repeated));
                }
            }
        }
        Ok(Ok(decision))
    }

    fn of_object(fields: &Fields) -> Result<Self, DecisionError> {
        Ok(Self {
            action: action(fields)?,
            reason: match only(fields, "reason")? {
                None => String::new(),
                Some(Value::String(text)) => one_line(text, MAX_REASON),
                Some(value) => one_line(&value.to_string(), MAX_REASON),
            },
            context: context(fields)?,
            confidence: match only(fields, "confidence")? {
                None => Score::ONE,
                Some(Value::Number(number)) => number
                    .as_f64()
                    .and_then(Score::from_f64)
                    .unwrap_or_default(),
                Some(Value::String(text)) => score_of_text(text).unwrap_or_default(),
                Some(_) => Score::ZERO,
            },
        })
    }
}

/// The decision, and the words that it rests on.
fn read(text: &str) -> Result<(Decision, &str), DecisionError> {
    let answer =
        Answer::read(text, MAX_ANSWER).ok_or(DecisionError::TooLong { bytes: text.len() })?;
    let Some(found) = answer.only_value() else {
        let is_one = |fields: &Fields| fields.has("action");
        let has_one = answer.has_broken("action")
            || answer.doubtful_objects().any(is_one)
            || answer.objects().next().is_some();
        return Err(if has_one {
            DecisionError::NotAlone
        } else {
            DecisionError::NoDecision
        });
    };
    let fields = found.json.as_object().ok_or(DecisionError::NoDecision)?;
    let object = answer.text.get(found.range.clone());
    Ok((Decision::of_object(fields)?, object.unwrap_or_default()))
}

/// The value of a field; none if it is not there or null. Two that differ are an error.
fn only<'f>(fields: &'f Fields, name: &'f str) -> Result<Option<&'f Value>, DecisionError> {
    let mut values = fields.all(name);
    let value = values.next();
    if values.any(|other| Some(other) != value) {
        return Err(DecisionError::Ambiguous);
    }
    Ok(value.filter(|value| !value.is_null()))
}

fn action(fields: &Fields) -> Result<Action, DecisionError> {
    let action = match only(fields, "action")? {
        None => return Ok(Action::Next),
        Some(Value::String(text)) => text.trim().to_ascii_lowercase(),
        Some(_) => return Err(problem("action", "is no text")),
    };
    Ok(match action.as_str() {
        "next" => Action::Next,
        "jump" => Action::Jump {
            target: target(fields)?,
        },
        "halt" => Action::Halt,
        "broken" => Action::Broken,
        "patch_pipeline" => match only(fields, "pipeline_patch")? {
            None => Action::Next,
            Some(Value::Object(patch)) if patch.is_empty() => Action::Next,
            Some(patch) if !patch.is_object() => {
                return Err(problem("pipeline_patch", "is no object"));
            }
            Some(patch) if is_deeper_than(patch, MAX_DEPTH) => {
                return Err(problem("pipeline_patch", "is nested too deep"));
            }
            Some(patch) if steps_of(patch) > MAX_STEPS => {
                return Err(problem("pipeline_patch", "has more than 1000 steps"));
            }
            Some(patch) => Action::Patch {
                patch: patch.clone(),
            },
        },
        unknown => {
            return Err(DecisionError::UnknownAction {
                action: one_line(unknown, 40),
                suggestion: nearest(unknown, ACTIONS).map(str::to_owned),
            });
        }
    })
}

/// How many items there are in all lists of steps.
fn steps_of(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, inner)| {
                let own = inner.as_array().filter(|_| name == "steps");
                own.map_or(0, Vec::len) + steps_of(inner)
            })
            .sum(),
        Value::Array(items) => items.iter().map(steps_of).sum(),
        _ => 0,
    }
}

fn target(fields: &Fields) -> Result<String, DecisionError> {
    match only(fields, "target")? {
        None => Err(problem(
            "target",
            "is missing; a jump needs the id of a step",
        )),
        Some(Value::String(target)) if target.trim().is_empty() => {
            Err(problem("target", "is empty; a jump needs the id of a step"))
        }
        Some(Value::String(target)) if target.len() > MAX_TARGET => {
            let bytes = target.len();
            let is_long = format!("has {bytes} bytes; an id that is read has at most {MAX_TARGET}");
            Err(problem("target", &is_long))
        }
        Some(Value::String(target)) => Ok(target.trim().to_owned()),
        Some(_) => Err(problem(
            "target",
            "is no text; a jump needs the id of a step",
        )),
    }
}

fn context(fields: &Fields) -> Result<Option<Value>, DecisionError> {
    let Some(context) = only(fields, "context")? else {
        return Ok(None);
    };
    if is_deeper_than(context, MAX_DEPTH) {
        return Err(problem("context", "is nested too deep"));
    }
    if context.to_string().len() > MAX_CONTEXT {
        return Err(problem("context", "has more than 65536 bytes"));
    }
    Ok(Some(context.clone()))
}

fn problem(field: &'static str, problem: &str) -> DecisionError {
    DecisionError::Field {
        field,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests;
