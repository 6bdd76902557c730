//! Works whose results are judged.

use std::num::{NonZeroU32, NonZeroUsize};

use serde::Serialize;
use swarm_core::{evaluate::Score, ids::RefId, money::Usd};

use super::{SandboxChoice, Seconds, Work, setting};
use crate::{fields::Fieldset, forms::Record};

/// Who judges, and by what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Judge {
    /// `score:CRITERION`, `validate:TYPE` or `exec:COMMAND`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluator: Option<String>,
    /// The sandbox of who judges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<SandboxChoice>,
}

impl Judge {
    fn fields(fields: &mut Fieldset<'_, '_>) -> Self {
        Self {
            evaluator: fields.optional(
                "evaluator",
                "By what it is judged: `score:CRITERION`, `validate:TYPE` or `exec:COMMAND`.",
            ),
            judge: setting::judge(fields),
        }
    }
}

/// Results of which only the valid ones are kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filter {
    /// What makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Box<Work>>,
    /// Results that exist already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefId>,
    /// The type that they must be of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// Who judges.
    #[serde(flatten)]
    pub judge: Judge,
    /// How many may be judged at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
}

/// Results that must all be of a type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validate {
    /// What makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Box<Work>>,
    /// Results that exist already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefId>,
    /// The type.
    pub declared_type: String,
    /// Who judges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<SandboxChoice>,
}

/// Results in the order of their scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreList {
    /// What makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Box<Work>>,
    /// Results that exist already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<RefId>,
    /// Who judges.
    #[serde(flatten)]
    pub judge: Judge,
    /// How many are kept; all if zero.
    pub top_k: u32,
    /// How many may be judged at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
}

/// The same several times at once, of which the best is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beam {
    /// What.
    pub of: Box<Work>,
    /// How many times.
    pub width: NonZeroU32,
    /// Who judges.
    #[serde(flatten)]
    pub judge: Judge,
    /// Whether the others are named with the best.
    pub keep_losers: bool,
    /// What all of it may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// How many may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<NonZeroUsize>,
}

/// The same again and again, until it is good enough.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Iterate {
    /// What.
    pub of: Box<Work>,
    /// The type that the result should be of; `evaluator` wins over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// Who judges.
    #[serde(flatten)]
    pub judge: Judge,
    /// How often at most.
    pub max_iterations: NonZeroU32,
    /// The score that is good enough.
    pub success_threshold: Score,
    /// How many in a row may bring nothing better.
    pub patience: NonZeroU32,
    /// What all of it may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_budget: Option<Usd>,
    /// How long all of it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_wall_time: Option<Seconds>,
}

const THREE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
const TEN: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const OF: &str = "What makes them: a prompt or a work.";
const REFS: &str = "Results that exist already, by their refs.";
const AT_ONCE: &str = "How many may be under way at once.";

/// Says that there is nothing to judge, if there is not.
fn needs_some(fields: &mut Fieldset<'_, '_>) {
    if !fields.has("of") && !fields.has("refs") {
        let message = "it has neither `of`, which makes results, nor `refs` of some that exist";
        fields.mistake(swarm_core::error_code::ErrorCode::InvalidInput, message);
    }
}

/// Says that nobody says by what it is judged, if that is so.
fn needs_one(fields: &mut Fieldset<'_, '_>, of_type: &str) {
    let names = [of_type, "evaluator"];
    if !names.iter().any(|name| fields.has(name)) && !fields.has_misspelt(names) {
        let message = format!("it has neither `{of_type}` nor `evaluator`, so nobody could judge");
        fields.mistake(swarm_core::error_code::ErrorCode::InvalidInput, &message);
    }
}

impl Record for Filter {
    const NAME: &'static str = "filter";
    const ABOUT: &'static str = "Results of which only the valid ones are kept.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        needs_some(fields);
        needs_one(fields, "declared_type");
        Some(Self {
            of: fields.optional::<Work>("of", OF).map(Box::new),
            refs: fields.optional("refs", REFS).unwrap_or_default(),
            declared_type: fields.optional(
                "declared_type",
                "The type that they must be of: its name, or a text; `evaluator` wins over it.",
            ),
            judge: Judge::fields(fields),
            max_concurrency: fields.optional("max_concurrency", AT_ONCE),
        })
    }
}

impl Record for Validate {
    const NAME: &'static str = "validate";
    const ABOUT: &'static str = "Results that must all be of a type.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        needs_some(fields);
        let of = fields.optional::<Work>("of", OF).map(Box::new);
        let refs = fields.optional("refs", REFS).unwrap_or_default();
        let declared_type = fields.required(
            "declared_type",
            "The type that they must be of: its name, or a text.",
        );
        let judge = setting::judge(fields);
        Some(Self {
            of,
            refs,
            declared_type: declared_type?,
            judge,
        })
    }
}

impl Record for ScoreList {
    const NAME: &'static str = "score_list";
    const ABOUT: &'static str = "Results in the order of their scores.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        needs_some(fields);
        let of = fields.optional::<Work>("of", OF).map(Box::new);
        let refs = fields.optional("refs", REFS).unwrap_or_default();
        let judge = Judge::fields(fields);
        if !fields.has("evaluator") && !fields.has_misspelt(["evaluator"]) {
            let message = "it has no `evaluator`";
            fields.mistake(swarm_core::error_code::ErrorCode::InvalidInput, message);
        }
        Some(Self {
            of,
            refs,
            judge,
            top_k: fields.or("top_k", "How many are kept; all if zero.", 0),
            max_concurrency: fields.optional("max_concurrency", AT_ONCE),
        })
    }
}

impl Record for Beam {
    const NAME: &'static str = "beam";
    const ABOUT: &'static str = "The same several times at once, of which the best is kept.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let of = fields
            .required::<Work>("of", "What is done: a prompt or a work.")
            .map(Box::new);
        let width = fields.or("width", "How many times.", THREE);
        let judge = Judge::fields(fields);
        let keep_losers = fields.or(
            "keep_losers",
            "Whether the others are named with the best.",
            true,
        );
        let budget = fields.optional("budget", "What all of it may cost, in dollars.");
        let max_concurrency = fields.optional("max_concurrency", AT_ONCE);
        Some(Self {
            of: of?,
            width,
            judge,
            keep_losers,
            budget,
            max_concurrency,
        })
    }
}

impl Record for Iterate {
    const NAME: &'static str = "iterate";
    const ABOUT: &'static str = "The same again, each time with what was wrong before, until it is good enough or gets no better.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        needs_one(fields, "target_type");
        let of = fields
            .required::<Work>("of", "What is done: a prompt or a work.")
            .map(Box::new);
        let target_type = fields.optional(
            "target_type",
            "The type that the result should be of: its name, or a text; `evaluator` wins over it.",
        );
        let judge = Judge::fields(fields);
        let max_iterations = fields.or("max_iterations", "How often at most.", TEN);
        let success_threshold = fields.or(
            "success_threshold",
            "The score that is good enough, from 0 to 1.",
            Score::from_millionths(900_000),
        );
        let patience = fields.or(
            "patience",
            "How many in a row may bring nothing better.",
            THREE,
        );
        let max_budget = fields.optional("max_budget", "What all of it may cost, in dollars.");
        let max_wall_time =
            fields.optional("max_wall_time", "How long all of it may take, in seconds.");
        Some(Self {
            of: of?,
            target_type,
            judge,
            max_iterations,
            success_threshold,
            patience,
            max_budget,
            max_wall_time,
        })
    }
}
