//! What an agent claims to have written, out of its container.

use std::{
    io::{Cursor, Read as _},
    time::Duration,
};

use swarm_core::{
    artifacts::{MAX_CLAIMS_BYTES, claims},
    runtime::{AgentExit, AgentJob, RuntimeError},
};
use tokio::{task::spawn_blocking, time::timeout};

use crate::{docker_runtime::Inner, inputs, output::Output};

/// How long an engine may take. Nobody waits any longer for what decides nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a tar has before the content of a file, at the most.
const HEADERS: usize = 64 * 1024;

/// Reads the file of the hook, if the agent has ended and its kind has one. What cannot be read claims nothing.
pub(super) async fn collect(
    inner: &Inner,
    job: &AgentJob,
    id: &str,
    output: &mut Output<'_>,
    ended: &Result<AgentExit, RuntimeError>,
) {
    let (Some(path), Ok(_)) = (&job.invocation.artifacts, ended) else {
        return;
    };
    let path = format!("{}/{path}", inputs::HOME);
    let most = usize::try_from(MAX_CLAIMS_BYTES).unwrap_or(usize::MAX);
    let archive = inner.engine.archive_of(id, &path, most + HEADERS);
    let tar = match timeout(PATIENCE, archive).await {
        Ok(Ok(tar)) => tar.unwrap_or_default(),
        Ok(Err(failure)) => {
            tracing::debug!(container = id, problem = failure.problem(), "no claims");
            return;
        }
        Err(_) => return,
    };
    let claims = spawn_blocking(move || claims(&only_file(&tar))).await;
    if let Err(error) = output.artifacts(&claims.unwrap_or_default()).await {
        tracing::warn!(agent = %job.id, %error, "its claims could not be kept");
    }
}

/// The beginning of the plain file that a tar begins with; nothing if that is something else.
fn only_file(tar: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut archive = tar::Archive::new(Cursor::new(tar));
    if let Ok(mut entries) = archive.entries()
        && let Some(Ok(entry)) = entries.next()
        && entry.header().entry_type() == tar::EntryType::Regular
    {
        // A large one is cut off, which is an error at its end; what came before it is there.
        drop(entry.take(MAX_CLAIMS_BYTES).read_to_end(&mut text));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, "log", content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn only_a_plain_file_is_read_also_if_it_is_cut_off() {
        let whole = tar(tar::EntryType::Regular, b"0123456789");
        assert_eq!(only_file(&whole), b"0123456789");
        assert_eq!(only_file(&whole[..515]), b"012");
        assert_eq!(only_file(b"garbage"), b"");
        for kind in [
            tar::EntryType::Symlink,
            tar::EntryType::Link,
            tar::EntryType::Fifo,
        ] {
            assert_eq!(only_file(&tar(kind, b"")), b"", "{kind:?}");
        }
    }
}
