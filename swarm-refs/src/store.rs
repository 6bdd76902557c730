//! What all operations of the store have in common. Everything here blocks.

use std::{
    collections::BTreeSet,
    io,
    io::Read as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use swarm_core::{
    ids::{AgentId, RefId, RunId},
    refs::RefError,
    time::Clock,
};

use crate::{
    folder::{Folder, Kind},
    home,
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
        let home = home::prepare(home)?;
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
