//! Brings a file or a folder in from outside, as if an agent had made it.

use std::{ffi::OsStr, fs, io, path::Path, sync::Arc, time::Duration};

use serde::Serialize;
use swarm_core::{
    hash,
    ids::{AgentId, RefId, RunId},
    money::Usd,
    outcome::ExitReason,
    refs::{RecordEnd, RecordHeader, RefError, Stamps},
    runtime::OutputStream::Stdout,
};

use crate::{
    folder::{Folder, Kind},
    layout,
    open_record::OpenRecord,
    record::pump,
    store::Store,
    tree,
};

/// Something that was brought in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrapped {
    /// Where it is kept now.
    #[serde(rename = "ref")]
    pub id: RefId,
    /// Where it was, as it was given.
    pub source: String,
}

pub(crate) fn wrap(store: &Arc<Store>, path: &Path) -> Result<Wrapped, RefError> {
    let source = path.display().to_string();
    let unusable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => RefError::Invalid(format!(
            "cannot wrap {source}: there is no such file or folder; check the path"
        )),
        _ => RefError::io("wrap", path, error),
    };
    let real = fs::canonicalize(path).map_err(unusable)?;
    let metadata = fs::symlink_metadata(&real).map_err(unusable)?;
    if real.starts_with(store.layout.keys()) {
        return Err(RefError::Invalid(format!(
            "cannot wrap {source}: keys stay where they are"
        )));
    }
    if !metadata.is_dir() && !metadata.is_file() {
        return Err(RefError::Invalid(format!(
            "cannot wrap {source}: it is a device, a socket or a pipe"
        )));
    }
    let id = RefId::new(RunId::wrapped(), AgentId::new(RunId::random().as_str())?);
    let header = RecordHeader {
        id: id.clone(),
        agent: "wrapped".to_owned(),
        model: Some("wrapped".to_owned()),
        spec_hash: hash::hex(b"wrapped"),
        parents: Vec::new(),
        classification: None,
    };
    let (mut record, _) = OpenRecord::begin(Arc::clone(store), header, &[])?;
    let brought = if metadata.is_dir() {
        bring_folder(store, &mut record, &real).map(Some)
    } else {
        bring_file(&mut record, &real).map(|()| None)
    };
    let files = match brought {
        Ok(files) => files,
        Err(error) => {
            record.discard();
            return Err(error);
        }
    };
    let end = RecordEnd {
        exit: ExitReason::Completed,
        error: None,
        cost: Some(Usd::ZERO),
        duration: Duration::ZERO,
        text: None,
        stamps: Stamps::default(),
    };
    record.finish(end, |record| {
        record.source_path = Some(source.clone());
        record.files = files;
    })?;
    Ok(Wrapped { id, source })
}

fn bring_file(record: &mut OpenRecord, path: &Path) -> Result<(), RefError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(RefError::Invalid(format!("cannot wrap {}", path.display())));
    };
    let file = Folder::open(parent)?.read(name)?;
    let file = file.ok_or_else(|| {
        let error = io::Error::new(io::ErrorKind::NotFound, "it vanished in the meantime");
        RefError::io("wrap", path, error)
    })?;
    pump(
        file,
        |error| RefError::io("read", path, error),
        |chunk| record.write(Stdout, chunk),
    )
}

/// The text of a folder is a list of what is in it; returns how many files were copied.
fn bring_folder(store: &Store, record: &mut OpenRecord, path: &Path) -> Result<u64, RefError> {
    let from = Folder::open(path)?;
    let own = [
        record.folder().identity()?,
        store.runs()?.identity()?,
        store.keys()?.identity()?,
    ];
    let refuse = |folder: &Folder| {
        if own.contains(&folder.identity()?) {
            let place = path.display();
            return Err(RefError::Invalid(format!(
                "cannot wrap {place}: it holds the results or keys themselves; choose a folder beside {}",
                store.layout.home().display()
            )));
        }
        Ok(())
    };
    refuse(&from)?;
    let title = format!(
        "Folder {}\n\n",
        shown(path.file_name().unwrap_or(path.as_os_str()))
    );
    record.write(Stdout, title.as_bytes())?;
    let copies = record.folder().make(layout::FILES)?;
    let manifest = tree::copy(&from, copies, &mut |entry, size| {
        let path = shown(entry.path.as_os_str());
        let line = match entry.kind {
            Kind::Folder => {
                if let Some(folder) = entry.parent.subfolder(entry.name)? {
                    refuse(&folder)?;
                }
                format!("{path}/\n")
            }
            Kind::Link => {
                let target = entry.parent.target(entry.name)?;
                format!(
                    "{path}  symbolic link to {}, not followed\n",
                    shown(&target)
                )
            }
            Kind::File | Kind::Special => format!("{path}  {size} bytes\n"),
        };
        record.write(Stdout, line.as_bytes())
    })?;
    let total = format!("\n{} files, {} bytes\n", manifest.files, manifest.bytes);
    record.write(Stdout, total.as_bytes())?;
    record.folder().sync()?;
    let files = manifest.files;
    record.set_spec_hash(manifest.hash());
    Ok(files)
}

/// A name as it is, unless it could be taken for something else in a list.
fn shown(name: &OsStr) -> String {
    match name.to_str() {
        Some(name) if !name.chars().any(char::is_control) => name.to_owned(),
        _ => format!("{:?}", name.to_string_lossy()),
    }
}
