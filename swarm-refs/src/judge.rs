//! Writes down with a result what was judged of it.

use swarm_core::{
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
