//! The folder that the agents of a run share, as a container sees it.
//!
//! It is a folder of the host, so that it is there for whoever looks at the run, and lasts as long as the run. It belongs to the user
//! of the agents, who is the same for all of a runtime; the folder above it is its maker's alone. An engine that gives users other
//! numbers, labels files, or has other folders than we have cannot show it, and neither can a process that may not give files away:
//! agents that share are refused there.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, lchown},
    path::Path,
};

use bollard::models::{Mount, MountType};
use swarm_core::runtime::{AgentJob, RuntimeError, SHARED_PATH, SharedFolder};
use tokio::task::spawn_blocking;

use crate::{agent_folders::failed, docker_runtime::Inner};

/// Refuses agents that share where no folder of ours can be shown.
pub(crate) fn check(inner: &Inner) -> Result<(), RuntimeError> {
    if inner.engine.socket().is_none() {
        return Err(unsupported(
            "the engine is on another machine and does not have it; use an engine with a local socket, or `--runtime process`",
        ));
    }
    if !inner.engine.traits.plain_binds {
        return Err(unsupported(
            "this engine has users of its own or labels files (rootless, userns or SELinux), so that agents could not use it; use one \
             that does not, or `--runtime process`",
        ));
    }
    Ok(())
}

/// Where a container sees the folder that `job` shares, if it does. It belongs to the agents when this returns.
pub(crate) async fn mount(inner: &Inner, job: &AgentJob) -> Result<Option<Mount>, RuntimeError> {
    let Some(SharedFolder { path }) = &job.shared else {
        return Ok(None);
    };
    check(inner)?;
    let Some(source) = path.to_str() else {
        return Err(unsupported(
            "its path is not UTF-8, and the engine finds it by no other; use another folder for SWARM_HOME",
        ));
    };
    let (folder, user) = (path.clone(), inner.options.user);
    let given = spawn_blocking(move || give(&folder, user)).await;
    match given.unwrap_or_else(|error| Err(error.into())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(unsupported(
                "it cannot be given to the user that agents run as; run swarm as that user or as root, or use `--runtime process`",
            ));
        }
        given => given.map_err(failed(path))?,
    }
    Ok(Some(Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(SHARED_PATH.to_owned()),
        read_only: Some(false),
        ..Mount::default()
    }))
}

/// The error of an engine that does not find the folder.
pub(crate) fn not_seen(job: &AgentJob, message: &str) -> Option<RuntimeError> {
    let path = job.shared.as_ref()?.path.display().to_string();
    message.contains(&path).then(|| {
        unsupported(
            "the engine does not find it and may have other folders, such as those of another container; run swarm where the engine \
             runs, or use `--runtime process`",
        )
    })
}

fn unsupported(hint: &'static str) -> RuntimeError {
    RuntimeError::Unsupported {
        runtime: "docker",
        field: "the folder that agents of the run share".to_owned(),
        hint,
    }
}

/// Gives the folder itself to the agents. What is in it is theirs already.
fn give(folder: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "something else is in its place, such as a symbolic link, which is never followed",
        ));
    }
    if (found.uid(), found.gid()) != (uid, gid) {
        lchown(folder, Some(uid), Some(gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_is_given_away() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("real");
        fs::create_dir(&folder).unwrap();
        let owner = fs::metadata(&folder).unwrap();
        let me = (owner.uid(), owner.gid());
        give(&folder, me).unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        fs::write(base.path().join("file"), "").unwrap();
        for other in [link, base.path().join("file")] {
            let error = give(&other, me).unwrap_err();
            assert!(error.to_string().contains("never followed"), "{error}");
        }
        assert!(give(&base.path().join("none"), me).is_err());
    }
}
