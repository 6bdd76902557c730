//! Whether the folders of the host that a sandbox asks for may be shown to an agent.

use std::path::{Path, PathBuf};

use swarm_core::{runtime::RuntimeError, spec::Mount};

/// Where engines listen. Whoever can write to one of these is root on the host.
const SOCKETS: [&str; 7] = [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/crio/crio.sock",
];

/// Refuses a mount through which an agent would reach an engine, by its path alone.
pub(crate) fn check(mounts: &[Mount], engine: Option<&Path>) -> Result<(), RuntimeError> {
    mounts
        .iter()
        .try_for_each(|mount| refuse_socket(mount, Path::new(&mount.host_path), engine))
}

/// The real path of each source, if it exists and does not lead to an engine. Blocks.
///
/// The container gets the real path, so that a link that is changed afterwards makes no difference.
pub(crate) fn resolve(
    mounts: &[Mount],
    engine: Option<&Path>,
) -> Result<Vec<String>, RuntimeError> {
    mounts
        .iter()
        .map(|mount| {
            let missing = |problem: String| RuntimeError::MountMissing {
                path: mount.host_path.clone(),
                problem,
            };
            let real = std::fs::canonicalize(&mount.host_path)
                .map_err(|error| missing(error.to_string()))?;
            refuse_socket(mount, &real, engine)?;
            refuse_same_file(mount, &real, engine)?;
            real.into_os_string()
                .into_string()
                .map_err(|_| missing("its real path is not UTF-8".to_owned()))
        })
        .collect()
}

/// Folders through which an agent would see the host behind its back: every process with its files and
/// variables, every device, every container.
const HOST_STATE: [&str; 7] = [
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/containerd",
];

fn refused(mount: &Mount) -> RuntimeError {
    RuntimeError::Refused {
        field: format!("mount {}", mount.host_path),
        reason: "it would give the agent the socket of a container engine, and with it the host; mount a \
                 folder that does not hold one"
            .to_owned(),
    }
}

/// Refuses a source that is a socket of an engine, or a folder above one.
fn refuse_socket(mount: &Mount, source: &Path, engine: Option<&Path>) -> Result<(), RuntimeError> {
    let source: PathBuf = source.components().collect();
    if sockets(&source, engine)
        .iter()
        .any(|socket| socket.starts_with(&source))
    {
        return Err(refused(mount));
    }
    if HOST_STATE.iter().any(|folder| source.starts_with(folder)) {
        return Err(RuntimeError::Refused {
            field: format!("mount {}", mount.host_path),
            reason: "it would show the agent the state of the host, its processes or its devices; mount a \
                     folder with files of yours"
                .to_owned(),
        });
    }
    Ok(())
}

/// Refuses another name of the same socket, such as a hard link.
fn refuse_same_file(mount: &Mount, real: &Path, engine: Option<&Path>) -> Result<(), RuntimeError> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let Ok(file) = std::fs::metadata(real) else {
        return Ok(());
    };
    if file.file_type().is_socket()
        && sockets(real, engine)
            .iter()
            .filter_map(|socket| std::fs::metadata(socket).ok())
            .any(|socket| (socket.dev(), socket.ino()) == (file.dev(), file.ino()))
    {
        return Err(refused(mount));
    }
    Ok(())
}

/// Every socket that may matter to `source`.
fn sockets(source: &Path, engine: Option<&Path>) -> Vec<PathBuf> {
    // Those of rootless engines are in a folder named after the user.
    let user = source
        .strip_prefix("/run/user")
        .or_else(|_| source.strip_prefix("/var/run/user"))
        .ok()
        .and_then(|rest| rest.iter().next())
        .and_then(|user| user.to_str())
        .unwrap_or("0");
    let mut sockets: Vec<PathBuf> = SOCKETS.iter().map(PathBuf::from).collect();
    for run in ["/run", "/var/run"] {
        sockets.push(format!("{run}/user/{user}/docker.sock").into());
        sockets.push(format!("{run}/user/{user}/podman/podman.sock").into());
    }
    if let Some(engine) = engine {
        sockets.push(engine.to_owned());
        // Its folder may be reached through a link.
        sockets.extend(std::fs::canonicalize(engine));
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(path: &str) -> Mount {
        Mount {
            host_path: path.to_owned(),
            container_path: "/x".to_owned(),
            readonly: true,
        }
    }

    #[test]
    fn engines_the_folders_above_them_and_the_state_of_the_host_are_refused() {
        for path in [
            "/",
            "//",
            "/run",
            "/run/",
            "/var",
            "/var/run",
            "/var/run/docker.sock",
            "/run/./docker.sock",
            "/run/podman",
            "/run/user",
            "/run/user/1000",
            "/run/user/1000/docker.sock",
            "/run/user/1000/podman",
            "/srv/engine",
            "/srv/engine/own.sock",
            "/proc",
            "/proc/1/root",
            "/sys/kernel",
            "/dev",
            "/var/lib/docker/volumes",
        ] {
            let engine = Some(Path::new("/srv/engine/own.sock"));
            assert!(
                matches!(
                    check(&[mount(path)], engine),
                    Err(RuntimeError::Refused { .. })
                ),
                "{path} was accepted"
            );
        }
    }

    #[test]
    fn an_ordinary_folder_is_accepted() {
        for path in [
            "/srv",
            "/home/me/project",
            "/run/user/1000/app",
            "/var/lib/app",
        ] {
            check(&[mount(path)], Some(Path::new("/run/docker.sock"))).unwrap();
        }
    }

    #[test]
    fn a_source_that_does_not_exist_is_named() {
        let error = resolve(&[mount("/nonexistent/folder")], None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot mount /nonexistent/folder: No such file or directory (os error 2); create it, or correct `mounts`"
        );
    }

    #[test]
    fn links_to_a_socket_do_not_hide_it() {
        let dir = tempfile::tempdir().unwrap();
        let engine = dir.path().join("engine/real.sock");
        std::fs::create_dir(dir.path().join("engine")).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&engine).unwrap();
        std::os::unix::fs::symlink(&engine, dir.path().join("symlink")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("engine"), dir.path().join("folder")).unwrap();
        std::fs::hard_link(&engine, dir.path().join("hardlink")).unwrap();
        for name in ["symlink", "folder", "hardlink", "engine", "."] {
            let path = dir.path().join(name);
            let result = resolve(&[mount(path.to_str().unwrap())], Some(&engine));
            assert!(
                matches!(result, Err(RuntimeError::Refused { .. })),
                "{name}: {result:?}"
            );
        }
    }

    #[test]
    fn the_container_gets_the_real_path() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
        let real = std::fs::canonicalize(dir.path().join("real")).unwrap();
        let resolved = resolve(&[mount(dir.path().join("link").to_str().unwrap())], None).unwrap();
        assert_eq!(resolved, [real.to_str().unwrap()]);
    }
}
