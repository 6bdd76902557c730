//! Writes down with a result what was judged of it.

use swarm_core::{
    evaluate::Finding,
    ids::RefId,
    refs::{Judged, RefError},
};

use crate::{record::Record, store::Store};

/// What was judged before gives way, the rest of the record stays.
pub(crate) fn stamp(store: &Store, id: &RefId, judged: Judged) -> Result<(), RefError> {
    let (folder, _) = store.load(id)?;
    folder.lock()?;
    let record = Record::load(&folder, id)?;
    let mut record = record.ok_or_else(|| RefError::NotFound(id.clone()))?;
    let before = record.found.stamps.clone();
    record.found.stamps.judge(judged);
    if record.found.stamps == before {
        return Ok(());
    }
    record.save(&folder)
}

/// Who has read `id` to judge it, and is not encrypted.
pub(crate) fn judges_of(store: &Store, id: &RefId) -> Result<Vec<RefId>, RefError> {
    let mut judges = Vec::new();
    for child in store.quoting(id)? {
        // One that is still running, or is damaged, has no judgement to be read.
        let Ok((_, record)) = store.load(&child) else {
            continue;
        };
        let stamps = &record.found.stamps;
        let finding = stamps.finding.as_ref().map(|stamp| &stamp.finding);
        if matches!(finding, Some(Finding::Judgement { .. })) && stamps.encrypted.is_none() {
            judges.push(child);
        }
    }
    Ok(judges)
}
