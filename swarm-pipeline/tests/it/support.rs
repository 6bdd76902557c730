//! What tests of pipelines share.

use serde_json::Value;
use swarm_core::{
    plan::Program,
    spec::{NoSandboxes, SandboxSpec, Sandboxes, SpecError},
    suggest::nearest,
    types::TypeRegistry,
};
use swarm_pipeline::{
    Compiled, Definition, Diagnostics, GovernorText, Governors, NoGovernors, NotFound, Pipelines,
    Source, Surroundings, compile,
};

/// Sandboxes, governors and pipelines in memory.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) sandboxes: Vec<(&'static str, Value)>,
    pub(crate) governors: Vec<(&'static str, &'static str)>,
    pub(crate) pipelines: Vec<(&'static str, String)>,
}

impl Sandboxes for Shelf {
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError> {
        match self.sandboxes.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => SandboxSpec::from_json(value.clone(), name),
            None => NoSandboxes.sandbox(name).map_err(|error| match error {
                SpecError::UnknownSandbox { name, searched, .. } => SpecError::UnknownSandbox {
                    suggestion: nearest(&name, self.sandboxes.iter().map(|(known, _)| *known))
                        .map(str::to_owned),
                    name,
                    searched,
                },
                other => other,
            }),
        }
    }
}

impl Governors for Shelf {
    fn governor(&self, name: &str) -> Result<GovernorText, NotFound> {
        match self.governors.iter().find(|(known, _)| *known == name) {
            Some((_, spec)) => Ok(GovernorText::new(*spec)),
            None => NoGovernors.governor(name),
        }
    }
}

impl Pipelines for Shelf {
    fn pipeline(&self, name: &str) -> Result<Source, NotFound> {
        match self.pipelines.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Ok(Source::text(text).unwrap().named(name)),
            None => swarm_pipeline::NoPipelines.pipeline(name),
        }
    }
}

impl Shelf {
    pub(crate) fn compile(&self, source: &Source) -> Result<Compiled, Diagnostics> {
        let types = TypeRegistry::default();
        let around = Surroundings::new(self, &types)
            .with_governors(self)
            .with_pipelines(self);
        compile(source, &around)
    }

    pub(crate) fn program(&self, text: &str) -> Program {
        match Source::text(text).and_then(|source| self.compile(&source)) {
            Ok(compiled) => compiled.program,
            Err(error) => panic!("{error}\n{text}"),
        }
    }

    /// What is wrong, one in a line.
    pub(crate) fn wrong(&self, text: &str) -> Vec<String> {
        match Source::text(text).and_then(|source| self.compile(&source)) {
            Ok(_) => Vec::new(),
            Err(error) => error.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(crate) fn program(text: &str) -> Program {
    Shelf::default().program(text)
}

pub(crate) fn wrong(text: &str) -> Vec<String> {
    Shelf::default().wrong(text)
}

pub(crate) fn definition(text: &str) -> Definition {
    Definition::read(&Source::text(text).unwrap()).unwrap()
}
