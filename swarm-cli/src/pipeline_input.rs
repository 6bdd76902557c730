//! From arguments to a pipeline that can be run.

use std::path::Path;

use swarm_core::{
    error_code::Coded as _,
    spec::{AgentSpec, SandboxSpec, Sandboxes, SpecError},
    types::TypeRegistry,
};
use swarm_pipeline::{Compiled, Diagnostics, Source, Surroundings, compile};

use crate::{
    agent_input::read,
    config::{Config, Folders, Shelves},
    error::CliError,
    localize::{Localized, absolute, check_mounts},
};

/// Turns definitions into programs: found, read, names looked up, paths made absolute.
#[derive(Debug)]
pub(crate) struct PipelineInput<'a> {
    folders: &'a Folders,
    sandboxes: Trusted,
    types: TypeRegistry,
}

/// Why there is no program.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It cannot be read, or may not be used.
    Error(CliError),
    /// It is wrong.
    Wrong(Diagnostics),
}

impl From<CliError> for Unusable {
    fn from(error: CliError) -> Self {
        Self::Error(error)
    }
}

impl From<Diagnostics> for Unusable {
    fn from(wrong: Diagnostics) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Unusable> for CliError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Error(error) => error,
            Unusable::Wrong(wrong) => Self::new(wrong.code(), wrong.to_string()),
        }
    }
}

impl<'a> PipelineInput<'a> {
    pub(crate) fn new(config: &'a Config) -> Result<Self, CliError> {
        let shelves = config.shelves()?;
        Ok(Self {
            folders: &config.folders,
            sandboxes: Trusted { shelves },
            types: config.types()?,
        })
    }

    /// The program of a definition: JSON or TOML as it is, a file, or stdin for `-`.
    pub(crate) fn compiled(&self, definition: &str) -> Result<Compiled, Unusable> {
        let source = self.source(definition)?;
        let sandboxes = Localized {
            sandboxes: &self.sandboxes,
            folders: self.folders,
        };
        let localize = |spec: &mut SandboxSpec| absolute(spec, self.folders);
        let surroundings = Surroundings::new(&sandboxes, &self.types).with_paths(&localize);
        let compiled = compile(&source, &surroundings)?;
        for step in &compiled.program.steps {
            for agent in step.work.agents() {
                check(agent).map_err(|error| error.at(step.id.as_str()))?;
            }
        }
        Ok(compiled)
    }

    fn source(&self, definition: &str) -> Result<Source, Unusable> {
        if definition.trim_start().starts_with('{') {
            return Ok(Source::json(definition)?);
        }
        let text = read(definition, self.folders)?;
        let is_json = Path::new(definition)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        Ok(if is_json {
            Source::json(&text)?
        } else {
            Source::text(&text)?
        })
    }
}

fn check(agent: &AgentSpec) -> Result<(), CliError> {
    check_mounts(&agent.sandbox)
}

/// Saved sandboxes, but for those of projects that are not trusted which would decide more than limits.
#[derive(Debug)]
struct Trusted {
    shelves: Shelves,
}

impl Sandboxes for Trusted {
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError> {
        let catalog = self.shelves.catalog();
        let file = catalog.locate(name)?;
        let spec = catalog.sandbox(name)?;
        let Some(project) = self.shelves.distrusted(&file) else {
            return Ok(spec);
        };
        let decides = [
            ("mounts", spec.mounts.is_some()),
            ("image", spec.image.is_some()),
            ("env_vars", spec.env_vars.is_some()),
            ("input_files", spec.input_files.is_some()),
            ("workdir", spec.workdir.is_some()),
            ("agent", spec.agent.is_some()),
        ];
        match decides.iter().find(|(_, decides)| *decides) {
            None => Ok(spec),
            Some((field, _)) => Err(SpecError::Distrusted {
                path: file.display().to_string(),
                field,
                project: project.display().to_string(),
            }),
        }
    }
}
