//! What the names in a definition stand for.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use swarm_core::{
    error_code::ErrorCode,
    spec::{Agent, SandboxSpec},
};

use super::Notes;
use crate::{
    definition::{Definition, GovernorText, SandboxChoice},
    place::Place,
};

/// What the names in a definition stand for. What is looked up elsewhere is kept, so that the definition says in the end what each name
/// stood for.
pub(super) struct Scope<'o> {
    sandboxes: BTreeMap<String, SandboxSpec>,
    governors: BTreeMap<String, GovernorText>,
    used: BTreeSet<String>,
    /// Which program plays an agent where nothing else is said.
    pub(super) agent: Option<Agent>,
    /// Who judges where nothing else is said.
    pub(super) judge: Option<SandboxSpec>,
    pub(super) governor_beam: Option<NonZeroU32>,
    /// The definition that this one is written in.
    outer: Option<&'o Self>,
}

impl<'o> Scope<'o> {
    pub(super) fn of(definition: &mut Definition, outer: Option<&'o Self>) -> Self {
        Self {
            sandboxes: std::mem::take(&mut definition.sandboxes),
            governors: std::mem::take(&mut definition.governors),
            used: BTreeSet::new(),
            agent: definition.agent.clone(),
            judge: None,
            governor_beam: definition.governor_beam,
            outer,
        }
    }

    /// That of the definition that this one is written in.
    pub(super) const fn outer(&self) -> Option<&'o Self> {
        self.outer
    }

    pub(super) const fn sandboxes(&self) -> &BTreeMap<String, SandboxSpec> {
        &self.sandboxes
    }

    pub(super) const fn governors(&self) -> &BTreeMap<String, GovernorText> {
        &self.governors
    }

    /// The sandbox of this name that the definition, or one around it, has.
    pub(super) fn sandbox(&self, name: &str) -> Option<&SandboxSpec> {
        let own = self.sandboxes.get(name);
        own.or_else(|| self.outer?.sandbox(name))
    }

    pub(super) fn governor(&self, name: &str) -> Option<&GovernorText> {
        let own = self.governors.get(name);
        own.or_else(|| self.outer?.governor(name))
    }

    pub(super) fn keep_sandbox(&mut self, name: &str, spec: &SandboxSpec) {
        if !self.sandboxes.contains_key(name) {
            self.sandboxes.insert(name.to_owned(), spec.clone());
        }
    }

    pub(super) fn keep_governor(&mut self, name: &str, text: &GovernorText) {
        self.used.insert(name.to_owned());
        if !self.governors.contains_key(name) {
            self.governors.insert(name.to_owned(), text.clone());
        }
    }

    /// A governor that nobody asks is mostly a name that was misspelt elsewhere.
    pub(super) fn warn_of_unused(&self, place: &Place<'_>, notes: &mut Notes<'_>) {
        let place = place.key("governors");
        for name in self
            .governors
            .keys()
            .filter(|name| !self.used.contains(*name))
        {
            let message = format!("no step asks the governor `{name}`");
            notes
                .warnings
                .add(&place.key(name), ErrorCode::UnknownGovernor, message);
        }
    }

    pub(super) fn put_back(self, definition: &mut Definition) {
        definition.agent = self.agent;
        if definition.judge.is_none() {
            let judge = self.judge.filter(|spec| *spec != SandboxSpec::default());
            definition.judge = judge.map(|spec| SandboxChoice::Inline(Box::new(spec)));
        }
        definition.sandboxes = self.sandboxes;
        definition.governors = self.governors;
    }
}
