//! Several ways to look for something.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::{Seconds, Work, setting, setting::SandboxChoice, work::Texts};
use crate::{
    fields::Fieldset,
    forms::{Record, Some1},
};

/// Several ways to look for something, side by side; the best of what they find is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hunt {
    /// The ways.
    pub strategies: Vec<StrategyText>,
    /// How many of all results are kept; all if zero.
    pub top_k_global: u32,
    /// How many of them may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel_strategies: Option<NonZeroUsize>,
    /// Who judges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<SandboxChoice>,
}

/// One way: seeds, something to do with each, and who judges what comes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategyText {
    /// Its name.
    pub name: String,
    /// What is done with each seed; `{input}` is replaced by it.
    pub planner_template: Box<Work>,
    /// An evaluator.
    pub rubric: String,
    /// What it begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Vec<String>>,
    /// What an agent is asked that lists what it begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetcher_prompt: Option<String>,
    /// How many of its results may be among the best; all if zero.
    pub top_k: u32,
    /// The model of those that work with the seeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_planner: Option<String>,
    /// The model of the one that lists the seeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_fetcher: Option<String>,
    /// How long each may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Seconds>,
}

/// How many strategies are under way at once if nobody says otherwise.
const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

impl Record for Hunt {
    const NAME: &'static str = "hunt";
    const ABOUT: &'static str =
        "Several ways to look for something; the best of what they find is kept.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let strategies: Option<Some1<StrategyText>> = fields.required("strategies", "The ways.");
        let top_k_global = fields.or(
            "top_k_global",
            "How many of all results are kept; all if zero.",
            10,
        );
        let max_parallel_strategies = fields.or(
            "max_parallel_strategies",
            "How many of them may be under way at once.",
            PARALLEL,
        );
        let judge = setting::judge(fields);
        Some(Self {
            strategies: strategies?.0,
            top_k_global,
            max_parallel_strategies: Some(max_parallel_strategies),
            judge,
        })
    }
}

impl Record for StrategyText {
    const NAME: &'static str = "strategy";
    const ABOUT: &'static str = "One way to look for something.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let name = fields.required("name", "Its name: letters, digits, `-` and `_`.");
        let planner_template = fields.required::<Work>(
            "planner_template",
            "What is done with each seed: a prompt or a work; `{input}` is replaced by the seed.",
        ).map(Box::new);
        let rubric = fields.required(
            "rubric",
            "Who judges what comes of it: `score:CRITERION`, `validate:TYPE` or `exec:COMMAND`.",
        );
        let seeds = fields.optional::<Texts>("seeds", "What it begins with.");
        let fetcher_prompt = fields.optional(
            "fetcher_prompt",
            "What an agent is asked that lists what it begins with, as a JSON list; if there are `seeds`, they count.",
        );
        if seeds.is_none() && !fields.has("seeds") && !fields.has("fetcher_prompt") {
            let message =
                "it has neither `seeds` nor a `fetcher_prompt`, so it has nothing to begin with";
            fields.mistake(swarm_core::error_code::ErrorCode::InvalidInput, message);
        }
        let top_k = fields.or(
            "top_k",
            "How many of its results may be among the best; all if zero.",
            3,
        );
        let model_planner = fields.optional(
            "model_planner",
            "The model of those that work with the seeds.",
        );
        let model_fetcher = fields.optional(
            "model_fetcher",
            "The model of the one that lists the seeds.",
        );
        let timeout = fields.optional("timeout", "How long each may run, in seconds.");
        Some(Self {
            name: name?,
            planner_template: planner_template?,
            rubric: rubric?,
            seeds: seeds.map(|Texts(seeds)| seeds),
            fetcher_prompt,
            top_k,
            model_planner,
            model_fetcher,
            timeout,
        })
    }
}
