//! A user's machine of which everything is known.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use crate::{
    agents::{Invocation, kind_of},
    spec::AgentSpec,
    supplies::{FoundFile, Supplies, SupplyError, UserMachine},
};

/// The machine of Ada, who works in `/home/ada/project/src`.
#[derive(Clone, Debug, Default)]
pub struct KnownMachine {
    /// The variables that are set.
    pub variables: BTreeMap<&'static str, &'static str>,
    /// The files that there are. One that holds `locked` cannot be read, and one that holds `strange`
    /// may be somebody else's.
    pub files: BTreeMap<&'static str, String>,
}

impl UserMachine for KnownMachine {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &Path) -> io::Result<Option<String>> {
        let found = path.to_str().and_then(|path| self.files.get(path));
        match found {
            Some(text) if text == "locked" => Err(io::ErrorKind::PermissionDenied.into()),
            found => Ok(found.cloned()),
        }
    }

    fn found_file(&self, path: &Path) -> io::Result<FoundFile> {
        Ok(match self.file(path)? {
            None => FoundFile::Absent,
            Some(text) if text == "strange" => FoundFile::Distrusted("it belongs to another user"),
            Some(text) => FoundFile::Text(text),
        })
    }

    fn home(&self) -> PathBuf {
        "/home/ada".into()
    }

    fn folder(&self) -> PathBuf {
        "/home/ada/project/src".into()
    }
}

/// What is started of `spec` on a machine that has accounts of every kind, and `config` in `~/.claude.json`.
///
/// # Errors
///
/// If something is not there, or cannot be used.
pub fn equipped(spec: &AgentSpec, config: String) -> Result<Invocation, SupplyError> {
    let machine = KnownMachine {
        variables: ["ANTHROPIC_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY"]
            .map(|name| (name, "key"))
            .into(),
        files: [("/home/ada/.claude.json", config)].into(),
    };
    let supplies = Supplies::gather([spec], Some(&machine))?;
    Ok(match kind_of(&spec.agent) {
        Ok(kind) => supplies.invocation(kind, spec),
        Err(_) => Invocation::default(),
    })
}
