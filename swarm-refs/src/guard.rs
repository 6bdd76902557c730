//! Checks before a result is used. What counts is the stored record, never what a caller says about it.

use swarm_core::{
    hash,
    ids::RefId,
    refs::{Check, Provenance, Ref, RefError},
};

use crate::{
    folder::Folder,
    layout,
    record::{Record, corrupt, pump},
    store::Store,
    tree,
};

/// The result, if the check passes.
pub(crate) fn guard(store: &Store, id: &RefId, check: &Check) -> Result<Ref, RefError> {
    let (folder, record) = match store.load(id) {
        Err(RefError::NotFound(_)) if *check == Check::Exists => {
            return Err(RefError::GuardFailed(format!("Ref does not exist: {id}")));
        }
        found => found?,
    };
    let objection = match check {
        Check::MustBeEncrypted if record.sealing => Some(format!(
            "ref {id} is not encrypted; `swarm encrypt {id}` does that"
        )),
        Check::Integrity => {
            check_integrity(store, &folder, &record)?;
            None
        }
        check => check.objection(&record.found),
    };
    match objection {
        None => Ok(record.found),
        Some(objection) => Err(RefError::GuardFailed(objection)),
    }
}

/// Hashes everything again.
fn check_integrity(store: &Store, folder: &Folder, record: &Record) -> Result<(), RefError> {
    let id = &record.found.id;
    let text = record.open_text(folder)?;
    let (mut hasher, mut size) = (hash::Hasher::new(), 0);
    pump(
        text,
        |error| RefError::io("read the text of", folder.path(), error),
        |chunk| {
            hasher.add(chunk);
            size += chunk.len() as u64;
            Ok(())
        },
    )?;
    let hash = hasher.finish();
    let text = (size > 0).then_some(hash.as_str());
    let Some(stored) = &record.found.stamps.provenance else {
        return Err(corrupt(id, "it has no provenance"));
    };
    if record.parent_hashes.len() != stored.parent_refs.len() {
        return Err(corrupt(id, "its provenance does not fit its parents"));
    }
    let parents = stored.parent_refs.iter().cloned();
    let parents: Vec<_> = parents.zip(record.parent_hashes.iter().cloned()).collect();
    for (parent, hash) in &parents {
        match store.load(parent) {
            Ok((_, now)) if crate::open_record::provenance_hash(&now.found) != *hash => {
                return Err(corrupt(
                    id,
                    format!("its parent {parent} is not what it was made from"),
                ));
            }
            Ok(_) | Err(RefError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let (spec, time) = (stored.spec_hash.clone(), stored.timestamp.clone());
    if Provenance::new(spec, parents, text, time) != *stored {
        return Err(corrupt(
            id,
            "its text or provenance was changed since it was made",
        ));
    }
    if let Some(files) = record.files {
        let now = folder
            .subfolder(layout::FILES)?
            .map(|files| tree::manifest(&files));
        let now = now.transpose()?.unwrap_or_default();
        if now.files != files || now.hash() != stored.spec_hash {
            return Err(corrupt(
                id,
                "its files were changed since they were brought in",
            ));
        }
    }
    Ok(())
}
