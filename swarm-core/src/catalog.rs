//! Sandboxes saved under a name: JSON files in a list of folders, the first of which wins.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    aside,
    ids::SandboxName,
    spec::{SandboxSpec, Sandboxes, SpecError},
    suggest::nearest,
};

/// Larger files are no sandboxes.
const MAX_FILE: u64 = 1 << 20;

/// Folders in which sandboxes are looked for, the most specific first. Its methods block.
#[derive(Clone, Debug)]
pub struct Catalog {
    folders: Vec<PathBuf>,
}

/// One file of a catalog.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says, or why it cannot be used.
    pub spec: Result<SandboxSpec, SpecError>,
}

/// What became of a sandbox that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// Whether there was one of this name in that folder, which is gone now.
    pub replaced: bool,
}

impl Catalog {
    /// A catalog over `folders`, which need not exist.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    /// Everything that can be used by name, by name. A file that is hidden by one of the same name in an earlier folder
    /// is left out.
    pub fn list(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for folder in &self.folders {
            let Ok(files) = fs::read_dir(folder) else {
                continue;
            };
            for path in files.flatten().map(|file| file.path()) {
                let Some(name) = name_of(&path) else { continue };
                if entries.iter().all(|entry| entry.name != name) {
                    let spec = read(&path);
                    entries.push(Entry { name, path, spec });
                }
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// Writes `spec` under `name` into the first folder, replacing what was there, and says where.
    ///
    /// Only what the spec decides is written, so that later defaults still apply.
    pub fn save(&self, name: &SandboxName, spec: &SandboxSpec) -> Result<Saved, SpecError> {
        let folder = self.folders.first().ok_or_else(|| {
            SpecError::shape("sandbox folders", "there is no folder to save a sandbox in")
        })?;
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(spec)
            .map_err(|error| SpecError::shape(name.as_str(), error.to_string()))?;
        let replaced = path.symlink_metadata().is_ok();
        aside::write(&path, &text).map_err(|source| SpecError::UnreadableSandbox {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Saved { path, replaced })
    }

    /// The file of the sandbox that goes by this name.
    ///
    /// # Errors
    ///
    /// If it is no name, or none has it.
    pub fn locate(&self, name: &str) -> Result<PathBuf, SpecError> {
        let name = SandboxName::new(name)?;
        let file = format!("{name}.json");
        self.folders
            .iter()
            .map(|folder| folder.join(&file))
            .find(|path| path.is_file())
            .ok_or_else(|| self.unknown(name.as_str()))
    }

    fn unknown(&self, name: &str) -> SpecError {
        let entries = self.list();
        let searched: Vec<String> = self
            .folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        SpecError::UnknownSandbox {
            name: name.to_owned(),
            suggestion: nearest(name, entries.iter().map(|entry| entry.name.as_str()))
                .map(str::to_owned),
            searched: searched.join(", "),
        }
    }
}

impl Sandboxes for Catalog {
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError> {
        read(&self.locate(name)?)
    }
}

fn name_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    SandboxName::new(name).ok().map(String::from)
}

fn read(path: &Path) -> Result<SandboxSpec, SpecError> {
    let shown = path.display().to_string();
    let unreadable = |source| SpecError::UnreadableSandbox {
        path: shown.clone(),
        source,
    };
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        // To open a pipe could take for ever.
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    if about.len() > MAX_FILE {
        return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let value = serde_json::from_str(&text).map_err(|source| SpecError::Json {
        what: shown.clone(),
        source,
    })?;
    SandboxSpec::from_json(value, &shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: serde_json::Value) -> SandboxSpec {
        SandboxSpec::from_json(value, "test").unwrap()
    }

    #[test]
    fn what_is_saved_is_found_again_and_the_first_folder_wins() {
        let temp = tempfile::tempdir().unwrap();
        let (project, user) = (temp.path().join("project"), temp.path().join("user"));
        let name = SandboxName::new("tight").unwrap();
        let both = Catalog::new(vec![project, user.clone()]);
        Catalog::new(vec![user])
            .save(&name, &spec(json!({"model": "user"})))
            .unwrap();
        assert_eq!(
            both.sandbox("tight").unwrap().model.as_deref(),
            Some("user")
        );
        let first = both.save(&name, &spec(json!({"model": "other"}))).unwrap();
        assert!(!first.replaced, "that of the user is still there");
        let again = both
            .save(&name, &spec(json!({"model": "project"})))
            .unwrap();
        assert_eq!((again.path, again.replaced), (first.path, true));
        assert_eq!(
            both.sandbox("tight").unwrap().model.as_deref(),
            Some("project")
        );
        assert_eq!(both.list().len(), 1);
    }

    #[test]
    fn a_saved_sandbox_says_only_what_was_decided() {
        let temp = tempfile::tempdir().unwrap();
        let catalog = Catalog::new(vec![temp.path().to_owned()]);
        let saved = catalog
            .save(
                &SandboxName::new("x").unwrap(),
                &spec(json!({"network": false})),
            )
            .unwrap();
        let text = fs::read_to_string(saved.path).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            json!({"network": false})
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_a_suggestion_and_a_path_is_no_name() {
        let temp = tempfile::tempdir().unwrap();
        let catalog = Catalog::new(vec![temp.path().to_owned()]);
        catalog
            .save(
                &SandboxName::new("airgap").unwrap(),
                &SandboxSpec::default(),
            )
            .unwrap();
        let error = catalog.sandbox("airgapp").unwrap_err().to_string();
        assert!(error.contains("did you mean `airgap`?"), "{error}");
        assert!(matches!(
            catalog.sandbox("../airgap"),
            Err(SpecError::Name(_))
        ));
    }

    #[test]
    fn a_broken_file_is_listed_with_what_is_wrong() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("bad.json"), "{\n \"networkk\": false}").unwrap();
        fs::write(temp.path().join("worse.json"), "{").unwrap();
        fs::write(temp.path().join("notes.txt"), "").unwrap();
        let entries = Catalog::new(vec![temp.path().to_owned()]).list();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["bad", "worse"]);
        assert!(matches!(
            entries[0].spec,
            Err(SpecError::UnknownField { .. })
        ));
        assert!(matches!(entries[1].spec, Err(SpecError::Json { .. })));
    }
}
