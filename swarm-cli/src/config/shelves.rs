//! Where sandboxes and types are looked for by name, and whose they are.

use std::path::{Path, PathBuf};

use swarm_core::{
    catalog::Catalog,
    projects::{Project, Projects},
    types::{TypeFolder, TypeRegistry},
};

use super::{Config, Folders};
use crate::error::CliError;

/// One folder with things of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shelf {
    folder: PathBuf,
    /// The project that brings it; `None` if it is the user's own.
    project: Option<PathBuf>,
    /// Whether it is here only because the user wrapped its project.
    is_wrapped: bool,
}

/// The folders with things of one kind, the most specific first.
#[derive(Clone, Debug)]
pub(crate) struct Shelves {
    shelves: Vec<Shelf>,
    trusted: Vec<PathBuf>,
}

impl Config {
    /// The projects that were wrapped or are trusted.
    pub(crate) fn projects(&self) -> Projects {
        Projects::new(self.settings.home.join("projects.json"))
    }

    /// Where sandboxes are looked for.
    pub(crate) fn shelves(&self) -> Result<Shelves, CliError> {
        self.shelves_of("sandboxes")
    }

    /// Where things of a kind are looked for.
    pub(crate) fn shelves_of(&self, kind: &str) -> Result<Shelves, CliError> {
        Ok(Shelves::of(kind, &self.folders, self.projects().list()?))
    }

    /// Where types are looked for.
    pub(crate) fn types(&self) -> Result<TypeRegistry, CliError> {
        Ok(TypeRegistry::new(self.type_folders()?))
    }

    /// The folders with types of project and user.
    pub(crate) fn type_folders(&self) -> Result<Vec<TypeFolder>, CliError> {
        let shelves = Shelves::of("types", &self.folders, self.projects().list()?);
        let folders = shelves.shelves.iter().map(|shelf| TypeFolder {
            path: shelf.folder.clone(),
            is_foreign: shelf
                .project
                .as_deref()
                .is_some_and(|project| !shelves.trusts(project)),
        });
        Ok(folders.collect())
    }
}

impl Shelves {
    /// The project around the current folder, the wrapped ones, that of the variable, then what is the user's own.
    fn of(kind: &str, folders: &Folders, projects: Vec<Project>) -> Self {
        let shelf = |folder, project: Option<&Path>| Shelf {
            folder,
            project: project.map(Path::to_owned),
            is_wrapped: false,
        };
        let around = folders.project.as_deref();
        let around = around.map(|project| shelf(project.join(".swarm").join(kind), Some(project)));
        let wrapped = projects.iter().filter(|project| project.wrapped);
        let wrapped = wrapped.filter_map(|project| {
            Some(Shelf {
                is_wrapped: true,
                ..shelf(project.folder(kind)?, Some(&project.path))
            })
        });
        let named = folders.project_dir.as_deref();
        let named = named.map(|project| shelf(project.join(kind), Some(project)));
        let own = folders
            .own(kind)
            .into_iter()
            .map(|folder| shelf(folder, None));
        let mut shelves: Vec<Shelf> = Vec::new();
        for shelf in around.into_iter().chain(wrapped).chain(named).chain(own) {
            // Who works in a project that is wrapped, too, saves in it.
            if shelves.iter().all(|known| known.folder != shelf.folder) {
                shelves.push(shelf);
            }
        }
        let trusted = projects.into_iter().filter(|project| project.trusted);
        Self {
            shelves,
            trusted: trusted.map(|project| project.path).collect(),
        }
    }

    /// Everything that can be used by name.
    pub(crate) fn catalog(&self) -> Catalog {
        Catalog::new(self.all())
    }

    /// The same without projects that are only wrapped: what somebody saves elsewhere is not theirs.
    pub(crate) fn to_save_in(&self) -> Vec<PathBuf> {
        self.folders(|shelf| !shelf.is_wrapped)
    }

    /// All folders, the most specific first.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        self.folders(|_| true)
    }

    fn folders(&self, wanted: impl Fn(&Shelf) -> bool) -> Vec<PathBuf> {
        let shelves = self.shelves.iter().filter(|shelf| wanted(shelf));
        shelves.map(|shelf| shelf.folder.clone()).collect()
    }

    /// The project that the sandbox in `file` comes from, if the user has not said that it is trusted.
    pub(crate) fn distrusted(&self, file: &Path) -> Option<&Path> {
        let shelf = self
            .shelves
            .iter()
            .find(|shelf| file.parent() == Some(&shelf.folder))?;
        let project = shelf.project.as_deref()?;
        (!self.trusts(project)).then_some(project)
    }

    /// Whether the user has said that `project` is trusted.
    pub(crate) fn trusts(&self, project: &Path) -> bool {
        let real = project.canonicalize();
        let real = real.as_deref().unwrap_or(project);
        self.trusted.iter().any(|trusted| trusted == real)
    }
}
