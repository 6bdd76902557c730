//! The recording of one agent while it runs. Blocks.

use std::{fs::File, io::Write as _, sync::Arc};

use serde::Serialize;
use swarm_core::{
    artifacts::ArtifactClaim,
    hash::Hasher,
    ids::AgentId,
    refs::{ImageStamp, RefError},
    runtime::{EgressDecision, OutputStream},
};

use super::{
    ARTIFACTS, EGRESS, EXIT, STDERR, STDOUT,
    entry::{Asked, Ended, Entry, Printed, VERSION},
};
use crate::{atomic, folder::Folder, layout};

/// Files beside the others until the agent has ended. Removed if it is dropped before that.
#[derive(Debug)]
pub(super) struct Reel {
    agents: Arc<Folder>,
    aside: String,
    folder: Folder,
    agent: AgentId,
    asked: Asked,
    began: u64,
    stdout: Track,
    stderr: Track,
    pub(super) image: Option<ImageStamp>,
    egress: bool,
    artifacts: bool,
    kept: bool,
}

impl Reel {
    /// Begins the recording of `agent`. One that there is already stays until this one is complete.
    pub(super) fn begin(
        agents: Arc<Folder>,
        agent: AgentId,
        asked: Asked,
        began: u64,
    ) -> Result<Self, RefError> {
        let aside = format!(".{agent}{}", layout::ASIDE);
        // Of a process that has died, and whose run this one goes on with.
        agents.remove(&aside)?;
        let folder = agents.make(&aside)?;
        Ok(Self {
            agents,
            aside,
            folder,
            agent,
            asked,
            began,
            stdout: Track::new(STDOUT),
            stderr: Track::new(STDERR),
            image: None,
            egress: false,
            artifacts: false,
            kept: false,
        })
    }

    pub(super) fn write(&mut self, stream: OutputStream, chunk: &[u8]) -> Result<(), RefError> {
        match stream {
            OutputStream::Stdout => self.stdout.write(&self.folder, chunk),
            OutputStream::Stderr => self.stderr.write(&self.folder, chunk),
        }
    }

    pub(super) fn egress(&mut self, decisions: &[EgressDecision]) -> Result<(), RefError> {
        self.egress = true;
        lines(&self.folder, EGRESS, decisions)
    }

    pub(super) fn artifacts(&mut self, claims: &[ArtifactClaim]) -> Result<(), RefError> {
        self.artifacts = true;
        lines(&self.folder, ARTIFACTS, claims)
    }

    /// Completes the recording. Durable when it returns.
    ///
    /// An older one of the same agent goes first: a crash in between leaves none, and never half of two.
    pub(super) fn finish(mut self, end: Ended, ended: u64) -> Result<(), RefError> {
        let entry = Entry {
            version: VERSION,
            agent: self.agent.clone(),
            asked: std::mem::take(&mut self.asked),
            began: self.began,
            ended,
            end,
            stdout: self.stdout.close(&self.folder)?,
            stderr: self.stderr.close(&self.folder)?,
            image: self.image.take(),
            egress: self.egress,
            artifacts: self.artifacts,
        };
        let text = serde_json::to_vec_pretty(&entry)
            .map_err(|error| RefError::io("write", self.folder.path().join(EXIT), error.into()))?;
        atomic::replace_bytes(&self.folder, EXIT, &text)?;
        let name = self.agent.as_str();
        let old = format!(".{name}.old{}", layout::ASIDE);
        self.agents.remove(&old)?;
        if self.agents.holds(name)? {
            self.agents.rename(name, &old)?;
        }
        self.agents.rename(&self.aside, name)?;
        self.kept = true;
        self.agents.sync()?;
        self.agents.remove(&old)?;
        Ok(())
    }
}

impl Drop for Reel {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = self.agents.remove(&self.aside)
        {
            tracing::debug!(%error, "an unfinished recording stays behind, and does not count");
        }
    }
}

fn lines<T: Serialize>(folder: &Folder, name: &str, all: &[T]) -> Result<(), RefError> {
    if all.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    for one in all {
        serde_json::to_writer(&mut lines, one)
            .map_err(|error| RefError::io("write", folder.path().join(name), error.into()))?;
        lines.push(b'\n');
    }
    atomic::replace_bytes(folder, name, &lines)
}

/// One output; its file is made at the first byte.
#[derive(Debug)]
struct Track {
    name: &'static str,
    file: Option<File>,
    bytes: u64,
    hasher: Hasher,
}

impl Track {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            file: None,
            bytes: 0,
            hasher: Hasher::new(),
        }
    }

    fn write(&mut self, folder: &Folder, chunk: &[u8]) -> Result<(), RefError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => folder.create(self.name)?,
        };
        file.write_all(chunk)
            .map_err(|error| RefError::io("write", folder.path().join(self.name), error))?;
        self.file = Some(file);
        self.bytes += chunk.len() as u64;
        self.hasher.add(chunk);
        Ok(())
    }

    fn close(&mut self, folder: &Folder) -> Result<Printed, RefError> {
        if let Some(file) = self.file.take() {
            file.sync_all()
                .map_err(|error| RefError::io("write", folder.path().join(self.name), error))?;
        }
        Ok(Printed {
            bytes: self.bytes,
            sha256: std::mem::take(&mut self.hasher).finish(),
        })
    }
}
