//! The `HOME` of an agent, as a folder of the host: an engine takes longer to make, fill and remove a volume than to run
//! a short agent.
//!
//! ```text
//! <folder>/                    0700
//!   <run>..<agent>/            0700
//!     home/                    0700, the agent's: its HOME
//!     read-only/               0700, never seen as a whole
//!       0, 1, …                0400, each shown to the agent in its HOME, where it cannot change it
//! ```

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bollard::models::{Mount, MountType};
use swarm_core::{
    agents::Invocation,
    ids::RefId,
    runtime::{RuntimeError, remove_folder},
};
use tokio::task::spawn_blocking;

use crate::{
    agent_folders::{failed, folder_of},
    inputs::HOME,
};

/// Where an agent has what it may change, and what it may not.
const WRITABLE: &str = "home";
const READ_ONLY: &str = "read-only";

/// The home of one agent. Removed with this value, unless it is kept; that blocks.
#[derive(Debug)]
pub(crate) struct HomeFolder {
    path: PathBuf,
    /// The paths in `HOME` of the files that are shown read-only, in their order.
    read_only: Vec<String>,
    kept: AtomicBool,
}

impl HomeFolder {
    /// Makes the home of `id` below `root`, as `invocation` wants it; `None` if this process may not give files to the
    /// user of the agent. What an earlier process made is removed first.
    pub(crate) async fn make(
        root: &Path,
        id: &RefId,
        invocation: &Invocation,
        user: (u32, u32),
    ) -> Result<Option<Arc<Self>>, RuntimeError> {
        let path = folder_of(root, id);
        let failed = failed(&path);
        let (root, invocation) = (root.to_owned(), invocation.clone());
        let made = spawn_blocking(move || Self::make_now(&root, path, &invocation, user)).await;
        match made.unwrap_or_else(|error| Err(error.into())) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            made => Ok(Some(Arc::new(made.map_err(failed)?))),
        }
    }

    fn make_now(
        root: &Path,
        path: PathBuf,
        invocation: &Invocation,
        (uid, gid): (u32, u32),
    ) -> io::Result<Self> {
        remove_folder(&path)?;
        let mut private = DirBuilder::new();
        private.mode(0o700);
        private.recursive(true).create(root)?;
        private.recursive(false).create(&path)?;
        let made = Self {
            path,
            read_only: invocation.read_only.iter().cloned().collect(),
            kept: AtomicBool::new(false),
        };
        let give = |path: &Path| chown(path, Some(uid), Some(gid));
        let write = |path: &Path, mode: u32, content: &str| {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
            file.write_all(content.as_bytes())?;
            give(path)
        };
        let home = made.path.join(WRITABLE);
        private.create(&home)?;
        give(&home)?;
        for (name, content) in &invocation.home {
            for (at, _) in name.match_indices('/') {
                let folder = home.join(name.get(..at).unwrap_or_default());
                match private.create(&folder) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    created => {
                        created?;
                        give(&folder)?;
                    }
                }
            }
            // Something has to be there for a file to be shown in its place.
            let is_read_only = invocation.read_only.contains(name);
            let content = if is_read_only { "" } else { content };
            write(&home.join(name), 0o600, content)?;
        }
        private.create(made.path.join(READ_ONLY))?;
        for (at, name) in made.read_only.iter().enumerate() {
            let content = invocation.home.get(name).map_or("", String::as_str);
            write(&made.shown_read_only(at), 0o400, content)?;
        }
        Ok(made)
    }

    /// The home that an earlier process made for `id`, if there is one.
    pub(crate) fn earlier(root: &Path, id: &RefId) -> Option<Arc<Self>> {
        let path = folder_of(root, id);
        path.is_dir().then(|| {
            Arc::new(Self {
                path,
                read_only: Vec::new(),
                kept: AtomicBool::new(false),
            })
        })
    }

    fn shown_read_only(&self, at: usize) -> PathBuf {
        self.path.join(READ_ONLY).join(at.to_string())
    }

    /// How a container sees it.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        let bind = |source: &Path, target: String, read_only| Mount {
            typ: Some(MountType::BIND),
            source: Some(source.display().to_string()),
            target: Some(target),
            read_only: Some(read_only),
            ..Mount::default()
        };
        let files = self.read_only.iter().enumerate();
        let files = files.map(|(at, name)| {
            let source = self.shown_read_only(at);
            bind(&source, format!("{HOME}/{name}"), true)
        });
        let home = bind(&self.path.join(WRITABLE), HOME.to_owned(), false);
        [home].into_iter().chain(files).collect()
    }

    /// Whether a message of an engine is about it.
    pub(crate) fn is_named_in(&self, message: &str) -> bool {
        message.contains(&self.path.display().to_string())
    }

    /// Leaves it for whoever resumes the run.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for HomeFolder {
    fn drop(&mut self) {
        if !*self.kept.get_mut()
            && let Err(error) = remove_folder(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "left to the next sweep");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    fn invocation() -> Invocation {
        let mut invocation = Invocation::new(["claude"]);
        for (path, text) in [
            ("a", "1"),
            (".claude/settings.json", "2"),
            (".claude/account", "3"),
        ] {
            invocation.home.insert(path.to_owned(), text.to_owned());
        }
        invocation.read_only.insert(".claude/account".to_owned());
        invocation
    }

    fn me() -> (u32, u32) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let me = fs::metadata(file.path()).unwrap();
        (me.uid(), me.gid())
    }

    #[tokio::test]
    async fn a_home_is_its_owners_alone_and_goes_with_its_value() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("homes");
        let id: RefId = "run/agent-0".parse().unwrap();
        let made = HomeFolder::make(&root, &id, &invocation(), me()).await;
        let home = made.unwrap().unwrap();
        let own = root.join("run..agent-0");
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
        for folder in ["", "home", "home/.claude", "read-only"] {
            assert_eq!(mode(own.join(folder)), 0o700, "{folder}");
        }
        assert_eq!(mode(root.clone()), 0o700);
        let shown = |path: &str| (mode(own.join(path)), fs::read(own.join(path)).unwrap());
        assert_eq!(shown("home/a"), (0o600, b"1".to_vec()));
        assert_eq!(shown("home/.claude/settings.json"), (0o600, b"2".to_vec()));
        assert_eq!(shown("home/.claude/account"), (0o600, Vec::new()));
        assert_eq!(shown("read-only/0"), (0o400, b"3".to_vec()));
        let mounts = home.mounts();
        let targets: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.target.as_deref().unwrap(), mount.read_only.unwrap()))
            .collect();
        let account = ("/home/agent/.claude/account", true);
        assert_eq!(targets, [("/home/agent", false), account]);

        // A process that died leaves it; whoever starts the agent again finds nothing of it.
        home.keep();
        drop(home);
        fs::write(own.join("home/left"), "").unwrap();
        let made = HomeFolder::make(&root, &id, &invocation(), me()).await;
        let home = made.unwrap().unwrap();
        assert!(!own.join("home/left").exists());
        home.keep();
        drop(home);
        let home = HomeFolder::earlier(&root, &id).unwrap();
        drop(home);
        assert!(!own.exists());
        assert!(HomeFolder::earlier(&root, &id).is_none());
    }
}
