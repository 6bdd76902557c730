//! Folders on the host, one for each agent, in a folder of ours for one purpose.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use swarm_core::{
    ids::{AgentId, RefId, RunId},
    runtime::{RuntimeError, remove_folder},
};
use tokio::task::spawn_blocking;

/// No id holds this.
const BETWEEN: &str = "..";

/// Where the agent `id` has its folder.
pub(crate) fn folder_of(root: &Path, id: &RefId) -> PathBuf {
    root.join(format!("{}{BETWEEN}{}", id.run, id.agent))
}

fn id_of(name: &str) -> Option<RefId> {
    let (run, agent) = name.split_once(BETWEEN)?;
    let run: RunId = run.parse().ok()?;
    let agent: AgentId = agent.parse().ok()?;
    Some(RefId::new(run, agent))
}

/// The error of something that could not be done at `path`.
pub(crate) fn failed(path: &Path) -> impl Fn(io::Error) -> RuntimeError + use<> {
    let path = path.display().to_string();
    move |error| RuntimeError::Storage {
        path: path.clone(),
        error,
    }
}

/// Removes the folders in `root` of agents whose run is not live, and returns whose they were.
pub(crate) async fn sweep(
    root: &Path,
    is_live: &(dyn Fn(&RunId) -> bool + Sync),
) -> Result<Vec<RefId>, RuntimeError> {
    let place = root.to_owned();
    let listed = spawn_blocking(move || {
        let entries = match fs::read_dir(place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name()));
        names.collect::<io::Result<Vec<_>>>()
    });
    let names = listed.await.unwrap_or_else(|error| Err(error.into()));
    let mut removed = Vec::new();
    for name in names.map_err(failed(root))? {
        // Anything else is not ours to remove.
        let Some(id) = name.to_str().and_then(id_of) else {
            continue;
        };
        if is_live(&id.run) {
            continue;
        }
        let path = root.join(name);
        let gone = path.clone();
        let done = spawn_blocking(move || remove_folder(&gone)).await;
        done.unwrap_or_else(|error| Err(error.into()))
            .map_err(failed(&path))?;
        removed.push(id);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_folders_of_agents_that_are_not_live_are_swept() {
        let root = tempfile::tempdir().unwrap();
        let ids: [RefId; 2] = ["live/a.b", "dead/agent-0"].map(|id| id.parse().unwrap());
        for id in &ids {
            fs::create_dir_all(folder_of(root.path(), id).join("deeper")).unwrap();
        }
        fs::create_dir(root.path().join("unrelated")).unwrap();
        let swept = sweep(root.path(), &|run| run.as_str() == "live").await;
        assert_eq!(swept.unwrap(), [ids[1].clone()]);
        assert!(folder_of(root.path(), &ids[0]).exists());
        assert!(!folder_of(root.path(), &ids[1]).exists());
        assert!(root.path().join("unrelated").exists());

        let nowhere = root.path().join("nowhere");
        assert_eq!(sweep(&nowhere, &|_| false).await.unwrap(), []);
    }
}
