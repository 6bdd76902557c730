//! Folders with everything in them: walked, copied, hashed, packed. Links are never followed.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use swarm_core::{hash::Hasher, refs::RefError};

use crate::{
    cut,
    folder::{Folder, Kind},
    record::pump,
};

/// Deeper than anybody nests folders on purpose; each level costs an open file.
const MAX_DEPTH: usize = 64;

/// Something within a folder.
pub(crate) struct Entry<'a> {
    /// The folder it is directly in.
    pub(crate) parent: &'a Folder,
    pub(crate) name: &'a OsStr,
    /// Its path from the folder where the walk began.
    pub(crate) path: &'a Path,
    pub(crate) kind: Kind,
}

/// Is told of each entry that was copied, and of its size.
pub(crate) type Seen<'a> = dyn FnMut(&Entry<'_>, u64) -> Result<(), RefError> + 'a;

/// What was found in a folder, in two numbers and one hash.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    hasher: Hasher,
}

impl Manifest {
    fn add(&mut self, path: &Path, size: u64, hash: &str) {
        self.files += 1;
        self.bytes += size;
        // A path holds no NUL byte, so that no two lists of files look alike.
        self.hasher.add(path.as_os_str().as_encoded_bytes());
        self.hasher.add(format!("\0{size}\0{hash}\n").as_bytes());
    }

    /// A hash over the path, size and content of each file.
    pub(crate) fn hash(self) -> String {
        self.hasher.finish()
    }
}

/// Visits everything within `folder`, sorted by name, a folder before what is in it.
pub(crate) fn walk(
    folder: &Folder,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), RefError>,
) -> Result<(), RefError> {
    walk_below(folder, &mut PathBuf::new(), 0, visit)
}

fn walk_below(
    folder: &Folder,
    path: &mut PathBuf,
    depth: usize,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), RefError>,
) -> Result<(), RefError> {
    if depth > MAX_DEPTH {
        let place = folder.path().display();
        return Err(RefError::Invalid(format!(
            "{place} is nested more than {MAX_DEPTH} folders deep"
        )));
    }
    for name in folder.names()? {
        let kind = folder.kind(&name)?.ok_or_else(|| vanished(folder, &name))?;
        path.push(&name);
        visit(&Entry {
            parent: folder,
            name: &name,
            path: &*path,
            kind,
        })?;
        if kind == Kind::Folder {
            let below = folder.subfolder(&name)?;
            let below = below.ok_or_else(|| vanished(folder, &name))?;
            walk_below(&below, path, depth + 1, visit)?;
        }
        path.pop();
    }
    Ok(())
}

/// Copies the files and folders in `from` to `to`, durably, and tells `seen` of each entry and its size.
pub(crate) fn copy(from: &Folder, to: Folder, seen: &mut Seen<'_>) -> Result<Manifest, RefError> {
    let mut manifest = Manifest::default();
    // The copies of the folders that the walk is in.
    let mut open = vec![to];
    let copied = walk(from, &mut |entry| {
        let depth = entry.path.components().count();
        while open.len() > depth {
            sync_last(&mut open)?;
        }
        let Some(to) = open.last() else {
            return Ok(());
        };
        let mut size = 0;
        match entry.kind {
            Kind::Folder => {
                let copy = to.make(entry.name)?;
                open.push(copy);
            }
            Kind::File => {
                let hash;
                (size, hash) = copy_file(entry, to)?;
                manifest.add(entry.path, size, &hash);
            }
            Kind::Link => {}
            Kind::Special => {
                let place = entry.parent.path().join(entry.name);
                return Err(RefError::Invalid(format!(
                    "cannot wrap {}: it is a device, a socket or a pipe",
                    place.display()
                )));
            }
        }
        seen(entry, size)
    });
    copied?;
    while !open.is_empty() {
        sync_last(&mut open)?;
    }
    Ok(manifest)
}

fn sync_last(open: &mut Vec<Folder>) -> Result<(), RefError> {
    open.pop().map_or(Ok(()), |folder| folder.sync())
}

fn copy_file(entry: &Entry<'_>, to: &Folder) -> Result<(u64, String), RefError> {
    let from = open_file(entry)?;
    let mut copy = to.create(entry.name)?;
    let (mut size, mut hasher) = (0, Hasher::new());
    let place = entry.parent.path().join(entry.name);
    pump(
        from,
        |error| RefError::io("read", &place, error),
        |chunk| {
            size += chunk.len() as u64;
            hasher.add(chunk);
            let written = cut::step().and_then(|()| copy.write_all(chunk));
            written.map_err(|error| RefError::io("write", to.path().join(entry.name), error))
        },
    )?;
    let synced = cut::step().and_then(|()| copy.sync_all());
    synced.map_err(|error| RefError::io("write", to.path().join(entry.name), error))?;
    Ok((size, hasher.finish()))
}

/// The manifest that [`copy`] made of what is now in `folder`.
pub(crate) fn manifest(folder: &Folder) -> Result<Manifest, RefError> {
    let mut manifest = Manifest::default();
    walk(folder, &mut |entry| {
        if entry.kind == Kind::File {
            let (mut size, mut hasher) = (0, Hasher::new());
            let place = entry.parent.path().join(entry.name);
            pump(
                open_file(entry)?,
                |error| RefError::io("read", &place, error),
                |chunk| {
                    size += chunk.len() as u64;
                    hasher.add(chunk);
                    Ok(())
                },
            )?;
            manifest.add(entry.path, size, &hasher.finish());
        }
        Ok(())
    })?;
    Ok(manifest)
}

/// Packs the files and folders in `folder` into a tar archive.
pub(crate) fn archive(folder: &Folder, to: &mut dyn Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(to);
    walk(folder, &mut |entry| {
        let mut packed = || -> io::Result<()> {
            let mut header = tar::Header::new_gnu();
            match entry.kind {
                Kind::File => {
                    let file = open_file(entry).map_err(io::Error::other)?;
                    let size = file.metadata()?.len();
                    header.set_mode(0o600);
                    header.set_size(size);
                    archive.append_data(&mut header, entry.path, file.take(size))
                }
                Kind::Folder => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(0o700);
                    header.set_size(0);
                    archive.append_data(&mut header, entry.path, io::empty())
                }
                Kind::Link | Kind::Special => Ok(()),
            }
        };
        let place = entry.parent.path().join(entry.name);
        packed().map_err(|error| RefError::io("pack", place, error))
    })
    .map_err(io::Error::other)?;
    archive.finish()
}

fn open_file(entry: &Entry<'_>) -> Result<File, RefError> {
    let file = entry.parent.read(entry.name)?;
    file.ok_or_else(|| vanished(entry.parent, entry.name))
}

fn vanished(folder: &Folder, name: &OsStr) -> RefError {
    let error = io::Error::new(io::ErrorKind::NotFound, "it vanished in the meantime");
    RefError::io("read", folder.path().join(name), error)
}
