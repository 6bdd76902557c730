//! What an agent reads.

use std::{fs::File, io, path::Path, process::Stdio, sync::Arc};

use tokio::{io::AsyncWriteExt as _, process::ChildStdin};

use crate::{content::Content, runtime::RuntimeError};

/// What a process gets as its stdin, and what is then to be written into it.
type Opened = (Stdio, Option<Arc<[u8]>>);

/// Opens `content` as the stdin of a process, and says what has to be fed to it. Blocks.
///
/// A file is handed over as it is, so that a prompt of any size costs nothing.
pub(super) fn open(content: &Content) -> Result<Opened, RuntimeError> {
    match content {
        Content::Bytes(bytes) if bytes.is_empty() => Ok((Stdio::null(), None)),
        Content::Bytes(bytes) => Ok((Stdio::piped(), Some(Arc::clone(bytes)))),
        Content::File(path) => match open_file(path) {
            Ok(file) => Ok((Stdio::from(file), None)),
            Err(error) => Err(RuntimeError::Storage {
                path: format!("the prompt {}", path.display()),
                error,
            }),
        },
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    // To open a named pipe would be to wait for its writer.
    if path.metadata()?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("it is not a file"))
    }
}

/// Bytes on their way into a process.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) pipe: ChildStdin,
    pub(super) bytes: Arc<[u8]>,
}

impl Input {
    /// Writes everything, then closes the pipe.
    pub(super) async fn feed(mut self) {
        // Fails if the agent ends, or closes its stdin, before it has read everything: its own business.
        drop(self.pipe.write_all(&self.bytes).await);
    }
}
