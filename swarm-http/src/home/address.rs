//! Where the daemon listens.

use std::{fs, io, net::SocketAddr};

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use super::{DaemonHome, HomeError, failed, replace};

/// Where a daemon listens, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Where. Always of this machine.
    pub listens: SocketAddr,
    /// Which process it is.
    pub pid: u32,
    /// Which version of swarm.
    pub version: String,
    /// Since when.
    pub started: Timestamp,
}

impl DaemonHome {
    /// Tells clients where to find the daemon.
    pub fn announce(&self, address: &Address) -> Result<(), HomeError> {
        let path = self.file("address.json");
        let text = serde_json::to_string_pretty(address)
            .map_err(|error| failed("write", &path, io::Error::other(error)))?;
        replace(&path, &text)
    }

    /// Where the daemon was when it last said so. It may be gone.
    pub fn address(&self) -> Result<Option<Address>, HomeError> {
        let path = self.file("address.json");
        match fs::read_to_string(&path) {
            // What cannot be read was not written by a daemon of this version; the next one writes another.
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    /// Takes back what was announced.
    pub fn retract(&self) -> Result<(), HomeError> {
        let path = self.file("address.json");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path, error))
            }
            _ => Ok(()),
        }
    }
}
