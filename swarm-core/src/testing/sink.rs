//! Output that is kept in memory, for tests to look at.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::{
    artifacts::ArtifactClaim,
    refs::ImageStamp,
    runtime::{EgressDecision, OutputSink, OutputStream},
};

/// Keeps what an agent prints. A clone sees the same, also while the agent runs.
#[derive(Clone, Debug, Default)]
pub struct VecSink {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    printed: Mutex<Printed>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    egress: Vec<EgressDecision>,
    artifacts: Vec<ArtifactClaim>,
    image: Option<ImageStamp>,
}

impl VecSink {
    /// All of its stdout so far.
    pub fn stdout(&self) -> Vec<u8> {
        self.look(|printed| printed.stdout.clone())
    }

    /// All of its stderr so far.
    pub fn stderr(&self) -> Vec<u8> {
        self.look(|printed| printed.stderr.clone())
    }

    /// Its stdout so far as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        self.look(|printed| String::from_utf8_lossy(&printed.stdout).into_owned())
    }

    /// What it tried to reach, once it has ended.
    pub fn decisions(&self) -> Vec<EgressDecision> {
        self.look(|printed| printed.egress.clone())
    }

    /// What it claims to have written, once it has ended.
    pub fn claims(&self) -> Vec<ArtifactClaim> {
        self.look(|printed| printed.artifacts.clone())
    }

    /// Which image it started in; `None` if nobody said.
    pub fn image(&self) -> Option<ImageStamp> {
        self.look(|printed| printed.image.clone())
    }

    /// Waits until its stdout holds `text`.
    pub async fn has_printed(&self, text: &str) {
        loop {
            let more = self.shared.more.notified();
            tokio::pin!(more);
            // Before looking, or what is printed in between would go unnoticed.
            more.as_mut().enable();
            if self.text().contains(text) {
                return;
            }
            more.await;
        }
    }

    fn look<T>(&self, at: impl FnOnce(&mut Printed) -> T) -> T {
        let printed = self.shared.printed.lock();
        at(&mut printed.unwrap_or_else(PoisonError::into_inner))
    }
}

impl OutputSink for VecSink {
    fn started_in(&mut self, image: ImageStamp) {
        self.look(|printed| printed.image = Some(image));
    }

    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            self.look(|printed| match stream {
                OutputStream::Stdout => printed.stdout.extend_from_slice(chunk),
                OutputStream::Stderr => printed.stderr.extend_from_slice(chunk),
            });
            self.shared.more.notify_waiters();
            Ok(())
        })
    }

    fn egress<'a>(&'a mut self, decisions: &'a [EgressDecision]) -> BoxFuture<'a, io::Result<()>> {
        self.look(|printed| printed.egress.extend_from_slice(decisions));
        Box::pin(std::future::ready(Ok(())))
    }

    fn artifacts<'a>(&'a mut self, claims: &'a [ArtifactClaim]) -> BoxFuture<'a, io::Result<()>> {
        self.look(|printed| printed.artifacts.extend_from_slice(claims));
        Box::pin(std::future::ready(Ok(())))
    }
}
