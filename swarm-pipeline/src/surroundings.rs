//! What a definition may name.

use std::fmt;

use swarm_core::{
    error_code::ErrorCode,
    spec::{Agent, SandboxSpec, Sandboxes},
    types::TypeRegistry,
};

use crate::{definition::GovernorText, source::Source};

/// Where governors are found by name.
pub trait Governors: fmt::Debug {
    /// The governor saved as `name`.
    ///
    /// # Errors
    ///
    /// If there is none, or it cannot be used.
    fn governor(&self, name: &str) -> Result<GovernorText, NotFound>;
}

/// Where pipelines are found by name.
pub trait Pipelines: fmt::Debug {
    /// The pipeline saved as `name`.
    ///
    /// # Errors
    ///
    /// If there is none, or it cannot be read.
    fn pipeline(&self, name: &str) -> Result<Source, NotFound>;
}

/// Why nothing can be used under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// The stable name of what is wrong.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// No saved governors.
#[derive(Clone, Copy, Debug)]
pub struct NoGovernors;

impl Governors for NoGovernors {
    fn governor(&self, name: &str) -> Result<GovernorText, NotFound> {
        Err(NotFound {
            code: ErrorCode::UnknownGovernor,
            message: format!("there is no governor `{name}`"),
            suggestion: None,
        })
    }
}

/// No saved pipelines.
#[derive(Clone, Copy, Debug)]
pub struct NoPipelines;

impl Pipelines for NoPipelines {
    fn pipeline(&self, name: &str) -> Result<Source, NotFound> {
        Err(NotFound {
            code: ErrorCode::UnknownPipeline,
            message: format!("there is no pipeline `{name}`"),
            suggestion: None,
        })
    }
}

/// What a definition may name, and what holds where it says nothing.
#[derive(Clone)]
pub struct Surroundings<'s> {
    pub(crate) sandboxes: &'s dyn Sandboxes,
    pub(crate) types: &'s TypeRegistry,
    pub(crate) governors: &'s dyn Governors,
    pub(crate) pipelines: &'s dyn Pipelines,
    pub(crate) agent: Option<Agent>,
    pub(crate) judge: SandboxSpec,
    pub(crate) localize: &'s dyn Fn(&mut SandboxSpec),
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("sandboxes", &self.sandboxes)
            .field("governors", &self.governors)
            .field("pipelines", &self.pipelines)
            .finish_non_exhaustive()
    }
}

impl<'s> Surroundings<'s> {
    /// Surroundings with saved sandboxes and types, and nothing else.
    pub fn new(sandboxes: &'s dyn Sandboxes, types: &'s TypeRegistry) -> Self {
        Self {
            sandboxes,
            types,
            governors: &NoGovernors,
            pipelines: &NoPipelines,
            agent: Some(Agent::Named("claude".to_owned())),
            judge: SandboxSpec::default(),
            localize: &|_| {},
        }
    }

    /// With saved governors.
    #[must_use]
    pub const fn with_governors(mut self, governors: &'s dyn Governors) -> Self {
        self.governors = governors;
        self
    }

    /// With saved pipelines.
    #[must_use]
    pub const fn with_pipelines(mut self, pipelines: &'s dyn Pipelines) -> Self {
        self.pipelines = pipelines;
        self
    }

    /// Which program plays an agent where nobody says so; `claude` without this. With `None`, every agent has to be chosen.
    #[must_use]
    pub fn with_agent(mut self, agent: Option<Agent>) -> Self {
        self.agent = agent;
        self
    }

    /// Who judges where nobody says so: what is given here differs from a `claude` with the model `haiku`, 90 seconds and no
    /// tools.
    #[must_use]
    pub fn with_judge(mut self, judge: SandboxSpec) -> Self {
        self.judge = judge;
        self
    }

    /// What makes the paths of a sandbox that is written in the definition absolute. That of a saved one is the business of where it was
    /// saved.
    #[must_use]
    pub fn with_paths(mut self, localize: &'s dyn Fn(&mut SandboxSpec)) -> Self {
        self.localize = localize;
        self
    }
}
