//! Saved things by name, but for those of projects that are not trusted.
//!
//! A pipeline says which programs run, and a governor which way it goes; so of a project that is not trusted neither is used
//! by name. Who knows what is in the file can name the file.

use std::path::{Path, PathBuf};

use swarm_core::{
    error_code::ErrorCode,
    spec::{SandboxSpec, Sandboxes, SpecError},
};
use swarm_pipeline::{
    GovernorFolders, GovernorText, Governors, Listed, NotFound, PipelineFolders, Pipelines, Source,
};

use crate::config::Shelves;

/// Saved sandboxes, but for those of projects that are not trusted which would decide more than limits.
#[derive(Debug)]
pub(crate) struct TrustedSandboxes {
    shelves: Shelves,
}

impl TrustedSandboxes {
    pub(crate) const fn new(shelves: Shelves) -> Self {
        Self { shelves }
    }
}

impl Sandboxes for TrustedSandboxes {
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

/// Saved pipelines.
#[derive(Debug)]
pub(crate) struct TrustedPipelines {
    shelves: Shelves,
    files: PipelineFolders,
}

impl TrustedPipelines {
    pub(crate) fn new(shelves: Shelves) -> Self {
        Self {
            files: PipelineFolders::new(shelves.all()),
            shelves,
        }
    }

    /// All of them, also those that may not be used.
    pub(crate) fn list(&self) -> Vec<Listed> {
        self.files.list()
    }
}

impl Pipelines for TrustedPipelines {
    fn pipeline(&self, name: &str) -> Result<Source, NotFound> {
        check(&self.shelves, &self.files.locate(name)?, "pipeline")?;
        self.files.pipeline(name)
    }
}

/// Saved governors.
#[derive(Debug)]
pub(crate) struct TrustedGovernors {
    shelves: Shelves,
    files: GovernorFolders,
}

impl TrustedGovernors {
    pub(crate) fn new(shelves: Shelves) -> Self {
        Self {
            files: GovernorFolders::new(shelves.all()),
            shelves,
        }
    }
}

impl Governors for TrustedGovernors {
    fn governor(&self, name: &str) -> Result<GovernorText, NotFound> {
        check(&self.shelves, &self.files.locate(name)?, "governor")?;
        self.files.governor(name)
    }
}

fn check(shelves: &Shelves, file: &Path, what: &str) -> Result<(), NotFound> {
    let distrusted = shelves.distrusted(file).map(PathBuf::from);
    distrusted.map_or(Ok(()), |project| {
        Err(NotFound {
            code: ErrorCode::Refused,
            message: format!(
                "the {what} {} is refused: it belongs to a project that is not trusted; look at it and name the file, or say \
                 `swarm project trust {}` if you trust everybody who writes there",
                file.display(),
                project.display()
            ),
            suggestion: None,
        })
    })
}
