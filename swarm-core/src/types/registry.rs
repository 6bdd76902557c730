//! Where types are found by name: Markdown files in a list of folders, the first of which wins, and those that are built in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{TypeError, built_in::BUILT_IN, expand};
use crate::{spec::Sandbox, suggest::nearest};

/// Larger files are no types.
const MAX_FILE: u64 = 64 * 1024;

/// Folders in which types are looked for, the most specific first. Its methods block.
#[derive(Clone, Debug, Default)]
pub struct TypeRegistry {
    folders: Vec<TypeFolder>,
}

/// One folder with types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Whether somebody else may have filled it, such as the author of a repository. A link in it that leads out of it is not
    /// followed then: what is there would be told to the agent.
    pub is_foreign: bool,
}

/// One type of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeEntry {
    /// Its name.
    pub name: String,
    /// Its first line; what is wrong if it cannot be read.
    pub summary: Result<String, String>,
    /// Its file; `None` if it is built in.
    pub path: Option<PathBuf>,
}

impl TypeRegistry {
    /// A registry over `folders`, which need not exist, with the types that are built in behind them.
    pub fn new(folders: Vec<TypeFolder>) -> Self {
        Self { folders }
    }

    /// Everything that can be used, by name. A file that is hidden by one of the same name in an earlier folder is left out.
    pub fn list(&self) -> Vec<TypeEntry> {
        let mut entries: Vec<TypeEntry> = Vec::new();
        for folder in &self.folders {
            let files = fs::read_dir(&folder.path).into_iter().flatten().flatten();
            for path in files.map(|file| file.path()) {
                let name = path.file_name().and_then(|name| name.to_str());
                let Some(name) = name.and_then(|name| name.strip_suffix(".md")) else {
                    continue;
                };
                if expand::is_name(name) && entries.iter().all(|entry| entry.name != name) {
                    let text = folder.read(&path).map_err(|error| error.to_string());
                    entries.push(TypeEntry {
                        name: name.to_owned(),
                        summary: text.map(|text| summary(&text)),
                        path: Some(path),
                    });
                }
            }
        }
        for (name, text) in BUILT_IN {
            if entries.iter().all(|entry| entry.name != name) {
                entries.push(TypeEntry {
                    name: name.to_owned(),
                    summary: Ok(summary(text)),
                    path: None,
                });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// The text of a type as it is written; `None` if none has this name.
    ///
    /// # Errors
    ///
    /// [`TypeError::Unreadable`] if its file cannot be read, is no text, or has more than 64 KiB.
    pub fn text(&self, name: &str) -> Result<Option<String>, TypeError> {
        if !expand::is_name(name) {
            return Ok(None);
        }
        let file = format!("{name}.md");
        for folder in &self.folders {
            let path = folder.path.join(&file);
            if path.is_file() {
                let text = folder.read(&path).map_err(|source| TypeError::Unreadable {
                    path: path.display().to_string(),
                    source,
                })?;
                return Ok(Some(text.trim().to_owned()));
            }
        }
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
        Ok(built_in.map(|(_, text)| text.trim().to_owned()))
    }

    /// A type with the text of every type that it mentions.
    ///
    /// # Errors
    ///
    /// [`TypeError::Unknown`] if none has this name, and those of [`write_out`](Self::write_out).
    pub fn definition(&self, name: &str) -> Result<String, TypeError> {
        match self.text(name)? {
            Some(_) => self.expanded(name),
            None => Err(self.unknown(name)),
        }
    }

    /// Writes the types of a sandbox out: a name becomes the text of that type, `[name]` in a text is replaced by it. What is written
    /// out already stays as it is, unless it mentions types.
    ///
    /// # Errors
    ///
    /// [`TypeError::Unreadable`] if the file of one cannot be read, [`TypeError::TooLong`] if it becomes longer than 256 KiB.
    pub fn write_out(&self, sandbox: &mut Sandbox) -> Result<(), TypeError> {
        let declared = [&mut sandbox.input_type, &mut sandbox.output_type];
        for declared in declared.into_iter().flatten() {
            *declared = self.expanded(declared)?;
        }
        Ok(())
    }

    pub(crate) fn expanded(&self, declared: &str) -> Result<String, TypeError> {
        expand::expand(declared, &mut |name| self.text(name))
    }

    fn unknown(&self, name: &str) -> TypeError {
        let entries = self.list();
        let folders = self.folders.iter();
        let folders = folders.map(|folder| folder.path.display().to_string());
        let searched = folders.chain(["the types that are built in".to_owned()]);
        TypeError::Unknown {
            name: name.to_owned(),
            searched: searched.collect::<Vec<_>>().join(", "),
            suggestion: nearest(name, entries.iter().map(|entry| entry.name.as_str()))
                .map(str::to_owned),
        }
    }
}

fn summary(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().to_owned()
}

impl TypeFolder {
    fn read(&self, path: &Path) -> io::Result<String> {
        let real = path.canonicalize()?;
        if self.is_foreign && !real.starts_with(self.path.canonicalize()?) {
            return Err(io::Error::other(
                "it is a link that leads out of its folder",
            ));
        }
        let about = fs::metadata(&real)?;
        if !about.is_file() {
            // To open a pipe could take for ever.
            return Err(io::Error::other("it is not a file"));
        }
        if about.len() > MAX_FILE {
            return Err(io::Error::other("it is larger than 64 KiB"));
        }
        fs::read_to_string(real)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SandboxSpec;

    fn own(path: &Path) -> TypeFolder {
        TypeFolder {
            path: path.to_owned(),
            is_foreign: false,
        }
    }

    fn registry(types: &[(&str, &str)]) -> (tempfile::TempDir, TypeRegistry) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in types {
            fs::write(folder.path().join(format!("{name}.md")), text).unwrap();
        }
        let registry = TypeRegistry::new(vec![own(folder.path())]);
        (folder, registry)
    }

    #[test]
    fn the_first_folder_wins_and_what_is_built_in_comes_last() {
        let (first, _) = registry(&[
            ("code-review", "Ours.\nMore."),
            ("bad name", ""),
            ("note", "N"),
        ]);
        let (second, _) = registry(&[("note", "hidden"), ("other", "\n\nOther.\n")]);
        let folders = vec![own(first.path()), own(second.path())];
        let registry = TypeRegistry::new(folders);
        let listed = registry.list();
        let listed: Vec<(&str, &str, bool)> = listed
            .iter()
            .map(|entry| {
                let summary = entry.summary.as_deref().unwrap();
                (entry.name.as_str(), summary, entry.path.is_some())
            })
            .collect();
        assert_eq!(
            listed.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
            [
                "analysis-report",
                "code-review",
                "note",
                "other",
                "research-notes",
                "structured-json"
            ]
        );
        assert_eq!(listed[1], ("code-review", "Ours.", true));
        assert_eq!(listed[2], ("note", "N", true));
        assert_eq!(listed[3], ("other", "Other.", true));
        assert!(!listed[0].2);
        assert_eq!(registry.text("note").unwrap().as_deref(), Some("N"));
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_no_type() {
        let (folder, _) = registry(&[("secret", "text")]);
        let inner = folder.path().join("types");
        fs::create_dir(&inner).unwrap();
        let registry = TypeRegistry::new(vec![own(&inner)]);
        for name in ["../secret", "/etc/passwd", "", "a/b", ".."] {
            assert_eq!(registry.text(name).unwrap(), None, "{name:?}");
        }
    }

    #[test]
    fn a_foreign_folder_tells_nothing_of_what_is_outside() {
        let (outside, _) = registry(&[("secret", "hidden")]);
        let (inside, own) = registry(&[("plain", "shown")]);
        for (link, target) in [
            ("out", outside.path().join("secret.md")),
            ("in", inside.path().join("plain.md")),
        ] {
            std::os::unix::fs::symlink(target, inside.path().join(format!("{link}.md"))).unwrap();
        }
        assert_eq!(own.text("out").unwrap().as_deref(), Some("hidden"));
        let foreign = TypeRegistry::new(vec![TypeFolder {
            path: inside.path().to_owned(),
            is_foreign: true,
        }]);
        assert_eq!(foreign.text("in").unwrap().as_deref(), Some("shown"));
        let error = foreign.text("out").unwrap_err().to_string();
        assert!(error.contains("leads out of its folder"), "{error}");
        let listed = foreign.list();
        let shown = listed
            .iter()
            .filter_map(|entry| entry.summary.as_deref().ok());
        assert!(!shown.into_iter().any(|summary| summary == "hidden"));
    }

    #[test]
    fn an_unknown_type_is_answered_with_a_suggestion() {
        let (_folder, registry) = registry(&[]);
        let error = registry.definition("code-reveiw").unwrap_err();
        assert_eq!(
            error
                .to_string()
                .matches("did you mean `code-review`?")
                .count(),
            1
        );
        let report = registry.definition("analysis-report").unwrap();
        assert!(
            report.contains("**research-notes**: Notes that let"),
            "{report}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let (folder, registry) = registry(&[("large", &"x".repeat(70_000))]);
        fs::write(folder.path().join("binary.md"), b"\xff\xfe").unwrap();
        for name in ["large", "binary"] {
            let error = registry.text(name).unwrap_err().to_string();
            assert!(error.contains(&format!("{name}.md: ")), "{error}");
        }
        let listed = registry.list();
        let broken = listed.iter().filter(|entry| entry.summary.is_err());
        assert_eq!(broken.count(), 2);
    }

    #[test]
    fn the_types_of_a_sandbox_are_written_out_once_and_for_all() {
        let (_folder, registry) = registry(&[("patch", "A unified diff.")]);
        let spec =
            serde_json::json!({"input_type": "patch", "output_type": "a [patch], or nothing"});
        let mut sandbox = SandboxSpec::from_json(spec, "test")
            .unwrap()
            .resolve()
            .unwrap();
        registry.write_out(&mut sandbox).unwrap();
        let written = sandbox.clone();
        assert_eq!(
            written.input_type.as_deref(),
            Some("**patch**: A unified diff.")
        );
        let output = "a **patch**: A unified diff., or nothing";
        assert_eq!(written.output_type.as_deref(), Some(output));
        registry.write_out(&mut sandbox).unwrap();
        assert_eq!(sandbox, written);
    }
}
