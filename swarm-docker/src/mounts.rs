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

/// What no agent may see, besides the state of the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forbidden {
    /// The socket of the engine in use, if it is one.
    pub(crate) engine: Option<PathBuf>,
    /// Folders of swarm itself.
    pub(crate) private: Vec<PathBuf>,
}

/// Refuses a mount through which an agent would reach what is forbidden, by its path alone.
pub(crate) fn check(mounts: &[Mount], forbidden: &Forbidden) -> Result<(), RuntimeError> {
    mounts.iter().try_for_each(|mount| {
        let source = Path::new(&mount.host_path);
        refuse_socket(mount, source, forbidden.engine.as_deref())?;
        refuse_private(mount, source, &forbidden.private)
    })
}

/// The real path of each source, if it exists and does not lead to what is forbidden. Blocks.
///
/// The container gets the real path, so that a link that is changed afterwards makes no difference.
pub(crate) fn resolve(
    mounts: &[Mount],
    forbidden: &Forbidden,
) -> Result<Vec<String>, RuntimeError> {
    let engine = forbidden.engine.as_deref();
    let mut private = forbidden.private.clone();
    // A folder that is not there yet cannot be reached through a link.
    let real = private
        .iter()
        .filter_map(|folder| std::fs::canonicalize(folder).ok());
    private.extend(real.collect::<Vec<_>>());
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
            refuse_private(mount, &real, &private)?;
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

/// Refuses a source that is one of the folders `private`, or above or in one.
fn refuse_private(mount: &Mount, source: &Path, private: &[PathBuf]) -> Result<(), RuntimeError> {
    let source: PathBuf = source.components().collect();
    match private
        .iter()
        .find(|folder| folder.starts_with(&source) || source.starts_with(folder))
    {
        Some(folder) => Err(RuntimeError::Refused {
            field: format!("mount {}", mount.host_path),
            reason: format!(
                "it would show the agent the records and keys in {}; mount a folder that does not hold them",
                folder.display()
            ),
        }),
        None => Ok(()),
    }
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

    fn engine(path: impl Into<PathBuf>) -> Forbidden {
        Forbidden {
            engine: Some(path.into()),
            private: Vec::new(),
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
            assert!(
                matches!(
                    check(&[mount(path)], &engine("/srv/engine/own.sock")),
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
            check(&[mount(path)], &engine("/run/docker.sock")).unwrap();
        }
    }

    #[test]
    fn a_source_that_does_not_exist_is_named() {
        let error = resolve(&[mount("/nonexistent/folder")], &Forbidden::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot mount /nonexistent/folder: No such file or directory (os error 2); create it, or correct `mounts`"
        );
    }

    #[test]
    fn links_to_a_socket_do_not_hide_it() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("engine/real.sock");
        std::fs::create_dir(dir.path().join("engine")).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&socket, dir.path().join("symlink")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("engine"), dir.path().join("folder")).unwrap();
        std::fs::hard_link(&socket, dir.path().join("hardlink")).unwrap();
        for name in ["symlink", "folder", "hardlink", "engine", "."] {
            let path = dir.path().join(name);
            let result = resolve(&[mount(path.to_str().unwrap())], &engine(&socket));
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
        let link = dir.path().join("link");
        let resolved = resolve(&[mount(link.to_str().unwrap())], &Forbidden::default()).unwrap();
        assert_eq!(resolved, [real.to_str().unwrap()]);
    }

    #[test]
    fn a_private_folder_what_is_in_it_and_what_is_above_it_are_refused_also_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(dir.path()).unwrap();
        let home = real.join("home");
        std::fs::create_dir_all(home.join("keys")).unwrap();
        std::fs::create_dir(real.join("beside")).unwrap();
        std::os::unix::fs::symlink(home.join("keys"), real.join("link")).unwrap();
        std::os::unix::fs::symlink(&home, real.join("name")).unwrap();
        // The folder may itself be known by a link.
        for private in [home, real.join("name")] {
            let forbidden = Forbidden {
                engine: None,
                private: vec![private],
            };
            for name in [".", "home", "home/keys", "link", "name", "name/keys"] {
                let path = real.join(name);
                let result = resolve(&[mount(path.to_str().unwrap())], &forbidden);
                let error = result.expect_err(name).to_string();
                assert!(error.contains("records and keys"), "{name}: {error}");
            }
            let beside = real.join("beside");
            resolve(&[mount(beside.to_str().unwrap())], &forbidden).unwrap();
        }
        let forbidden = Forbidden {
            engine: None,
            private: vec!["/home/me/.swarm".into()],
        };
        for path in ["/home/me", "/home/me/./.swarm/", "/home/me/.swarm/runs"] {
            assert!(check(&[mount(path)], &forbidden).is_err(), "{path}");
        }
        check(&[mount("/home/me/.swarmed")], &forbidden).unwrap();
    }
}
