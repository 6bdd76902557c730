//! The folder that the agents of a run share.
//!
//! Agents may put anything into it: links, pipes, folders that nobody may enter, and such as are nested deeper than there are
//! descriptors to hold open. The store makes it and removes it, and looks at nothing in it besides.

use std::{fs::Permissions, io, os::unix::fs::PermissionsExt as _, path::PathBuf};

use swarm_core::{
    content::Content,
    ids::{RunId, SHARED},
    refs::RefError,
};

use crate::{
    folder::{Folder, Kind},
    store::Store,
};

/// Makes the shared folder of `run`, if there is none. When this returns, it is durable.
pub(crate) fn make(store: &Store, run: &RunId) -> Result<PathBuf, RefError> {
    Ok(open(store, run)?.path().to_owned())
}

fn open(store: &Store, run: &RunId) -> Result<Folder, RefError> {
    let run_folder = store.runs()?.make(run.as_str())?;
    let folder = run_folder.make(SHARED)?;
    store.sync_parents(&run_folder, run)?;
    Ok(folder)
}

/// Puts a file into the shared folder of `run`, all of it at once. Not durable: whoever shares it knows it from elsewhere.
pub(crate) fn put(
    store: &Store,
    run: &RunId,
    name: &str,
    content: &Content,
) -> Result<(), RefError> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(RefError::Invalid(format!(
            "{name:?} is no name of a shared file; use a plain one"
        )));
    }
    let folder = open(store, run)?;
    // Nobody can have put anything under a name that nobody knows.
    let aside = format!(".{}.tmp", RunId::random());
    let mut file = folder.create(&aside)?;
    let mut write = || -> io::Result<()> {
        io::copy(&mut content.open()?, &mut file)?;
        // Agents may have another user than we, and nobody else gets through the folder above.
        file.set_permissions(Permissions::from_mode(0o644))
    };
    let put = write()
        .map_err(|error| RefError::io("write", folder.path().join(name), error))
        .and_then(|()| folder.rename(&aside, name));
    if put.is_err() {
        folder.remove(&aside)?;
    }
    put
}

/// Removes the shared folder in the folder of a run, with all that is in it.
///
/// Folders in it are emptied from the top: what is a folder in one of them is moved up first. So two are open at a time, however
/// deep they are nested.
pub(crate) fn remove(run: &Folder) -> Result<(), RefError> {
    if run.kind(SHARED)? != Some(Kind::Folder) {
        run.remove(SHARED)?;
        return Ok(());
    }
    // Whatever an agent has made of its permissions, and of those of the folders in it.
    let top = run.make(SHARED)?;
    let mut moved = 0_u64;
    loop {
        let names = top.names()?;
        if names.is_empty() {
            break;
        }
        for name in names {
            if top.kind(&name)? != Some(Kind::Folder) {
                top.remove(&name)?;
                continue;
            }
            let folder = top.make(&name)?;
            for inner in folder.names()? {
                if folder.kind(&inner)? != Some(Kind::Folder) {
                    folder.remove(&inner)?;
                    continue;
                }
                // To move a folder is to write to it.
                drop(folder.make(&inner)?);
                let free = loop {
                    moved += 1;
                    let free = format!("moved-{moved}");
                    if !top.holds(&free)? {
                        break free;
                    }
                };
                folder.move_to(&inner, &top, &free)?;
            }
            top.remove_empty(&name)?;
        }
    }
    run.remove_empty(SHARED)?;
    Ok(())
}
