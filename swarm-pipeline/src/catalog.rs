//! Governors and pipelines saved under a name: files in a list of folders, the first of which wins.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    ids::SandboxName,
    suggest::nearest,
};

use crate::{
    definition::{Definition, GovernorText},
    diagnostics::Diagnostics,
    source::Source,
    surroundings::{Governors, NotFound, Pipelines},
};

/// Larger files are neither governors nor pipelines.
const MAX_FILE: u64 = Source::MAX_BYTES as u64;

/// Folders in which pipelines are looked for, the most specific first: `NAME.json` and `NAME.toml`. Its methods block.
#[derive(Clone, Debug)]
pub struct PipelineFolders(Files);

/// Folders in which governors are looked for, the most specific first: `NAME.json` and `NAME.toml`. Its methods block.
#[derive(Clone, Debug)]
pub struct GovernorFolders(Files);

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says of itself, or of a governor the beginning of its text; what is wrong if it cannot be read.
    pub description: Result<Option<String>, String>,
}

/// How many characters of the text of a governor are shown in a list.
const PREVIEW: usize = 120;

impl PipelineFolders {
    /// Pipelines in `folders`, which need not exist.
    pub const fn new(folders: Vec<PathBuf>) -> Self {
        Self(Files {
            folders,
            what: "pipeline",
            unknown: ErrorCode::UnknownPipeline,
        })
    }

    /// Everything that can be used by name, by name. A file that is hidden by one of the same name in an earlier folder
    /// is left out.
    pub fn list(&self) -> Vec<Listed> {
        self.0
            .list(|source| Ok(Definition::read(source)?.description))
    }

    /// The file of the pipeline that goes by this name.
    ///
    /// # Errors
    ///
    /// If it is no name, or none has it.
    pub fn locate(&self, name: &str) -> Result<PathBuf, NotFound> {
        self.0.locate(name)
    }
}

impl Pipelines for PipelineFolders {
    fn pipeline(&self, name: &str) -> Result<Source, NotFound> {
        let path = self.locate(name)?;
        let source = read(&path).map_err(|error| self.0.unusable(&path, &error))?;
        Ok(source.named(name))
    }
}

impl GovernorFolders {
    /// Governors in `folders`, which need not exist.
    pub const fn new(folders: Vec<PathBuf>) -> Self {
        Self(Files {
            folders,
            what: "governor",
            unknown: ErrorCode::UnknownGovernor,
        })
    }

    /// Everything that can be used by name, by name. A file that is hidden by one of the same name in an earlier folder
    /// is left out.
    pub fn list(&self) -> Vec<Listed> {
        self.0.list(|source| {
            let text = GovernorText::read(source)?;
            let preview = || text.spec.trim().chars().take(PREVIEW).collect();
            Ok(Some(text.description.clone().unwrap_or_else(preview)))
        })
    }

    /// The file of the governor that goes by this name.
    ///
    /// # Errors
    ///
    /// If it is no name, or none has it.
    pub fn locate(&self, name: &str) -> Result<PathBuf, NotFound> {
        self.0.locate(name)
    }
}

impl Governors for GovernorFolders {
    fn governor(&self, name: &str) -> Result<GovernorText, NotFound> {
        let path = self.locate(name)?;
        let text = read(&path).and_then(|source| Ok(GovernorText::read(&source)?));
        text.map_err(|error| self.0.unusable(&path, &error))
    }
}

#[derive(Clone, Debug)]
struct Files {
    folders: Vec<PathBuf>,
    what: &'static str,
    unknown: ErrorCode,
}

/// Why a file cannot be used.
enum Unreadable {
    File(io::Error),
    Text(Diagnostics),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<Diagnostics> for Unreadable {
    fn from(wrong: Diagnostics) -> Self {
        Self::Text(wrong)
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Text(wrong) => wrong.fmt(f),
        }
    }
}

impl Files {
    /// All files, by name.
    fn names(&self) -> Vec<(String, PathBuf)> {
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for folder in &self.folders {
            let files = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut here: Vec<(String, PathBuf)> = files
                .filter_map(|file| {
                    let path = file.path();
                    Some((name_of(&path)?, path))
                })
                .collect();
            // Of two files with the same name, JSON comes first.
            here.sort();
            for (name, path) in here {
                if found.iter().all(|(known, _)| *known != name) {
                    found.push((name, path));
                }
            }
        }
        found.sort();
        found
    }

    fn list(
        &self,
        describe: impl Fn(&Source) -> Result<Option<String>, Diagnostics>,
    ) -> Vec<Listed> {
        let described = |path: &Path| {
            let read = read(path).and_then(|source| Ok(describe(&source)?));
            read.map_err(|error| error.to_string())
        };
        let names = self.names().into_iter();
        names
            .map(|(name, path)| Listed {
                description: described(&path),
                name,
                path,
            })
            .collect()
    }

    fn locate(&self, name: &str) -> Result<PathBuf, NotFound> {
        let name = SandboxName::new(name).map_err(|error| NotFound {
            code: error.code(),
            message: format!(
                "{name:?} cannot be the name of a {}: {}",
                self.what, error.problem
            ),
            suggestion: None,
        })?;
        let files = self.folders.iter().flat_map(|folder| {
            ["json", "toml"].map(|ending| folder.join(format!("{name}.{ending}")))
        });
        let mut files = files.filter(|path| path.is_file());
        files.next().ok_or_else(|| self.not_found(name.as_str()))
    }

    fn not_found(&self, name: &str) -> NotFound {
        let names = self.names();
        let folders = self.folders.iter();
        let searched: Vec<String> = folders.map(|folder| folder.display().to_string()).collect();
        NotFound {
            code: self.unknown,
            message: format!(
                "there is no {} `{name}`; searched {}",
                self.what,
                searched.join(", ")
            ),
            suggestion: nearest(name, names.iter().map(|(name, _)| name.as_str()))
                .map(str::to_owned),
        }
    }

    fn unusable(&self, path: &Path, error: &Unreadable) -> NotFound {
        let code = match error {
            Unreadable::File(_) => ErrorCode::StorageFailed,
            Unreadable::Text(wrong) => wrong.code(),
        };
        NotFound {
            code,
            message: format!("cannot use the {} {}: {error}", self.what, path.display()),
            suggestion: None,
        }
    }
}

fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = file
        .strip_suffix(".json")
        .or_else(|| file.strip_suffix(".toml"))?;
    SandboxName::new(name).ok().map(String::from)
}

fn read(path: &Path) -> Result<Source, Unreadable> {
    let about = fs::metadata(path)?;
    if !about.is_file() {
        // To open a pipe could take for ever.
        return Err(io::Error::other("it is not a file").into());
    }
    if about.len() > MAX_FILE {
        return Err(io::Error::other("it is larger than 16 MiB").into());
    }
    let text = fs::read_to_string(path)?;
    let is_toml = path.extension().is_some_and(|ending| ending == "toml");
    Ok(if is_toml {
        Source::toml(&text)?
    } else {
        Source::json(&text)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_first_folder_wins_and_both_notations_are_found() {
        let first = folder(&[
            (
                "a.toml",
                "description = \"first\"\n[[steps]]\nprompt = \"x\"",
            ),
            ("bad name.json", "{}"),
        ]);
        let second = folder(&[
            ("a.json", "{\"steps\": [{\"prompt\": \"x\"}]}"),
            ("b.json", "{\"steps\": 7}"),
            ("notes.txt", ""),
        ]);
        let folders = vec![
            first.path().to_owned(),
            second.path().to_owned(),
            "/nowhere".into(),
        ];
        let pipelines = PipelineFolders::new(folders);
        let listed = pipelines.list();
        let names: Vec<&str> = listed.iter().map(|listed| listed.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(listed[0].description, Ok(Some("first".to_owned())));
        let wrong = listed[1].description.as_ref().unwrap_err();
        assert!(wrong.contains("steps: expected a list of steps"), "{wrong}");
        assert_eq!(pipelines.pipeline("a").unwrap().name(), Some("a"));
        let error = pipelines.pipeline("aa").unwrap_err();
        assert_eq!(
            (error.code, error.suggestion.as_deref()),
            (ErrorCode::UnknownPipeline, Some("a"))
        );
        for path in ["../a", "/etc/passwd", "a/b", ""] {
            assert_eq!(
                pipelines.pipeline(path).unwrap_err().code,
                ErrorCode::InvalidName,
                "{path}"
            );
        }
    }

    #[test]
    fn a_governor_has_the_five_fields_of_its_file() {
        let files = folder(&[
            (
                "strict.json",
                r#"{"name": "strict", "spec": "Stop early.", "model": "opus", "description": "", "beam_width": 3}"#,
            ),
            ("wrong.json", r#"{"spce": "x"}"#),
        ]);
        let governors = GovernorFolders::new(vec![files.path().to_owned()]);
        let strict = governors.governor("strict").unwrap();
        assert_eq!(strict.spec, "Stop early.");
        assert_eq!(strict.model.as_deref(), Some("opus"));
        assert_eq!(strict.beam_width.unwrap().get(), 3);
        let listed = governors.list();
        assert_eq!(listed[0].description, Ok(Some("Stop early.".to_owned())));
        let wrong = governors.governor("wrong").unwrap_err();
        assert!(
            wrong.message.contains("did you mean `spec`?"),
            "{}",
            wrong.message
        );
        assert_eq!(
            governors
                .governor("strikt")
                .unwrap_err()
                .suggestion
                .as_deref(),
            Some("strict")
        );
    }
}
