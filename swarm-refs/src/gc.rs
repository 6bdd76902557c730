//! Removes what is old, and what crashes left behind.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;
use swarm_core::{
    ids::{RefId, RunId},
    refs::RefError,
    time::Timestamp,
};

use crate::{
    atomic, cache,
    encrypt::{Part, key_of},
    folder::{Folder, Kind},
    keyring::{KeyId, Keyring},
    layout,
    record::Record,
    run_lock::RunLock,
    shared,
    store::Store,
};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Whole runs.
    pub runs: u64,
    /// Records, finished or not.
    pub records: u64,
    /// Unfinished files.
    pub leftovers: u64,
    /// Keys that open nothing any more.
    pub keys: u64,
    /// What the cache remembered of results that are gone or encrypted.
    pub cached: u64,
}

pub(crate) fn gc(
    store: &Store,
    older_than: Duration,
    is_live: &dyn Fn(&RunId) -> bool,
) -> Result<Collected, RefError> {
    let now = store.clock.now();
    let is_old = |time: Timestamp| now.since(time) >= older_than;
    let mut collected = Collected::default();
    for run in store.run_ids()? {
        if is_live(&run) {
            continue;
        }
        if run == RunId::wrapped() {
            collect_wrapped(store, &run, &is_old, &mut collected)?;
        } else {
            collect_run(store, &run, &is_old, &mut collected)?;
        }
    }
    collect_keys(store, &mut collected)?;
    cache::collect(store, &mut collected)?;
    Ok(collected)
}

/// A run is removed as a whole, once nothing has happened in it for long enough.
fn collect_run(
    store: &Store,
    run: &RunId,
    is_old: &dyn Fn(Timestamp) -> bool,
    collected: &mut Collected,
) -> Result<(), RefError> {
    let runs = store.runs()?;
    let records = store.record_ids(run)?;
    let mut old = runs.modified(run.as_str())?.is_none_or(is_old);
    for id in &records {
        old = old && last_change(store, id)?.is_none_or(is_old);
    }
    // A removal that was cut off looks like something that has just happened.
    if let Some(folder) = runs.subfolder(run.as_str())? {
        old = old || folder.holds(layout::REMOVING)?;
    }
    if RunLock::is_held(store.layout.home(), run) {
        return Ok(());
    }
    if !old {
        for id in &records {
            tidy(store, id, collected)?;
        }
        return Ok(());
    }
    // Held until the folder is gone, so that nobody starts to drive the run in the meantime.
    let Some(_lock) = RunLock::try_acquire(store.layout.home(), run)? else {
        return Ok(());
    };
    let Some(folder) = runs.subfolder(run.as_str())? else {
        return Ok(());
    };
    for id in &records {
        if is_busy(store, id)? {
            return Ok(());
        }
    }
    drop(folder.create(layout::REMOVING));
    folder.sync()?;
    for id in &records {
        if remove(store, &folder, id)? {
            collected.records += 1;
        }
    }
    shared::remove(&folder)?;
    // Not everything below it: an agent may have begun without anybody driving the run.
    for name in folder.names()? {
        if folder.kind(&name)? != Some(Kind::Folder) {
            folder.remove(&name)?;
        }
    }
    if runs.remove_empty(run.as_str())? {
        collected.runs += 1;
    }
    runs.sync()
}

/// What was brought in from outside belongs to no run; each is removed by itself.
fn collect_wrapped(
    store: &Store,
    run: &RunId,
    is_old: &dyn Fn(Timestamp) -> bool,
    collected: &mut Collected,
) -> Result<(), RefError> {
    let Some(folder) = store.runs()?.subfolder(run.as_str())? else {
        return Ok(());
    };
    for id in store.record_ids(run)? {
        if last_change(store, &id)?.is_none_or(is_old) {
            if remove(store, &folder, &id)? {
                collected.records += 1;
            }
        } else {
            tidy(store, &id, collected)?;
        }
    }
    folder.sync()
}

/// When the record was finished, or its agent last seen.
fn last_change(store: &Store, id: &RefId) -> Result<Option<Timestamp>, RefError> {
    let Ok(Some(folder)) = store.folder(id) else {
        return Ok(None);
    };
    let mut last = folder.modified(layout::RESULT)?;
    if last.is_none() {
        for name in [".", layout::STREAM, layout::STDERR] {
            last = last.max(folder.modified(name)?);
        }
    }
    Ok(last)
}

/// Whether an agent is running, or somebody else is at the record.
fn is_busy(store: &Store, id: &RefId) -> Result<bool, RefError> {
    match store.folder(id) {
        Ok(Some(folder)) => Ok(!folder.try_lock()?),
        _ => Ok(false),
    }
}

/// Removes a record unless somebody is using it; whether it is gone.
fn remove(store: &Store, run: &Folder, id: &RefId) -> Result<bool, RefError> {
    if let Ok(Some(folder)) = store.folder(id) {
        if !folder.try_lock()? {
            return Ok(false);
        }
        // First of all: what is not finished is nobody's result, however much of it is left after a crash.
        folder.remove(layout::RESULT)?;
        folder.sync()?;
        run.remove(id.agent.as_str())?;
    } else {
        // Something that is no folder, such as a link; what it leads to is left alone.
        run.remove(id.agent.as_str())?;
    }
    Ok(true)
}

/// Removes what crashes left in a record that stays.
fn tidy(store: &Store, id: &RefId, collected: &mut Collected) -> Result<(), RefError> {
    let Ok(Some(folder)) = store.folder(id) else {
        return Ok(());
    };
    if !folder.try_lock()? {
        return Ok(());
    }
    collected.leftovers += atomic::remove_leftovers(&folder)?;
    if let Ok(Some(record)) = Record::load(&folder, id)
        && !record.is_encrypted()
    {
        // An encryption that got no further than this.
        for part in Part::ALL {
            if part != Part::Prompt && folder.remove(layout::sealed(part))? {
                collected.leftovers += 1;
            }
        }
    }
    Ok(())
}

/// Removes the keys that open nothing. If it is not certain what a record needs, all keys stay.
fn collect_keys(store: &Store, collected: &mut Collected) -> Result<(), RefError> {
    let Some(keyring) = Keyring::open_alone(store)? else {
        return Ok(());
    };
    collected.leftovers += keyring.remove_leftovers()?;
    let Ok(needed) = needed_keys(store) else {
        tracing::warn!("a record could not be read, so no key is removed");
        return Ok(());
    };
    for id in keyring.ids()? {
        if !needed.contains(&id) && keyring.remove(&id)? {
            collected.keys += 1;
        }
    }
    Ok(())
}

fn needed_keys(store: &Store) -> Result<BTreeSet<KeyId>, RefError> {
    let mut needed = BTreeSet::new();
    for run in store.run_ids()? {
        for id in store.record_ids(&run)? {
            let Some(folder) = store.folder(&id)? else {
                continue;
            };
            if let Some(record) = Record::load(&folder, &id)?
                && let Some(stamp) = record.found.stamps.encrypted
            {
                needed.extend(KeyId::parse(&stamp.key_id));
            }
            for part in Part::ALL {
                needed.extend(key_of(&folder, part)?);
            }
        }
    }
    Ok(needed)
}
