//! From arguments to a pipeline that can be run.

use std::path::Path;

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    spec::SandboxSpec,
    suggest::did_you_mean,
    types::TypeRegistry,
};
use swarm_pipeline::{Compiled, Diagnostics, Pipelines as _, Source, Surroundings, compile};

use crate::{
    agent_input::read_at_most,
    config::{Config, Folders},
    error::CliError,
    localize::{Localized, absolute, check_mounts},
    trusted::{TrustedGovernors, TrustedPipelines, TrustedSandboxes},
};

/// Turns definitions into programs: found, read, names looked up, paths made absolute.
#[derive(Debug)]
pub(crate) struct PipelineInput<'a> {
    folders: &'a Folders,
    sandboxes: TrustedSandboxes,
    governors: TrustedGovernors,
    pipelines: TrustedPipelines,
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
        Ok(Self {
            folders: &config.folders,
            sandboxes: TrustedSandboxes::new(config.shelves()?),
            governors: TrustedGovernors::new(config.shelves_of("governors")?),
            pipelines: TrustedPipelines::new(config.shelves_of("pipelines")?),
            types: config.types()?,
        })
    }

    /// The program of a definition: a saved one by its name, JSON as it is, a file, or stdin for `-`.
    pub(crate) fn compiled(&self, definition: &str) -> Result<Compiled, Unusable> {
        let source = self.source(definition)?;
        let sandboxes = Localized {
            sandboxes: &self.sandboxes,
            folders: self.folders,
        };
        let localize = |spec: &mut SandboxSpec| absolute(spec, self.folders);
        let surroundings = Surroundings::new(&sandboxes, &self.types)
            .with_governors(&self.governors)
            .with_pipelines(&self.pipelines)
            .with_paths(&localize);
        let compiled = compile(&source, &surroundings)?;
        for step in &compiled.program.steps {
            for agent in step.work.agents() {
                check_mounts(&agent.sandbox).map_err(|error| error.at(step.id.as_str()))?;
            }
        }
        Ok(compiled)
    }

    fn source(&self, definition: &str) -> Result<Source, Unusable> {
        if definition.trim_start().starts_with('{') {
            return Ok(Source::json(definition)?);
        }
        if is_name(definition, self.folders) {
            let found = self.pipelines.pipeline(definition);
            return Ok(found.map_err(|error| {
                let hint = did_you_mean(error.suggestion.as_deref());
                CliError::new(error.code, format!("{}{hint}", error.message))
            })?);
        }
        let has_ending = |known: &str| {
            Path::new(definition)
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case(known))
        };
        if ["yaml", "yml"].into_iter().any(has_ending) {
            let problem = format!("{definition}: YAML is not read; write JSON or TOML");
            return Err(CliError::new(ErrorCode::InvalidInput, problem).into());
        }
        let text = read_at_most(
            Source::MAX_BYTES as u64,
            definition,
            self.folders,
            "a pipeline is a text of at most that size: what agents need to read belongs into a mount",
        )?;
        Ok(if has_ending("json") {
            Source::json(&text)?
        } else {
            Source::text(&text)?
        })
    }
}

/// Whether `definition` is the name of a saved pipeline, and not a file.
fn is_name(definition: &str, folders: &Folders) -> bool {
    let path = Path::new(definition);
    definition != "-"
        && path.components().count() == 1
        && path.extension().is_none()
        && !folders.absolute(path).exists()
}
