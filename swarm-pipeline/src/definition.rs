//! A pipeline as it was written.
//!
//! The types here are what is written, with nothing looked up. Serialised, they are the canonical form of a definition: fields that
//! were left out stay out, both ways to write something become one, and what is read from it is the same again.

mod governor;
mod guard;
mod hunt;
mod judged;
mod setting;
mod step;
mod work;

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

pub use governor::{Ask, GovernorText};
pub use guard::{CheckText, Guard};
pub use hunt::{Hunt, StrategyText};
pub use judged::{Beam, Filter, Iterate, Judge, ScoreList, Validate};
use serde::{Serialize, Serializer};
use serde_json::Value;
pub use setting::{SandboxChoice, Setting};
pub use step::{KeywordJump, OnFail, Step};
use swarm_core::{
    money::Usd,
    refs::Classification,
    spec::{Agent, SandboxSpec},
};
pub use work::{
    ConcurrentTasks, InputText, Map, MapReduce, PipelineRef, Reduce, Retry, Work, WorkKind,
};

pub(crate) use setting::InlineSandbox;

use crate::{
    bounds,
    diagnostics::{Diagnostics, Mistakes},
    fields::Fieldset,
    forms::{Form, Record, Words},
    place::Place,
    source::Source,
};

/// A pipeline as it was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Definition {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is done; at least one.
    pub steps: Vec<Step>,
    /// Which program plays an agent whose sandbox does not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The sandbox of every agent whose step names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxChoice>,
    /// Who judges, where a step does not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<SandboxChoice>,
    /// What all steps may spend together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// How long all of it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<Seconds>,
    /// How sensitive its results are at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// Sandboxes of its own, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sandboxes: BTreeMap<String, SandboxSpec>,
    /// Governors of its own, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub governors: BTreeMap<String, GovernorText>,
    /// How many times at once a governor is asked, where nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor_beam: Option<NonZeroU32>,
}

impl Definition {
    /// Reads a definition. Nothing is looked up: that is the business of [`compile`](crate::compile()).
    ///
    /// # Errors
    ///
    /// Everything that is wrong with how it is written.
    pub fn read(source: &Source) -> Result<Self, Diagnostics> {
        let mut mistakes = Mistakes::default();
        let read = Self::read_from(source, &mut mistakes);
        match read {
            Some(definition) if mistakes.len() == 0 => Ok(definition),
            _ => Err(Diagnostics::new(mistakes.resolve(source, None))),
        }
    }

    /// What can be read of it; what cannot is in `mistakes`.
    pub(crate) fn read_from(source: &Source, mistakes: &mut Mistakes) -> Option<Self> {
        if !bounds::check(source.root(), mistakes) {
            return None;
        }
        Self::read_at(source.root(), &Place::ROOT, mistakes)
    }

    pub(crate) fn read_at(
        node: &crate::source::Node,
        place: &Place<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        <Self as Form>::read(node, place, mistakes)
    }

    /// Every sandbox that is written in it, those of pipelines within included.
    pub(crate) fn each_sandbox(&mut self, see: &mut dyn FnMut(&mut SandboxSpec)) {
        for choice in [&mut self.sandbox, &mut self.judge].into_iter().flatten() {
            if let SandboxChoice::Inline(spec) = choice {
                see(spec);
            }
        }
        self.sandboxes.values_mut().for_each(&mut *see);
        for step in &mut self.steps {
            step.work.each_sandbox(see);
        }
    }

    /// The canonical form of it.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Record for Definition {
    const NAME: &'static str = "pipeline";
    const ABOUT: &'static str = "Steps that say themselves which one is next.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        drop(fields.optional::<String>("$schema", "Where editors find the schema of this file."));
        let name = fields.optional("name", "What it is called.");
        let description = fields.optional::<Words>("description", "What it is for.");
        let steps: Option<step::Steps> = fields.required(
            "steps",
            "What is done, in this order where the steps do not say otherwise.",
        );
        Some(Self {
            name,
            description: description.map(|Words(text)| text),
            agent: setting::some(fields, &["agent"]).agent,
            sandbox: fields.optional(
                "sandbox",
                "The sandbox of every agent whose step names none: the name of a saved one, or its fields.",
            ),
            judge: fields.optional(
                "judge",
                "Who judges, where a step does not say so: a sandbox, with its `agent` and `model`. \
                 A `claude` with the model `haiku` and without tools if nobody says otherwise.",
            ),
            budget: fields.optional("budget", "What all steps may spend together, in dollars."),
            deadline_seconds: fields.optional(
                "deadline_seconds",
                "How long all of it may take, in seconds from the start of its first agent.",
            ),
            classification: fields.optional(
                "classification",
                "How sensitive its results are at least: a level, or a level with lists of MCP servers.",
            ),
            sandboxes: fields
                .optional::<BTreeMap<String, InlineSandbox>>(
                    "sandboxes",
                    "Sandboxes of its own, by name. They come before saved ones.",
                )
                .unwrap_or_default()
                .into_iter()
                .map(|(name, InlineSandbox(spec))| (name, spec))
                .collect(),
            governors: fields
                .optional(
                    "governors",
                    "Governors of its own, by name. They come before saved ones.",
                )
                .unwrap_or_default(),
            governor_beam: fields.optional(
                "governor_beam",
                "How many times at once a governor is asked, where nothing else is said; they vote.",
            ),
            steps: steps.map(|step::Steps(steps)| steps).unwrap_or_default(),
        })
    }
}

/// A time, written as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub Duration);

impl Seconds {
    /// Ten years.
    pub(crate) const MOST: f64 = 315_360_000.0;
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        swarm_core::time::seconds::serialize(&self.0, to)
    }
}
