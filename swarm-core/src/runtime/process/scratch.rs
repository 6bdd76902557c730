//! The folder of one running agent.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use tokio::runtime::Handle;

use super::leftovers;
use crate::{ids::RefId, runtime::remove_folder};

/// How often the folder of a run may be removed between our two steps.
const ATTEMPTS: u32 = 40;

/// Where the agent `id` has its folder.
///
/// Two levels, because two names of 128 bytes do not fit into one, and because `a.b` + `c` must not meet
/// `a` + `b.c`.
pub(super) fn folder_of(base: &Path, id: &RefId) -> PathBuf {
    base.join(id.run.as_str()).join(id.agent.as_str())
}

/// The folder of one running agent, 0700. Removed when this is dropped, at the latest.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
    /// Whether something of the agent may still run when the folder is removed.
    pub(super) may_have_strays: bool,
    removed: bool,
    handle: Handle,
}

impl Scratch {
    /// Makes the folder of `id` below `base`. Blocks; must be called within a runtime.
    pub(super) fn create(base: &Path, id: &RefId) -> io::Result<Self> {
        let folder = folder_of(base, id);
        let mut private = DirBuilder::new();
        private.mode(0o700);
        // The last agent of a run to end removes the folder of the run, perhaps between our two steps.
        for attempt in 1.. {
            match private.create(base.join(id.run.as_str())) {
                Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
            match private.create(&folder) {
                Err(e) if e.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => {}
                Err(e) => return Err(e),
                Ok(()) => break,
            }
        }
        let scratch = Self {
            folder,
            may_have_strays: true,
            removed: false,
            handle: Handle::current(),
        };
        for inner in [scratch.workspace(), scratch.home()] {
            private.create(inner)?;
        }
        Ok(scratch)
    }

    /// The folder itself, where the agent has no business.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the agent starts, unless it has a folder of the host.
    pub(super) fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    /// The agent's `HOME` and `TMPDIR`: one folder, since to make and remove one is most of the price of
    /// a short agent.
    pub(super) fn home(&self) -> PathBuf {
        home(&self.folder)
    }

    /// Removes the folder, and what the agent may have left running.
    pub(super) async fn remove(&mut self) {
        let (folder, strays) = (self.folder.clone(), self.may_have_strays);
        let removal = self.handle.spawn_blocking(move || clear(&folder, strays));
        self.removed = true;
        // Dropping this future does not stop the removal.
        if let Err(error) = removal.await {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot remove the folder of an agent");
        }
    }

    /// The same on a blocking thread.
    pub(super) fn remove_now(&mut self) {
        self.removed = true;
        clear(&self.folder, self.may_have_strays);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.removed {
            let folder = self.folder.clone();
            drop(self.handle.spawn_blocking(move || clear(&folder, true)));
        }
    }
}

fn home(folder: &Path) -> PathBuf {
    folder.join("home")
}

/// What stands in the environment of an agent with this folder, and of nobody else.
pub(super) fn marks(folder: &Path) -> HashSet<Vec<u8>> {
    ["HOME=", "TMPDIR="]
        .into_iter()
        .map(|name| [name.as_bytes(), home(folder).as_os_str().as_encoded_bytes()].concat())
        .collect()
}

fn clear(folder: &Path, strays: bool) {
    if strays {
        leftovers::end(&[folder]);
    }
    if let Err(error) = remove(folder) {
        tracing::warn!(folder = %folder.display(), %error, "cannot remove the folder of an agent");
    }
}

/// Removes the folder of an agent, and that of its run if it was the last. Blocks.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    remove_folder(folder)?;
    if let Some(run) = folder.parent() {
        // Fails while the run has other agents.
        drop(fs::remove_dir(run));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn id(agent: &str) -> RefId {
        format!("run/{agent}").parse().unwrap()
    }

    #[tokio::test]
    async fn the_folder_is_private_and_goes_with_that_of_its_run() {
        let base = tempfile::tempdir().unwrap();
        let mut first = Scratch::create(base.path(), &id("a")).unwrap();
        let mut second = Scratch::create(base.path(), &id("b")).unwrap();
        for dir in [first.folder(), &first.workspace(), &first.home()] {
            let mode = fs::metadata(dir).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", dir.display());
        }
        assert_eq!(
            Scratch::create(base.path(), &id("a")).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        first.remove().await;
        assert!(!first.folder().exists());
        assert!(second.folder().exists());
        second.remove_now();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
