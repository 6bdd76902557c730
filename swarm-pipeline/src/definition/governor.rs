//! Who decides how a pipeline goes on.

use std::num::NonZeroU32;

use serde::Serialize;
use swarm_core::spec::Agent;

use super::{Setting, setting};
use crate::{
    diagnostics::{Diagnostics, Mistakes},
    fields::Fieldset,
    forms::{Form, Record, Words},
    place::Place,
    source::Source,
};

/// Who decides how a pipeline goes on, as it was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GovernorText {
    /// By what it decides.
    pub spec: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many times at once it is asked, where nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beam_width: Option<NonZeroU32>,
    /// Which program it is; `claude` if nobody says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
}

impl Record for GovernorText {
    const NAME: &'static str = "governor";
    const ABOUT: &'static str = "An agent that decides how a pipeline goes on.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let spec = fields.required(
            "spec",
            "By what it decides, in words. What happened and how it has to answer is told it besides.",
        );
        // That of its file counts.
        drop(fields.optional::<String>("name", "Its name; that of its file counts."));
        let description = fields.optional::<Words>("description", "What it is for.");
        let beam_width = fields.optional(
            "beam_width",
            "How many times at once it is asked; they vote, each with its confidence.",
        );
        let of_sandbox = setting::some(fields, &["model", "agent"]);
        Some(Self {
            spec: spec?,
            description: description.and_then(|Words(text)| (!text.is_empty()).then_some(text)),
            model: of_sandbox.model,
            beam_width,
            agent: of_sandbox.agent,
        })
    }
}

impl GovernorText {
    /// Reads the file of one.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn read(source: &Source) -> Result<Self, Diagnostics> {
        let mut mistakes = Mistakes::default();
        let read = <Self as Form>::read(source.root(), &Place::ROOT, &mut mistakes);
        match read {
            Some(text) if mistakes.len() == 0 => Ok(text),
            _ => Err(Diagnostics::new(mistakes.resolve(source, None))),
        }
    }

    /// One that decides by `spec`, with nothing else said.
    pub fn new(spec: impl Into<String>) -> Self {
        Self {
            spec: spec.into(),
            description: None,
            model: None,
            beam_width: None,
            agent: None,
        }
    }

    /// What it says of its sandbox.
    pub(crate) fn setting(&self) -> Setting {
        let mut setting = Setting::default();
        setting.fields.model.clone_from(&self.model);
        setting.fields.agent.clone_from(&self.agent);
        setting
    }
}

/// A governor is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ask {
    /// Its name.
    pub governor: String,
    /// How many times at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beam_width: Option<NonZeroU32>,
}

impl Record for Ask {
    const NAME: &'static str = "ask";
    const ABOUT: &'static str = "A governor decides how it goes on.";

    fn fields(fields: &mut Fieldset<'_, '_>) -> Option<Self> {
        let governor = fields.required("governor", "The name of the governor.");
        let beam_width = fields.optional("beam_width", "How many times at once it is asked.");
        Some(Self {
            governor: governor?,
            beam_width,
        })
    }
}
