//! What is sent to an engine to build from, or to import: written as it is sent, so that no large file is in memory.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    pin::Pin,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

/// How much is handed over at once.
const CHUNK: usize = 256 * 1024;
/// How many chunks may wait to be sent.
const WAITING: usize = 4;

/// The body of a request.
pub(crate) type Body = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Files of a context, by path. Folders above them are made.
#[derive(Debug, Default)]
pub(super) struct Context {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    mode: u32,
    owner: (u32, u32),
    content: Content,
}

#[derive(Debug)]
enum Content {
    Folder,
    Text(Vec<u8>),
    File(PathBuf),
}

impl Context {
    pub(super) fn text(&mut self, path: &str, mode: u32, text: &str) {
        let content = Content::Text(text.as_bytes().to_vec());
        self.entry(path, mode, (0, 0), content);
    }

    /// A copy of a file of this machine. What it links to is what is copied.
    pub(super) fn copy(&mut self, path: &str, mode: u32, from: &Path) {
        self.entry(path, mode, (0, 0), Content::File(from.to_owned()));
    }

    pub(super) fn folder(&mut self, path: &str, mode: u32, owner: (u32, u32)) {
        self.entry(path, mode, owner, Content::Folder);
    }

    fn entry(&mut self, path: &str, mode: u32, owner: (u32, u32), content: Content) {
        for (at, _) in path.match_indices('/') {
            let (folder, _) = path.split_at(at);
            self.entries
                .entry(folder.to_owned())
                .or_insert_with(|| Entry {
                    mode: 0o755,
                    owner: (0, 0),
                    content: Content::Folder,
                });
        }
        let entry = Entry {
            mode,
            owner,
            content,
        };
        self.entries.insert(path.to_owned(), entry);
    }

    /// Writes all of it as a tar.
    pub(super) fn write(self, to: &mut dyn Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(to);
        for (path, entry) in self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.0.into());
            header.set_gid(entry.owner.1.into());
            header.set_size(0);
            match entry.content {
                Content::Folder => {
                    header.set_entry_type(tar::EntryType::Directory);
                    tar.append_data(&mut header, format!("{path}/"), io::empty())?;
                }
                Content::Text(text) => {
                    header.set_size(text.len() as u64);
                    tar.append_data(&mut header, path, text.as_slice())?;
                }
                Content::File(from) => {
                    let named = |error: io::Error| {
                        let shown = from.display();
                        io::Error::new(error.kind(), format!("cannot read {shown}: {error}"))
                    };
                    let file = File::open(&from).map_err(named)?;
                    let size = file.metadata().map_err(named)?.len();
                    header.set_size(size);
                    // One that grows meanwhile must not run into the next entry.
                    tar.append_data(&mut header, path, file.take(size))
                        .map_err(named)?;
                }
            }
        }
        tar.finish()
    }
}

/// Runs `write` where it may block, and hands on what it writes.
///
/// The handle says whether it could; an end of the body that comes too early is an error for the engine, too.
pub(super) fn streamed(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> (Body, JoinHandle<io::Result<()>>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let writing = spawn_blocking(move || {
        let mut to = io::BufWriter::with_capacity(CHUNK, Sender(sender.clone()));
        let written = write(&mut to).and_then(|()| to.flush());
        if let Err(error) = &written {
            let broken = io::Error::new(error.kind(), error.to_string());
            // What is still buffered may look like a proper end.
            drop(to.into_parts());
            drop(sender.blocking_send(Err(broken)));
        }
        written
    });
    let body = stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    });
    (Box::pin(body), writing)
}

struct Sender(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            // The engine has heard enough, or nobody waits any more.
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    fn names(tar: &[u8]) -> Vec<(String, u32)> {
        let mut archive = tar::Archive::new(tar);
        archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().mode().unwrap())
            })
            .collect()
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut context = Context::default();
        context.text("root/etc/passwd", 0o644, "x");
        context.folder("root/tmp", 0o1777, (0, 0));
        context.text("Dockerfile", 0o644, "FROM scratch\n");
        let mut tar = Vec::new();
        context.write(&mut tar).unwrap();
        let expected = [
            ("Dockerfile", 0o644),
            ("root/", 0o755),
            ("root/etc/", 0o755),
            ("root/etc/passwd", 0o644),
            ("root/tmp/", 0o1777),
        ];
        let expected = expected.map(|(path, mode)| (path.to_owned(), mode));
        assert_eq!(names(&tar), expected);
    }

    #[tokio::test]
    async fn what_is_written_is_what_is_sent() {
        let (mut body, writing) = streamed(|to| {
            for n in 0..100_u8 {
                to.write_all(&[n; 10_000])?;
            }
            Ok(())
        });
        let mut sent = Vec::new();
        while let Some(chunk) = body.next().await {
            sent.extend(chunk.unwrap());
        }
        writing.await.unwrap().unwrap();
        assert_eq!(sent.len(), 1_000_000);
        assert!(
            sent.chunks(10_000)
                .zip(0..)
                .all(|(ten, n)| ten == [n; 10_000])
        );
    }

    #[tokio::test]
    async fn what_cannot_be_read_ends_the_body_with_an_error() {
        let mut context = Context::default();
        context.copy("x", 0o644, "/nonexistent/x".as_ref());
        let (mut body, writing) = streamed(move |to| context.write(to));
        let mut last = None;
        while let Some(chunk) = body.next().await {
            last = Some(chunk);
        }
        assert!(last.unwrap().is_err());
        let error = writing.await.unwrap().unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nonexistent/x: "), "{error}");
    }

    #[tokio::test]
    async fn who_stops_listening_stops_the_writer() {
        let (body, writing) = streamed(|to| {
            loop {
                to.write_all(&[0; 10_000])?;
            }
        });
        drop(body);
        let error = writing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
