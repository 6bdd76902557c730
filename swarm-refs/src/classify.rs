//! Says how sensitive a result is, and with it everything that was made from it.

use std::collections::BTreeSet;

use swarm_core::{
    ids::RefId,
    refs::{Classification, Ref, RefError},
};

use crate::{folder::Folder, open_record, record::Record, store::Store};

/// Sets the classification, combined with what the parents impose; what quotes the result is raised with it.
pub(crate) fn classify(
    store: &Store,
    id: &RefId,
    requested: Classification,
) -> Result<Ref, RefError> {
    let (folder, _) = store.load(id)?;
    let record = change(id, &folder, |record| {
        let provenance = record.found.stamps.provenance.as_ref();
        let parents = provenance.map(|p| p.parent_refs.as_slice());
        let parents: Vec<Ref> = parents
            .unwrap_or_default()
            .iter()
            .filter_map(|parent| Some(store.load(parent).ok()?.1.found))
            .collect();
        let imposed = [record.inherited.clone(), open_record::inherited(&parents)];
        let imposed = imposed.into_iter().flatten();
        imposed.fold(requested, Classification::combined)
    })?;
    if let Some(classification) = record.stamps.classification.clone() {
        raise_descendants(store, id, classification)?;
    }
    Ok(record)
}

/// What was made from the result before it was classified is not less sensitive for that.
fn raise_descendants(store: &Store, id: &RefId, imposed: Classification) -> Result<(), RefError> {
    let mut seen = BTreeSet::from([id.clone()]);
    let mut open = vec![(id.clone(), imposed)];
    while let Some((parent, imposed)) = open.pop() {
        for child in store.quoting(&parent)? {
            if !seen.insert(child.clone()) {
                continue;
            }
            // One that is still running asks its parents when it has ended, and one that is damaged
            // cannot be read anyway.
            if let Ok(Some(folder)) = store.folder(&child)
                && let Ok(Some(_)) = Record::load(&folder, &child)
            {
                let raised = change(&child, &folder, |record| {
                    let own = record.found.stamps.classification.clone();
                    own.unwrap_or_default().combined(imposed.clone())
                })?;
                open.push((child, raised.stamps.classification.unwrap_or_default()));
            }
        }
    }
    Ok(())
}

fn change(
    id: &RefId,
    folder: &Folder,
    to: impl FnOnce(&Record) -> Classification,
) -> Result<Ref, RefError> {
    folder.lock()?;
    let record = Record::load(folder, id)?;
    let mut record = record.ok_or_else(|| RefError::NotFound(id.clone()))?;
    let classification = to(&record);
    if record.found.stamps.classification.as_ref() != Some(&classification) {
        record.found.stamps.classification = Some(classification);
        record.save(folder)?;
    }
    Ok(record.found)
}
