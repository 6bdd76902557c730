//! The folder that the agents of a run share.
//!
//! Agents may put anything into it: links, pipes, folders that nobody may enter, and such as are nested deeper than there are
//! descriptors to hold open. The store makes it and removes it, and looks at nothing in it besides.

use std::path::PathBuf;

use swarm_core::{
    ids::{RunId, SHARED},
    refs::RefError,
};

use crate::{
    folder::{Folder, Kind},
    store::Store,
};

/// Makes the shared folder of `run`, if there is none. When this returns, it is durable.
pub(crate) fn make(store: &Store, run: &RunId) -> Result<PathBuf, RefError> {
    let run_folder = store.runs()?.make(run.as_str())?;
    let folder = run_folder.make(SHARED)?;
    store.sync_parents(&run_folder, run)?;
    Ok(folder.path().to_owned())
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
