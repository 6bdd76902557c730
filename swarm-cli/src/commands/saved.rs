//! What the `save` commands have in common: where something is saved by name, and what is said of it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use swarm_core::ids::SandboxName;

use super::Context;
use crate::{config::Shelves, error::CliError, exit_code::Exit};

/// The folder in which a `kind` is saved: that of the project around, or else the user's own.
pub(crate) fn folder(shelves: &Shelves, kind: &str) -> Result<PathBuf, CliError> {
    shelves.to_save_in().into_iter().next().ok_or_else(|| {
        CliError::usage(format!(
            "there is no folder to save a {kind} in; work in a project, or set HOME"
        ))
    })
}

/// Something that was saved.
#[derive(Debug, Serialize)]
pub(crate) struct Saved {
    saved: bool,
    name: SandboxName,
    path: PathBuf,
    replaced: bool,
}

impl Saved {
    /// In the file `path`, in place of what was there before if it is `replaced`.
    pub(crate) const fn new(name: SandboxName, path: PathBuf, replaced: bool) -> Self {
        Self {
            saved: true,
            name,
            path,
            replaced,
        }
    }

    /// Says where it is, and that its name means the file `used` all the same, if that is another one.
    pub(crate) fn tell(self, context: &Context, used: &Path) -> Result<Exit, CliError> {
        if used != self.path {
            context.out.warn(&format!(
                "`{}` still means {}, which comes first; `swarm project forget` takes a project out of the way",
                self.name,
                used.display()
            ));
        }
        context.out.answer(&self, || {
            let path = self.path.display();
            if self.replaced {
                format!("{path} (replaced)")
            } else {
                path.to_string()
            }
        })?;
        Ok(Exit::Ok)
    }
}
