//! The folder of one agent's socket.
//!
//! ```text
//! <folder>/                    0700
//!   <run>..<agent>/            0700, so that nobody else on this machine gets at the socket
//!     egress.jsonl             what was decided
//!     socket/                  0755, all that the forwarder sees
//!       proxy.sock             0666: the forwarder is another user than we are
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use swarm_core::{
    ids::RefId,
    runtime::{RuntimeError, remove_folder},
};
use tokio::{net::UnixListener, task::spawn_blocking};

use super::ledger::Ledger;
use crate::agent_folders::{failed, folder_of};

const LEDGER: &str = "egress.jsonl";
const SOCKET_FOLDER: &str = "socket";
pub(super) const SOCKET: &str = "proxy.sock";

/// The folder of one agent. Removed with this value unless it is kept.
#[derive(Debug)]
pub(super) struct SocketFolder {
    path: PathBuf,
    keep: bool,
}

impl SocketFolder {
    /// The folder of `id`; what is in it from before stays if it is `resumed`.
    pub(super) async fn open(
        root: &Path,
        id: &RefId,
        resumed: bool,
    ) -> Result<(Self, UnixListener, Ledger), RuntimeError> {
        let (root, path) = (root.to_owned(), folder_of(root, id));
        let folder = Self {
            path: path.clone(),
            keep: false,
        };
        let failed = failed(&path);
        let prepared = spawn_blocking(move || {
            folder.prepare(&root, resumed)?;
            let ledger = Ledger::open(folder.ledger()?)?;
            let listener = folder.bind()?;
            Ok((folder, listener, ledger))
        });
        let (folder, listener, ledger) = prepared
            .await
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(&failed)?;
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        Ok((folder, listener, ledger))
    }

    /// What the forwarder is shown.
    pub(super) fn shown(&self) -> String {
        self.path.join(SOCKET_FOLDER).display().to_string()
    }

    /// Leaves it for whoever resumes the run.
    pub(super) fn keep(mut self) {
        self.keep = true;
    }

    fn prepare(&self, root: &Path, resumed: bool) -> io::Result<()> {
        if !resumed {
            remove_folder(&self.path)?;
        }
        // Their modes whatever the umask.
        for (path, mode) in [
            (root, 0o700),
            (&self.path, 0o700),
            (&self.path.join(SOCKET_FOLDER), 0o755),
        ] {
            DirBuilder::new().recursive(true).mode(mode).create(path)?;
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    fn ledger(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.path.join(LEDGER))
    }

    fn bind(&self) -> io::Result<std::os::unix::net::UnixListener> {
        let folder = self.path.join(SOCKET_FOLDER);
        let path = folder.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // The path of a socket has a hundred characters at most; the folder by its number is always short.
        let handle = File::open(&folder)?;
        let short = format!("/proc/self/fd/{}/{SOCKET}", handle.as_raw_fd());
        let listener = std::os::unix::net::UnixListener::bind(short)?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = remove_folder(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "left to the next sweep");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent_folders::sweep;

    #[tokio::test]
    async fn a_socket_is_out_of_the_reach_of_others_and_goes_with_its_owner() {
        let root = tempfile::tempdir().unwrap();
        // Longer than the path of a socket may be.
        let root = root.path().join("x".repeat(120));
        let id: RefId = "run/agent-0".parse().unwrap();
        let (folder, listener, _) = SocketFolder::open(&root, &id, false).await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let own = root.join("run..agent-0");
        assert_eq!((mode(&root), mode(&own)), (0o700, 0o700));
        assert_eq!(mode(Path::new(&folder.shown())), 0o755);
        assert_eq!(mode(&own.join("socket/proxy.sock")), 0o666);
        assert_eq!(mode(&own.join("egress.jsonl")), 0o600);
        drop(listener);

        // A process that died leaves it, and the next one takes it over or sweeps it away.
        folder.keep();
        let (folder, _, _) = SocketFolder::open(&root, &id, true).await.unwrap();
        folder.keep();
        assert_eq!(sweep(&root, &|_| true).await.unwrap(), []);
        assert!(own.exists());
        let (folder, _, _) = SocketFolder::open(&root, &id, true).await.unwrap();
        drop(folder);
        assert!(!own.exists());
        let (folder, _, _) = SocketFolder::open(&root, &id, false).await.unwrap();
        folder.keep();
        assert_eq!(sweep(&root, &|_| false).await.unwrap(), [id]);
        assert!(!own.exists());
    }
}
