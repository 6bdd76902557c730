//! What the examples share: where they work. What is interesting is in the examples themselves.

use std::{
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The folder that an example works in: the one that was named on the command line, else one that goes with it.
#[derive(Debug)]
pub enum Home {
    /// It was named, and is kept.
    Kept(PathBuf),
    /// It was made for the occasion.
    Temporary(TempDir),
}

impl Home {
    /// Takes the first argument of the program, if there is one, and makes that folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn from_arguments() -> io::Result<Self> {
        match std::env::args_os().nth(1) {
            Some(named) => {
                let path = std::path::absolute(named)?;
                std::fs::create_dir_all(&path)?;
                Ok(Self::Kept(path))
            }
            None => TempDir::new().map(Self::Temporary),
        }
    }

    /// The folder itself, as an absolute path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
