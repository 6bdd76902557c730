//! Text that may be too large for memory.

use std::{io, path::PathBuf, sync::Arc};

/// The bytes of a prompt or a result: in memory, or in a file of this machine that is not to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file.
    File(PathBuf),
}

impl Content {
    /// Nothing.
    pub fn empty() -> Self {
        Self::Bytes(Arc::from([]))
    }

    /// All of it in memory. Blocks on a file; not for text whose size is unknown.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.to_vec()),
            Self::File(path) => std::fs::read(path),
        }
    }

    /// A reader from its beginning. Blocks on a file.
    pub fn open(&self) -> io::Result<Box<dyn io::Read + Send + Sync>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
            Self::File(path) => Box::new(std::fs::File::open(path)?),
        })
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(Arc::from(text.as_bytes()))
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Arc::from(bytes))
    }
}
