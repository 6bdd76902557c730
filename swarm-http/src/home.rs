//! The files by which a daemon and its clients find each other, in the folder `daemon` of a home.

mod address;
mod peers;
mod token;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

pub use address::Address;
pub use peers::Kept;
use swarm_core::{
    error_code::{Coded, ErrorCode},
    refs::RefError,
};
use thiserror::Error;

/// Where a daemon and its clients find each other. Every method blocks.
///
/// ```text
/// daemon/lock          held by the daemon for as long as it lives
/// daemon/start.lock    held by whoever starts one
/// daemon/token         what the owner shows; 0600
/// daemon/address.json  where the daemon listens
/// daemon/log           what it had to say
/// daemon/peer-ID.json  what a session shows as a peer; 0600
/// daemon/runs/RUN.json how a run goes on when the daemon begins again
/// ```
#[derive(Clone, Debug)]
pub struct DaemonHome {
    home: PathBuf,
}

/// Held by the daemon of a home. Whatever kills the process gives it back.
#[derive(Debug)]
pub struct DaemonLock(#[expect(dead_code, reason = "closing it gives the lock back")] File);

/// Why the files of a daemon cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeError {
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {error}", .path.display())]
    File {
        /// Such as "write".
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else could have written or read what is in it.
    #[error("{} may be read or written by others than its owner; remove it, and the next start of the daemon makes another", .path.display())]
    NotPrivate {
        /// Which file.
        path: PathBuf,
    },
    /// Others may write to the home, or it cannot be made.
    #[error(transparent)]
    Unsafe(#[from] RefError),
    /// Another process is the daemon of this home.
    #[error("a daemon runs already for {}{}; `swarm status` shows it", .home.display(), .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Running {
        /// Whose.
        home: PathBuf,
        /// Which process, as it has written down.
        pid: Option<u32>,
    },
}

impl Coded for HomeError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::File { .. } | Self::NotPrivate { .. } => ErrorCode::StorageFailed,
            Self::Unsafe(error) => error.code(),
            Self::Running { .. } => ErrorCode::DaemonRunning,
        }
    }
}

impl DaemonHome {
    /// Of the home at `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The home itself.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where the daemon writes what it has to say.
    pub fn log_file(&self) -> PathBuf {
        self.file("log")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.join("daemon").join(name)
    }

    /// Makes the folder, for its owner only.
    ///
    /// # Errors
    ///
    /// [`HomeError::Unsafe`] if others may write to the home.
    pub fn prepare(&self) -> Result<(), HomeError> {
        swarm_refs::home::prepare(&self.home)?;
        make_folder(&self.home.join("daemon"))
    }

    /// Makes this process the daemon of the home.
    ///
    /// # Errors
    ///
    /// [`HomeError::Running`] if another one is.
    pub fn lock(&self) -> Result<DaemonLock, HomeError> {
        self.prepare()?;
        match self.try_lock("lock")? {
            Some(file) => Ok(DaemonLock(file)),
            None => Err(HomeError::Running {
                home: self.home.clone(),
                pid: self.address()?.map(|address| address.pid),
            }),
        }
    }

    /// Whether a daemon of this home lives.
    pub fn is_running(&self) -> bool {
        // Whoever can take the lock is alone. Without the file there never was a daemon.
        let file = OpenOptions::new().write(true).open(self.file("lock"));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Takes the right to start a daemon; `None` while somebody else is at it.
    pub fn try_start(&self) -> Result<Option<DaemonLock>, HomeError> {
        self.prepare()?;
        Ok(self.try_lock("start.lock")?.map(DaemonLock))
    }

    fn try_lock(&self, name: &str) -> Result<Option<File>, HomeError> {
        let path = self.file(name);
        let file = private(OpenOptions::new().create(true).truncate(false)).open(&path);
        let file = file.map_err(|error| failed("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path, error)),
        }
    }
}

/// Makes a folder and those above it, for their owner only.
pub(crate) fn make_folder(folder: &Path) -> Result<(), HomeError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed("make", folder, error))
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true).mode(0o600)
}

/// Puts `text` in place of `path` as a whole, for its owner only.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), HomeError> {
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = (|| {
        let mut file = private(OpenOptions::new().create(true).truncate(true)).open(&aside)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)
    })();
    written.map_err(|error| failed("write", path, error))
}

fn failed(doing: &'static str, path: &Path, error: io::Error) -> HomeError {
    HomeError::File {
        doing,
        path: path.to_owned(),
        error,
    }
}
