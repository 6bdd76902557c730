//! The folder of a recording. Blocks.

use std::path::Path;

use swarm_core::{
    ids::{AgentId, RunId},
    refs::RefError,
};

use super::{
    AGENTS, EXIT, MANIFEST,
    entry::{Entry, Manifest, VERSION, read_note},
    unusable,
};
use crate::{
    atomic,
    folder::{Folder, Kind},
    home::make_private,
    layout,
};

/// A recording whose folder is open.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) agents: Folder,
    /// What is known of each agent that can be told again.
    pub(super) known: Vec<Known>,
    /// The runtime that was recorded, as it is written down.
    pub(super) runtime: String,
}

/// When an agent began and ended, among all that did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) agent: AgentId,
    pub(super) began: u64,
    pub(super) ended: u64,
}

impl Tape {
    /// Opens the recording of `run` in the folder `path`, to go on with it.
    pub(super) fn reopen(path: &Path, run: &RunId) -> Result<Self, RefError> {
        let folder = open(path)?;
        match read_note::<Manifest>(&folder, MANIFEST)? {
            Some(manifest) if manifest.run == *run => {
                check_private(&folder)?;
                Self::open_agents(&folder, true, manifest.runtime)
            }
            found => {
                let has = found.map_or_else(
                    || "it has no recording".to_owned(),
                    |manifest| format!("it has the recording of run {}", manifest.run),
                );
                Err(unusable(
                    path,
                    format!(
                        "{has}; run {run} can only be recorded on in the folder in which its recording began"
                    ),
                ))
            }
        }
    }

    /// Opens the folder `path` for recording `run` from its beginning: one that is not there yet, or is empty but for an empty
    /// recording.
    pub(super) fn create(path: &Path, run: &RunId, runtime: &str) -> Result<Self, RefError> {
        make_private(path).map_err(|error| RefError::io("create", path, error))?;
        let folder = open(path)?;
        let found: Option<Manifest> = read_note(&folder, MANIFEST)?;
        let agents = folder.subfolder(AGENTS)?;
        let is_empty = match &agents {
            Some(agents) => agents.names()?.is_empty(),
            None => true,
        };
        match found {
            Some(manifest) if !is_empty => {
                return Err(unusable(
                    path,
                    format!(
                        "it has the recording of run {}; name another folder, or remove this one",
                        manifest.run
                    ),
                ));
            }
            Some(_) => {}
            None => {
                let is_ours = |name: &std::ffi::OsString| {
                    name == AGENTS || name.as_encoded_bytes().ends_with(layout::ASIDE.as_bytes())
                };
                if !is_empty || folder.names()?.iter().any(|name| !is_ours(name)) {
                    return Err(unusable(
                        path,
                        "there is something else in it; name a folder that is empty, or not there yet",
                    ));
                }
            }
        }
        check_private(&folder)?;
        let manifest = Manifest {
            version: VERSION,
            run: run.clone(),
            runtime: runtime.to_owned(),
        };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| RefError::io("write", path.join(MANIFEST), error.into()))?;
        folder.make(AGENTS)?;
        atomic::replace_bytes(&folder, MANIFEST, &text)?;
        Self::open_agents(&folder, true, manifest.runtime)
    }

    /// Opens the recording in `path` for reading.
    pub(super) fn open(path: &Path) -> Result<Self, RefError> {
        let folder = open(path)?;
        match read_note::<Manifest>(&folder, MANIFEST)? {
            Some(manifest) => Self::open_agents(&folder, false, manifest.runtime),
            None => Err(unusable(
                path,
                format!("it has no {MANIFEST}; `--record` makes such a folder"),
            )),
        }
    }

    fn open_agents(folder: &Folder, tidy: bool, runtime: String) -> Result<Self, RefError> {
        let agents = match folder.subfolder(AGENTS)? {
            Some(agents) => agents,
            None if tidy => folder.make(AGENTS)?,
            None => {
                return Err(unusable(
                    folder.path(),
                    format!("it has no folder {AGENTS}"),
                ));
            }
        };
        let mut known = Vec::new();
        for name in agents.names()? {
            if name.as_encoded_bytes().ends_with(layout::ASIDE.as_bytes()) {
                // Of a process that has died.
                if tidy {
                    agents.remove(&name)?;
                }
                continue;
            }
            let agent = name.to_str().and_then(|name| AgentId::new(name).ok());
            let (Some(agent), Some(Kind::Folder)) = (agent, agents.kind(&name)?) else {
                return Err(unusable(
                    &agents.path().join(&name),
                    "it is no folder of an agent; recordings hold nothing else, and no links",
                ));
            };
            // One that is damaged spoils only itself, when its turn comes.
            if let Ok(Some((_, entry))) = entry(&agents, &agent) {
                known.push(Known {
                    agent,
                    began: entry.began,
                    ended: entry.ended,
                });
            }
        }
        Ok(Self {
            agents,
            known,
            runtime,
        })
    }
}

/// The folder of an agent, and what is written down of it; `None` if it was not recorded.
pub(super) fn entry(agents: &Folder, agent: &AgentId) -> Result<Option<(Folder, Entry)>, RefError> {
    let Some(folder) = agents.subfolder(agent.as_str())? else {
        return Ok(None);
    };
    let Some(entry) = read_note::<Entry>(&folder, EXIT)? else {
        return Ok(None);
    };
    if entry.agent != *agent {
        return Err(unusable(
            &folder.path().join(EXIT),
            format!("it is about another agent, {}", entry.agent),
        ));
    }
    Ok(Some((folder, entry)))
}

/// Opens the folder at `path`. The path itself is what the user says, so that links in it count; below it none do.
fn open(path: &Path) -> Result<Folder, RefError> {
    let path = path
        .canonicalize()
        .map_err(|error| RefError::io("open", path, error))?;
    Folder::open(&path)
}

/// What is in the folder is private already; here nobody else may put something in its place.
fn check_private(folder: &Folder) -> Result<(), RefError> {
    use std::os::unix::fs::MetadataExt as _;
    let path = folder.path();
    let metadata = std::fs::metadata(path).map_err(|error| RefError::io("open", path, error))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(unusable(path, "it belongs to somebody else"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(unusable(
            path,
            format!(
                "others may write to it (mode {:04o}); take that away with `chmod go-w`, or name a folder that is not \
                 there yet",
                metadata.mode() & 0o7777
            ),
        ));
    }
    Ok(())
}
