//! What sessions of this machine show as peers, so that a later command can speak for them.

use std::{fs, io};

use serde::{Deserialize, Serialize};
use swarm_peers::{PeerId, PeerName};

use super::{DaemonHome, HomeError, failed, replace};

/// What a session shows, kept for its owner only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its id.
    pub id: PeerId,
    /// What it was called when it joined.
    pub name: PeerName,
    /// What it shows.
    pub credential: String,
}

impl DaemonHome {
    /// Keeps what a session shows.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn keep_peer(&self, kept: &Kept) -> Result<(), HomeError> {
        let path = self.file(&format!("peer-{}.json", kept.id));
        self.prepare()?;
        let text = serde_json::to_string(kept)
            .map_err(|error| failed("write", &path, io::Error::other(error)))?;
        replace(&path, &text)
    }

    /// What the session with this id or name shows, if it is kept here.
    ///
    /// # Errors
    ///
    /// If what is kept cannot be read.
    pub fn kept_peer(&self, address: &str) -> Result<Option<Kept>, HomeError> {
        Ok(self
            .kept_peers()?
            .into_iter()
            .find(|kept| kept.id.as_str() == address || kept.name.as_str() == address))
    }

    /// Forgets what a session shows.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn forget_peer(&self, id: &PeerId) -> Result<(), HomeError> {
        let path = self.file(&format!("peer-{id}.json"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Everything that is kept.
    fn kept_peers(&self) -> Result<Vec<Kept>, HomeError> {
        let folder = self.home().join("daemon");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &folder, error)),
        };
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &folder, error))?;
            let name = entry.file_name();
            let is_one = name
                .to_str()
                .and_then(|name| name.strip_prefix("peer-")?.strip_suffix(".json"));
            if is_one.is_none() {
                continue;
            }
            let text = fs::read_to_string(entry.path())
                .map_err(|error| failed("read", &entry.path(), error))?;
            kept.extend(serde_json::from_str(&text).ok());
        }
        Ok(kept)
    }
}
