//! Projects that the user has wrapped, so that what they bring can be used by name everywhere, and those that are trusted.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    aside,
    error_code::{Coded, ErrorCode},
    ids::SandboxName,
};

/// Larger files are no lists of projects.
const MAX_FILE: u64 = 1 << 20;

/// What a project can bring: the folder that has it, and what its files end in.
const KINDS: [(&str, &[&str]); 4] = [
    ("governors", &["json", "toml"]),
    ("pipelines", &["json", "toml"]),
    ("sandboxes", &["json"]),
    ("types", &["md"]),
];
/// A project may keep all of it here, out of the way.
const HIDDEN: &str = ".swarm";

/// The list of projects in one file. Its methods block.
#[derive(Clone, Debug)]
pub struct Projects {
    file: PathBuf,
}

/// One project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its folder, without links.
    pub path: PathBuf,
    /// Whether its sandboxes can be used by name from everywhere.
    #[serde(default)]
    pub wrapped: bool,
    /// Whether its sandboxes may decide what runs with what is the user's.
    #[serde(default)]
    pub trusted: bool,
}

/// What a project brings of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// The folder.
    pub path: PathBuf,
    /// How many of them are in it.
    pub count: usize,
}

/// Why a list of projects cannot be used or changed. It is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// It is no folder that could be a project.
    #[error("{path} cannot be a project: {problem}")]
    NoProject {
        /// What was named.
        path: String,
        /// Why, and what to do.
        problem: String,
    },
    /// The list cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The list is no JSON of ours.
    #[error(
        "{path} is no list of projects: {source}; correct it, or remove it and wrap them again"
    )]
    Garbled {
        /// The file.
        path: String,
        /// Line, column and problem.
        source: serde_json::Error,
    },
}

impl Coded for ProjectError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoProject { .. } => ErrorCode::InvalidInput,
            Self::Storage { .. } => ErrorCode::StorageFailed,
            Self::Garbled { .. } => ErrorCode::InvalidJson,
        }
    }
}

impl Project {
    /// Where it has its `governors`, `pipelines`, `sandboxes` or `types`; `None` if it has none.
    pub fn folder(&self, kind: &str) -> Option<PathBuf> {
        folder_of(&self.path, kind)
    }

    /// What it brings, by kind.
    pub fn brings(&self) -> BTreeMap<&'static str, Brought> {
        let kinds = KINDS.iter();
        kinds
            .filter_map(|(kind, endings)| {
                let path = folder_of(&self.path, kind)?;
                let count = count(&path, endings);
                Some((*kind, Brought { path, count }))
            })
            .collect()
    }
}

impl Projects {
    /// The list that is kept in `file`, which need not exist.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// All of them, the one that was wrapped last first.
    ///
    /// # Errors
    ///
    /// If there is a list that cannot be read.
    pub fn list(&self) -> Result<Vec<Project>, ProjectError> {
        let failed = |source| self.failed("read", source);
        match fs::metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
            Ok(about) if about.len() > MAX_FILE => {
                return Err(failed(io::Error::other("it is larger than 1 MiB")));
            }
            Ok(_) => {}
        }
        let text = fs::read_to_string(&self.file).map_err(failed)?;
        serde_json::from_str(&text).map_err(|source| ProjectError::Garbled {
            path: self.file.display().to_string(),
            source,
        })
    }

    /// Puts the project in `folder` before all others, whether it was wrapped before or not, and says what it brings. What it
    /// gets later counts, too. On disk when this returns.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NoProject`] if it has nothing to bring.
    pub fn wrap(
        &self,
        folder: &Path,
    ) -> Result<(Project, BTreeMap<&'static str, Brought>), ProjectError> {
        let path = real(folder)?;
        let bare = Project {
            path: path.clone(),
            wrapped: true,
            trusted: false,
        };
        let brought = bare.brings();
        if brought.is_empty() {
            return Err(no_project(
                folder,
                "it has no folder governors/, pipelines/, sandboxes/ or types/, nor one of these in .swarm/",
            ));
        }
        let project = self.change(|projects| {
            let known = projects.iter().position(|project| project.path == path);
            let known = known.map(|at| projects.remove(at));
            let project = Project {
                trusted: known.is_some_and(|known| known.trusted),
                ..bare
            };
            projects.insert(0, project.clone());
            project
        })?;
        Ok((project, brought))
    }

    /// Lets the sandboxes of the project in `folder` decide what runs with what is the user's. On disk when this returns.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NoProject`] if there is no such folder.
    pub fn trust(&self, folder: &Path) -> Result<Project, ProjectError> {
        let path = real(folder)?;
        self.change(|projects| {
            if let Some(project) = projects.iter_mut().find(|project| project.path == path) {
                project.trusted = true;
                return project.clone();
            }
            let project = Project {
                path,
                wrapped: false,
                trusted: true,
            };
            projects.push(project.clone());
            project
        })
    }

    /// Takes back that the project in `folder` was wrapped and trusted; `None` if it was neither. The folder may be gone.
    ///
    /// # Errors
    ///
    /// If the list cannot be read or written.
    pub fn forget(&self, folder: &Path) -> Result<Option<Project>, ProjectError> {
        let path = fs::canonicalize(folder).unwrap_or_else(|_| gone(folder));
        self.change(|projects| {
            let known = projects.iter().position(|project| project.path == path);
            known.map(|at| projects.remove(at))
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Project>) -> T) -> Result<T, ProjectError> {
        let failed = |source| self.failed("write", source);
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        // Else two at once would each forget what the other one adds.
        let lock = File::create(self.file.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut projects = self.list()?;
        let changed = change(&mut projects);
        let text = serde_json::to_string_pretty(&projects);
        let text = text.map_err(|error| failed(error.into()))?;
        aside::write(&self.file, &text).map_err(failed)?;
        Ok(changed)
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> ProjectError {
        ProjectError::Storage {
            doing,
            path: self.file.display().to_string(),
            source,
        }
    }
}

/// The folder without links, so that a project has one name.
fn real(folder: &Path) -> Result<PathBuf, ProjectError> {
    let path = fs::canonicalize(folder).map_err(|error| no_project(folder, error.to_string()))?;
    if !path.is_dir() {
        return Err(no_project(folder, "it is not a folder"));
    }
    if path.to_str().is_none() {
        return Err(no_project(folder, "its path is not UTF-8 text; rename it"));
    }
    Ok(path)
}

/// What [`real`] made of a folder that is gone, if the one above it is not.
fn gone(folder: &Path) -> PathBuf {
    let above = folder.parent().and_then(|above| above.canonicalize().ok());
    match (above, folder.file_name()) {
        (Some(above), Some(name)) => above.join(name),
        _ => folder.to_owned(),
    }
}

fn no_project(folder: &Path, problem: impl Into<String>) -> ProjectError {
    ProjectError::NoProject {
        path: folder.display().to_string(),
        problem: problem.into(),
    }
}

fn folder_of(project: &Path, kind: &str) -> Option<PathBuf> {
    let places = [project.join(HIDDEN).join(kind), project.join(kind)];
    places.into_iter().find(|folder| folder.is_dir())
}

/// How many files have a name by which they can be used.
fn count(folder: &Path, endings: &[&str]) -> usize {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .filter(|path| {
            let name = path.file_stem().and_then(|name| name.to_str());
            path.extension()
                .is_some_and(|found| endings.iter().any(|ending| found == *ending))
                && name.is_some_and(|name| SandboxName::new(name).is_ok())
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stage {
        temp: tempfile::TempDir,
        projects: Projects,
    }

    impl Stage {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            let projects = Projects::new(temp.path().join("home/projects.json"));
            Self { temp, projects }
        }

        fn project(&self, name: &str, kinds: &[&str]) -> PathBuf {
            let path = self.temp.path().canonicalize().unwrap().join(name);
            fs::create_dir_all(&path).unwrap();
            for kind in kinds {
                fs::create_dir_all(path.join(kind)).unwrap();
            }
            path
        }

        fn paths(&self) -> Vec<PathBuf> {
            let projects = self.projects.list().unwrap().into_iter();
            projects.map(|project| project.path).collect()
        }
    }

    #[test]
    fn the_project_that_was_wrapped_last_comes_first_and_each_once() {
        let stage = Stage::new();
        let (a, b) = (
            stage.project("a", &["sandboxes"]),
            stage.project("b", &["types"]),
        );
        assert_eq!(stage.paths(), Vec::<PathBuf>::new());
        for (wrap, order) in [(&a, vec![&a]), (&b, vec![&b, &a]), (&a, vec![&a, &b])] {
            stage.projects.wrap(wrap).unwrap();
            assert_eq!(stage.paths().iter().collect::<Vec<_>>(), order);
        }
        assert_eq!(stage.projects.forget(&a).unwrap().unwrap().path, a);
        assert_eq!(stage.projects.forget(&a).unwrap(), None);
        assert_eq!(stage.paths(), [b]);
    }

    #[test]
    fn what_a_project_brings_is_counted_by_kind() {
        let stage = Stage::new();
        let path = stage.project("p", &[".swarm/sandboxes", "sandboxes", "types"]);
        for name in [
            ".swarm/sandboxes/a.json",
            ".swarm/sandboxes/b.json",
            ".swarm/sandboxes/notes.txt",
            "types/review.md",
        ] {
            fs::write(path.join(name), "{}").unwrap();
        }
        let (_, brought) = stage.projects.wrap(&path).unwrap();
        let brought: Vec<_> = brought
            .iter()
            .map(|(kind, brought)| (*kind, brought.path.clone(), brought.count))
            .collect();
        assert_eq!(
            brought,
            [
                ("sandboxes", path.join(".swarm/sandboxes"), 2),
                ("types", path.join("types"), 1)
            ]
        );
    }

    #[test]
    fn what_brings_nothing_is_no_project_and_the_list_stays() {
        let stage = Stage::new();
        let empty = stage.project("empty", &[]);
        let error = stage.projects.wrap(&empty).unwrap_err().to_string();
        assert!(
            error.contains("pipelines/, sandboxes/ or types/"),
            "{error}"
        );
        let error = stage.projects.wrap(&empty.join("gone")).unwrap_err();
        assert!(
            error.to_string().contains("gone cannot be a project"),
            "{error}"
        );
        fs::write(empty.join("file"), "").unwrap();
        let error = stage.projects.wrap(&empty.join("file")).unwrap_err();
        assert!(error.to_string().contains("not a folder"), "{error}");
        assert_eq!(stage.paths(), Vec::<PathBuf>::new());
    }

    #[test]
    fn trust_survives_a_wrap_and_ends_when_the_project_is_forgotten() {
        let stage = Stage::new();
        let path = stage.project("p", &["sandboxes"]);
        let project = stage.projects.trust(&path).unwrap();
        assert!(project.trusted && !project.wrapped);
        let (project, _) = stage.projects.wrap(&path).unwrap();
        assert!(project.trusted && project.wrapped);
        stage.projects.forget(&path).unwrap();
        let (project, _) = stage.projects.wrap(&path).unwrap();
        assert!(!project.trusted);
    }

    #[test]
    fn a_project_that_is_gone_can_be_forgotten() {
        let stage = Stage::new();
        let path = stage.project("p", &["sandboxes"]);
        stage.projects.wrap(&path).unwrap();
        fs::remove_dir_all(&path).unwrap();
        assert!(stage.projects.forget(&path).unwrap().is_some());
    }

    #[test]
    fn those_who_wrap_at_once_lose_nothing() {
        let stage = Stage::new();
        let paths: Vec<_> = (0..8)
            .map(|i| stage.project(&format!("p{i}"), &["sandboxes"]))
            .collect();
        std::thread::scope(|scope| {
            for path in &paths {
                scope.spawn(|| stage.projects.wrap(path).unwrap());
            }
        });
        assert_eq!(stage.paths().len(), 8);
    }

    #[test]
    fn a_list_that_was_damaged_is_named_and_left_alone() {
        let stage = Stage::new();
        let path = stage.project("p", &["sandboxes"]);
        stage.projects.wrap(&path).unwrap();
        let file = stage.temp.path().join("home/projects.json");
        fs::write(&file, "[{").unwrap();
        for error in [
            stage.projects.list().unwrap_err(),
            stage.projects.wrap(&path).unwrap_err(),
        ] {
            assert!(
                error.to_string().contains("projects.json is no list"),
                "{error}"
            );
        }
        assert_eq!(fs::read_to_string(file).unwrap(), "[{");
    }
}
