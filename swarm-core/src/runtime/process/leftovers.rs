//! What agents left behind: processes that escaped, and everything of a process of ours that died.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{
    note::Note,
    procfs::{self, Stat},
    scratch,
};
use crate::{
    ids::{AgentId, RefId, RunId},
    runtime::{RuntimeError, agent_folder::pause},
};

/// How often, 5 ms apart, it is checked whether a killed process is gone.
const CHECKS: u32 = 400;

/// Kills every process that belongs to one of these agents' folders, and waits until they are gone. Blocks.
///
/// A process belongs to a folder if its group is the one in the note there, or if it was started with the
/// `HOME` or `TMPDIR` of that folder, which nobody else has. The second finds what left its group, and what
/// was started by a process of ours that died before it could write the note.
pub(super) fn end(folders: &[&Path]) {
    let groups: Vec<Pid> = folders
        .iter()
        .filter_map(|folder| Note::read(folder)?.group())
        .collect();
    for group in &groups {
        // Once is enough: no process of a group slips through by forking. And once only: when the group
        // is gone its number is free.
        let _ = kill_process_group(*group, Signal::KILL);
    }
    let numbers: HashSet<i32> = groups.iter().map(|group| group.as_raw_pid()).collect();
    let marks: HashSet<Vec<u8>> = folders.iter().flat_map(|f| scratch::marks(f)).collect();
    for _ in 0..CHECKS {
        let mut alive = false;
        for pid in procfs::others() {
            let Some(stat) = Stat::of(pid).filter(|stat| stat.is_alive()) else {
                continue;
            };
            if procfs::was_given(pid, &marks) {
                alive = true;
                if let Some(pid) = Pid::from_raw(pid) {
                    let _ = kill_process(pid, Signal::KILL);
                }
            } else if numbers.contains(&stat.group) {
                alive = true;
            }
        }
        if !alive {
            return;
        }
        pause();
    }
    tracing::warn!(?folders, "a killed agent does not end");
}

/// Ends and removes the agents in `state_dir` whose run is not live.
pub(super) async fn sweep(
    state_dir: &Path,
    is_live: &(dyn Fn(&RunId) -> bool + Sync),
) -> Result<Vec<RefId>, RuntimeError> {
    let failed = |error| RuntimeError::Storage {
        path: state_dir.display().to_string(),
        error,
    };
    let dir = state_dir.to_owned();
    let found = blocking(move || find(&dir)).await.map_err(failed)?;
    let Some((base, mut ids)) = found else {
        return Ok(Vec::new());
    };
    ids.retain(|id| !is_live(&id.run));
    if ids.is_empty() {
        return Ok(ids);
    }
    blocking(move || {
        let folders: Vec<PathBuf> = ids.iter().map(|id| scratch::folder_of(&base, id)).collect();
        let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
        end(&folders);
        // One that cannot be removed does not protect the others.
        let failures: Vec<io::Error> = folders
            .into_iter()
            .filter_map(|folder| scratch::remove(folder).err())
            .collect();
        failures.into_iter().next().map_or(Ok(ids), Err)
    })
    .await
    .map_err(failed)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The agents that have a folder. What is not called like one is not ours.
fn find(state_dir: &Path) -> io::Result<Option<(PathBuf, Vec<RefId>)>> {
    let base = match fs::canonicalize(state_dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        base => base?,
    };
    let mut ids = Vec::new();
    for run in folders(&base)? {
        let Ok(run_id) = RunId::new(&run) else {
            continue;
        };
        let agents = match folders(&base.join(&run)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            agents => agents?,
        };
        if agents.is_empty() {
            // Nobody minds: whoever is about to put an agent there makes it again.
            drop(fs::remove_dir(base.join(&run)));
        }
        for agent in agents {
            if let Ok(agent) = AgentId::new(&agent) {
                ids.push(RefId::new(run_id.clone(), agent));
            }
        }
    }
    ids.sort();
    Ok(Some((base, ids)))
}

fn folders(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type().is_ok_and(|t| t.is_dir())
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}
