//! What all operations of the store have in common. Everything here blocks.

use std::{
    collections::BTreeSet,
    fs, io,
    io::Read as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::geteuid;
use swarm_core::{
    ids::{AgentId, RefId, RunId},
    refs::RefError,
    time::Clock,
};

use crate::{
    folder::{Folder, Kind},
    layout::{self, Layout},
    record::{Record, damaged},
};

/// How many runs are remembered as durable; an arbitrary number that costs little.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) layout: Layout,
    pub(crate) clock: Arc<dyn Clock>,
    /// Runs whose folder's own entry was synced by this process.
    durable: Mutex<BTreeSet<RunId>>,
}

impl Store {
    pub(crate) fn open(home: &Path, clock: Arc<dyn Clock>) -> Result<Self, RefError> {
        make_private(home).map_err(|error| RefError::io("create", home, error))?;
        let home = home
            .canonicalize()
            .map_err(|error| RefError::io("open", home, error))?;
        check_private(&home)?;
        let folder = Folder::open(&home)?;
        folder.make("runs")?;
        folder.make("keys")?;
        folder.make("cache")?;
        folder.sync()?;
        Ok(Self {
            layout: Layout::new(home),
            clock,
            durable: Mutex::default(),
        })
    }

    pub(crate) fn runs(&self) -> Result<Folder, RefError> {
        Folder::open(&self.layout.runs())
    }

    pub(crate) fn keys(&self) -> Result<Folder, RefError> {
        Folder::open(&self.layout.keys())
    }

    pub(crate) fn cache(&self) -> Result<Folder, RefError> {
        Folder::open(&self.layout.cache())
    }

    /// The folder of the record `id`, finished or not, if there is one.
    pub(crate) fn folder(&self, id: &RefId) -> Result<Option<Folder>, RefError> {
        let opened = || match self.runs()?.subfolder(id.run.as_str())? {
            Some(run) => run.subfolder(id.agent.as_str()),
            None => Ok(None),
        };
        opened().map_err(|error| damaged(id, error))
    }

    /// The finished record `id`.
    pub(crate) fn load(&self, id: &RefId) -> Result<(Folder, Record), RefError> {
        if let Some(folder) = self.folder(id)?
            && let Some(record) = Record::load(&folder, id)?
        {
            return Ok((folder, record));
        }
        Err(RefError::NotFound(id.clone()))
    }

    /// The folder of the record `id`, made if there is none, and locked; with the folder of its run.
    pub(crate) fn claim(&self, id: &RefId) -> Result<(Folder, Folder), RefError> {
        let busy = |by: &str| RefError::Busy {
            id: id.clone(),
            by: by.to_owned(),
        };
        let claimed = || -> Result<Option<(Folder, Folder)>, RefError> {
            let run = self.runs()?.make(id.run.as_str())?;
            let folder = run.make(id.agent.as_str())?;
            if !folder.try_lock()? {
                return Err(busy("its agent is running"));
            }
            let still = folder.is_still(&run, id.agent.as_str())?;
            Ok(still.then_some((run, folder)))
        };
        // Between making and locking it, somebody may clean the empty folder away.
        for _ in 0..10 {
            match claimed() {
                Ok(Some(folders)) => return Ok(folders),
                Err(RefError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Ok(None) => {}
                Err(error) => return Err(damaged(id, error)),
            }
        }
        Err(busy("it is being removed"))
    }

    /// Makes the entry of the record's folder durable, and that of its run.
    pub(crate) fn sync_parents(&self, run_folder: &Folder, run: &RunId) -> Result<(), RefError> {
        run_folder.sync()?;
        let known = || self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if !known().contains(run) {
            self.runs()?.sync()?;
            let mut known = known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(run.clone());
        }
        Ok(())
    }

    /// Every run, in no useful order.
    pub(crate) fn run_ids(&self) -> Result<Vec<RunId>, RefError> {
        let runs = self.runs()?;
        let names = runs.names()?.into_iter();
        Ok(names
            .filter(|name| matches!(runs.kind(name), Ok(Some(Kind::Folder))))
            .filter_map(|name| RunId::new(name.to_str()?).ok())
            .collect())
    }

    /// Every record of `run`, finished or not, by name.
    pub(crate) fn record_ids(&self, run: &RunId) -> Result<Vec<RefId>, RefError> {
        let Some(folder) = self.runs()?.subfolder(run.as_str())? else {
            return Ok(Vec::new());
        };
        let names = folder.names()?.into_iter();
        Ok(names
            .filter(|name| matches!(folder.kind(name), Ok(Some(Kind::Folder))))
            .filter_map(|name| AgentId::new(name.to_str()?).ok())
            .map(|agent| RefId::new(run.clone(), agent))
            .collect())
    }

    /// Every record, finished or not, whose prompt quotes `id`.
    pub(crate) fn quoting(&self, id: &RefId) -> Result<Vec<RefId>, RefError> {
        let mut quoting = Vec::new();
        for run in self.run_ids()? {
            for other in self.record_ids(&run)? {
                if let Some(folder) = self.folder(&other)?
                    && quotes(&folder, id)?
                {
                    quoting.push(other);
                }
            }
        }
        Ok(quoting)
    }
}

/// Whether the record in `folder` quotes `id`. One that cannot be understood may.
fn quotes(folder: &Folder, id: &RefId) -> Result<bool, RefError> {
    let file = match folder.read(layout::QUOTED) {
        Ok(None) => return Ok(false),
        Ok(Some(file)) => file,
        Err(RefError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidData => {
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(16 * 1024 * 1024)
        .read_to_end(&mut bytes)
        .map_err(|error| RefError::io("read", folder.path().join(layout::QUOTED), error))?;
    let quoted: Result<Vec<RefId>, _> = serde_json::from_slice(&bytes);
    Ok(quoted.map_or(true, |quoted| quoted.contains(id)))
}

/// Refuses a home in which somebody else could put keys and records, or take ours away.
fn check_private(home: &Path) -> Result<(), RefError> {
    let metadata = fs::metadata(home).map_err(|error| RefError::io("open", home, error))?;
    match weakness(metadata.mode(), metadata.uid(), geteuid().as_raw()) {
        None => Ok(()),
        Some(weakness) => Err(RefError::UnsafeHome {
            path: home.display().to_string(),
            weakness,
        }),
    }
}

/// What is wrong with a folder for keys and records. That others may read it is not: what is in it is private.
fn weakness(mode: u32, owner: u32, me: u32) -> Option<String> {
    if owner != me {
        Some(format!(
            "it belongs to the user {owner}, and you are {me}; take a folder of your own, or become its owner"
        ))
    } else if mode & 0o022 != 0 {
        Some(format!(
            "others may write to it (mode {:04o}); take that away with `chmod go-w`, or take another folder",
            mode & 0o7777
        ))
    } else {
        None
    }
}

/// Makes a folder and those above it that are missing, 0700 whatever the umask.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
    {
        make_private(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_private_if_it_is_ours_and_nobody_else_may_write_to_it() {
        for mode in [0o40700, 0o40755, 0o40550, 0o42711] {
            assert_eq!(weakness(mode, 7, 7), None, "{mode:o}");
        }
        for mode in [0o40720, 0o40702, 0o41777, 0o40775] {
            assert!(weakness(mode, 7, 7).is_some(), "{mode:o}");
        }
        // Also root's: what it writes there would not belong to the owner.
        for (owner, me) in [(0, 7), (7, 0), (7, 8)] {
            assert!(weakness(0o40700, owner, me).is_some(), "{owner} {me}");
        }
    }
}
