//! Paths as the user means them: `~` is home, and what is relative starts in the current folder.
//!
//! Done here, by the client, so that nothing further in ever has to know where the user was.

use std::path::Path;

use swarm_core::{
    error_code::ErrorCode,
    spec::{Sandbox, SandboxRef, SandboxSpec, Sandboxes, SpecError, Task},
};

use crate::{config::Folders, error::CliError};

/// A catalog whose sandboxes have absolute paths.
#[derive(Debug)]
pub(crate) struct Localized<'a> {
    pub(crate) sandboxes: &'a dyn Sandboxes,
    pub(crate) folders: &'a Folders,
}

impl Sandboxes for Localized<'_> {
    fn sandbox(&self, name: &str) -> Result<SandboxSpec, SpecError> {
        let mut spec = self.sandboxes.sandbox(name)?;
        absolute(&mut spec, self.folders);
        Ok(spec)
    }
}

/// Makes the paths of `task` absolute.
pub(crate) fn localize(task: &mut Task, folders: &Folders) {
    absolute(&mut task.overrides, folders);
    if let Some(SandboxRef::Inline(spec)) = &mut task.sandbox {
        absolute(spec, folders);
    }
}

pub(crate) fn absolute(spec: &mut SandboxSpec, folders: &Folders) {
    for mount in spec.mounts.iter_mut().flatten() {
        let path = folders.absolute(Path::new(&mount.host_path));
        // The runtime wants text, and a path that is none cannot have been written as text.
        if let Some(path) = path.components().collect::<std::path::PathBuf>().to_str() {
            path.clone_into(&mut mount.host_path);
        }
    }
}

/// Refuses a mount whose source is not there. Whether an agent may see it is for the runtime to say.
pub(crate) fn check_mounts(sandbox: &Sandbox) -> Result<(), CliError> {
    for mount in &sandbox.mounts {
        std::fs::metadata(&mount.host_path).map_err(|error| {
            CliError::new(
                ErrorCode::MountMissing,
                format!(
                    "cannot mount {}: {error}; create it, or correct the mount",
                    mount.host_path
                ),
            )
        })?;
    }
    Ok(())
}
