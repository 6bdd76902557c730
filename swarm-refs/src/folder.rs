//! A folder that is held open, so that nothing put in its place is ever followed.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, TryLockError},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps},
    io::Errno,
};
use swarm_core::{refs::RefError, time::Timestamp};

use crate::cut;

const FOLDER_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Somebody else who is quick, such as a reader or a process between fork and exec, is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What something in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    /// A device, a socket or a pipe.
    Special,
}

/// An open folder, and everything that is done in it. Names are single components, never paths.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: File,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`, whose last component must not be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, RefError> {
        match open_folder(CWD, path) {
            Ok(handle) => Ok(Self {
                handle,
                path: path.to_owned(),
            }),
            Err(error) => Err(RefError::io("open", path, explained(error))),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder `name`, if there is one.
    pub(crate) fn subfolder(&self, name: impl AsRef<Path>) -> Result<Option<Self>, RefError> {
        let name = name.as_ref();
        match open_folder(&self.handle, name) {
            Ok(handle) => Ok(Some(Self {
                handle,
                path: self.path.join(name),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error("open", name, error)),
        }
    }

    /// The folder `name`, made if there is none, 0700 in any case.
    pub(crate) fn make(&self, name: impl AsRef<Path>) -> Result<Self, RefError> {
        let name = name.as_ref();
        let made = || -> io::Result<File> {
            cut::step()?;
            match fs::mkdirat(&self.handle, name, FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let handle = match open_folder(&self.handle, name) {
                // The umask may have taken even our own permissions away.
                Err(Errno::ACCESS) => {
                    fs::chmodat(&self.handle, name, FOLDER_MODE, AtFlags::empty())?;
                    open_folder(&self.handle, name)
                }
                opened => opened,
            };
            let handle = handle.map_err(explained)?;
            fs::fchmod(&handle, FOLDER_MODE)?;
            Ok(handle)
        };
        match made() {
            Ok(handle) => Ok(Self {
                handle,
                path: self.path.join(name),
            }),
            Err(error) => Err(RefError::io("create", self.path.join(name), error)),
        }
    }

    /// Makes the file `name`, which must not be there yet, 0600 from the start.
    pub(crate) fn create(&self, name: impl AsRef<Path>) -> Result<File, RefError> {
        let name = name.as_ref();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let created = || -> io::Result<File> {
            cut::step()?;
            let file = File::from(fs::openat(&self.handle, name, flags, FILE_MODE)?);
            fs::fchmod(&file, FILE_MODE)?;
            Ok(file)
        };
        created().map_err(|error| RefError::io("create", self.path.join(name), error))
    }

    /// Opens the regular file `name`, to be written to after its end, if it is there.
    pub(crate) fn append(&self, name: &str) -> Result<Option<File>, RefError> {
        if self.read(name)?.is_none() {
            return Ok(None);
        }
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(error) => Err(self.error("open", name, error)),
        }
    }

    /// Opens the lock file `name` for writing, made if there is none.
    pub(crate) fn open_lock(&self, name: &str, create: bool) -> Result<Option<File>, RefError> {
        let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        flags.set(OFlags::CREATE, create);
        match fs::openat(&self.handle, name, flags, FILE_MODE) {
            Ok(file) => {
                fs::fchmod(&file, FILE_MODE).map_err(|error| self.error("open", name, error))?;
                Ok(Some(File::from(file)))
            }
            Err(Errno::NOENT) if !create => Ok(None),
            Err(error) => Err(self.error("open", name, error)),
        }
    }

    /// Opens the regular file `name` for reading, if it is there.
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> Result<Option<File>, RefError> {
        let name = name.as_ref();
        // Without NONBLOCK the open would wait for ever on a pipe that somebody put there.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.error("open", name, error)),
        };
        let metadata = file.metadata();
        match metadata.map_err(|error| RefError::io("open", self.path.join(name), error))? {
            found if found.is_file() => Ok(Some(file)),
            _ => {
                let error = io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file");
                Err(RefError::io("open", self.path.join(name), error))
            }
        }
    }

    /// Whether there is anything called `name`.
    pub(crate) fn holds(&self, name: impl AsRef<Path>) -> Result<bool, RefError> {
        Ok(self.kind(name)?.is_some())
    }

    /// What `name` is, without following it.
    pub(crate) fn kind(&self, name: impl AsRef<Path>) -> Result<Option<Kind>, RefError> {
        let name = name.as_ref();
        match fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                _ => Kind::Special,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error("look at", name, error)),
        }
    }

    /// Where the link `name` leads.
    pub(crate) fn target(&self, name: impl AsRef<Path>) -> Result<OsString, RefError> {
        let name = name.as_ref();
        let target = fs::readlinkat(&self.handle, name, Vec::new());
        let target = target.map_err(|error| self.error("read", name, error))?;
        Ok(OsStr::from_bytes(target.as_bytes()).to_owned())
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, RefError> {
        let read = || -> Result<Vec<OsString>, Errno> {
            let mut names = Vec::new();
            for entry in fs::Dir::read_from(&self.handle)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    names.push(OsStr::from_bytes(name).to_owned());
                }
            }
            names.sort();
            Ok(names)
        };
        read().map_err(|error| RefError::io("list", &self.path, error.into()))
    }

    /// When `name` was last changed, if it is there.
    pub(crate) fn modified(&self, name: impl AsRef<Path>) -> Result<Option<Timestamp>, RefError> {
        let name = name.as_ref();
        match fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                // The types of both differ between platforms.
                let nanos = i128::from(stat.st_mtime_nsec);
                let millis = i128::from(stat.st_mtime) * 1000 + nanos / 1_000_000;
                let millis = u64::try_from(millis).unwrap_or(0);
                Ok(Some(Timestamp::from_millis(millis)))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error("look at", name, error)),
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), RefError> {
        let renamed =
            cut::step().and_then(|()| Ok(fs::renameat(&self.handle, from, &self.handle, to)?));
        renamed.map_err(|error| RefError::io("write", self.path.join(to), error))
    }

    /// Puts `name` into another folder, under another name that nothing has there.
    pub(crate) fn move_to(
        &self,
        name: impl AsRef<Path>,
        other: &Self,
        free: &str,
    ) -> Result<(), RefError> {
        let name = name.as_ref();
        let moved =
            cut::step().and_then(|()| Ok(fs::renameat(&self.handle, name, &other.handle, free)?));
        moved.map_err(|error| RefError::io("move", self.path.join(name), error))
    }

    /// Removes `name` and everything in it; whether there was anything.
    pub(crate) fn remove(&self, name: impl AsRef<Path>) -> Result<bool, RefError> {
        let name = name.as_ref();
        let unlink = |flags| -> io::Result<()> {
            cut::step()?;
            Ok(fs::unlinkat(&self.handle, name, flags)?)
        };
        let removed = match self.kind(name)? {
            None => return Ok(false),
            Some(Kind::Folder) => {
                if let Some(folder) = self.subfolder(name)? {
                    folder.clear()?;
                }
                unlink(AtFlags::REMOVEDIR)
            }
            Some(_) => unlink(AtFlags::empty()),
        };
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(RefError::io("remove", self.path.join(name), error)),
        }
    }

    /// Removes the folder `name` unless there is something in it; whether it is gone.
    pub(crate) fn remove_empty(&self, name: impl AsRef<Path>) -> Result<bool, RefError> {
        let name = name.as_ref();
        match fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(error) => Err(self.error("remove", name, error)),
        }
    }

    /// Removes everything in the folder.
    pub(crate) fn clear(&self) -> Result<(), RefError> {
        for name in self.names()? {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Makes what was created, renamed and removed here durable.
    pub(crate) fn sync(&self) -> Result<(), RefError> {
        let synced = cut::step().and_then(|()| self.handle.sync_all());
        synced.map_err(|error| RefError::io("sync", &self.path, error))
    }

    /// Waits until nobody else has the lock of this folder; it is held until the folder is dropped.
    pub(crate) fn lock(&self) -> Result<(), RefError> {
        self.locked(|| self.handle.lock())
    }

    /// The same, beside others that only read.
    pub(crate) fn lock_shared(&self) -> Result<(), RefError> {
        self.locked(|| self.handle.lock_shared())
    }

    fn locked(&self, lock: impl Fn() -> io::Result<()>) -> Result<(), RefError> {
        loop {
            match lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                locked => return locked.map_err(|error| RefError::io("lock", &self.path, error)),
            }
        }
    }

    /// Takes the lock, unless somebody else keeps it for longer than a moment.
    pub(crate) fn try_lock(&self) -> Result<bool, RefError> {
        patiently(&self.handle).map_err(|error| RefError::io("lock", &self.path, error))
    }

    /// Whether `name` in `parent` is still this folder, and not another one or none.
    pub(crate) fn is_still(&self, parent: &Self, name: impl AsRef<Path>) -> Result<bool, RefError> {
        Ok(match parent.subfolder(name)? {
            Some(now) => now.identity()? == self.identity()?,
            None => false,
        })
    }

    /// Device and inode: the same for the same folder, by whatever path it was reached.
    pub(crate) fn identity(&self) -> Result<(u64, u64), RefError> {
        match self.handle.metadata() {
            Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
            Err(error) => Err(RefError::io("look at", &self.path, error)),
        }
    }

    fn error(&self, doing: &'static str, name: impl AsRef<Path>, error: Errno) -> RefError {
        RefError::io(doing, self.path.join(name), explained(error))
    }
}

/// Gives `file` the time of change of `like`, so that a rewritten record does not look newer than it is.
pub(crate) fn keep_time(file: &File, like: &File) -> io::Result<()> {
    let metadata = like.metadata()?;
    let time = Timespec {
        tv_sec: metadata.mtime(),
        tv_nsec: metadata.mtime_nsec(),
    };
    Ok(fs::futimens(
        file,
        &Timestamps {
            last_access: time,
            last_modification: time,
        },
    )?)
}

/// Locks `file`, waiting a moment for those who are quick.
#[expect(
    clippy::disallowed_methods,
    reason = "only called on threads that may block"
)]
pub(crate) fn patiently(file: &File) -> io::Result<bool> {
    const STEP: Duration = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if waited >= PATIENCE => return Ok(false),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(STEP);
                waited += STEP;
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn open_folder(at: impl std::os::fd::AsFd, name: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(fs::openat(at, name, flags, Mode::empty())?))
}

/// Says what "too many levels of symbolic links" or "not a directory" mean here.
fn explained(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR => io::Error::new(
            io::ErrorKind::InvalidData,
            "something else is in its place, such as a symbolic link, which is never followed",
        ),
        error => error.into(),
    }
}
