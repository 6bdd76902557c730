//! What is written down of one agent, and of the whole.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    hash::Hasher,
    ids::{AgentId, RunId},
    outcome::ExitReason,
    refs::{ImageStamp, RefError},
    runtime::{AgentExit, RuntimeError},
};

use super::MAX_NOTE;
use crate::folder::Folder;

/// The version of the files of a recording. A change that an older reader cannot read counts it up.
pub(super) const VERSION: u32 = 1;

/// `recording.json`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: u32,
    /// The run that was recorded.
    pub(super) run: RunId,
    /// Where its agents ran.
    pub(super) runtime: String,
}

/// `exit.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) version: u32,
    pub(super) agent: AgentId,
    pub(super) asked: Asked,
    /// Its place among all beginnings and ends of agents.
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) end: Ended,
    pub(super) stdout: Printed,
    pub(super) stderr: Printed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<ImageStamp>,
    /// Whether it was told what it tried to reach, and what it claims.
    #[serde(default)]
    pub(super) egress: bool,
    #[serde(default)]
    pub(super) artifacts: bool,
}

/// What an agent was asked, as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Of what it read on stdin.
    pub(super) stdin: String,
    /// Of each part of its spec.
    pub(super) spec: BTreeMap<String, String>,
}

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Ended {
    /// As its runtime said.
    Exited { reason: ExitReason, seconds: f64 },
    /// It did not start, or got lost.
    Failed {
        exit: ExitReason,
        code: String,
        message: String,
    },
}

/// One output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Printed {
    pub(super) bytes: u64,
    /// SHA-256, in hex.
    pub(super) sha256: String,
}

impl Ended {
    /// What is written down of an end; `None` if it is no end of the agent, but trouble of ours.
    pub(super) fn of(ended: &Result<AgentExit, RuntimeError>, by_deadline: bool) -> Option<Self> {
        match ended {
            Ok(AgentExit { reason, duration }) => Some(Self::Exited {
                reason: match reason {
                    // A run that is told again may have another deadline, or none.
                    ExitReason::TimedOut { .. } if by_deadline => ExitReason::DeadlineExceeded,
                    reason => reason.clone(),
                },
                seconds: duration.as_secs_f64(),
            }),
            // The run waits for its engine, or for room, and asks again.
            Err(
                RuntimeError::EngineUnavailable { .. }
                | RuntimeError::Output(_)
                | RuntimeError::Storage { .. },
            ) => None,
            Err(error) => Some(Self::Failed {
                exit: error.exit_reason(),
                code: error.code().as_str().to_owned(),
                message: error.to_string(),
            }),
        }
    }

    /// Whether it was stopped from outside.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(
            self,
            Self::Exited {
                reason: ExitReason::Cancelled,
                ..
            }
        )
    }

    /// The end, told again.
    pub(super) fn retold(self) -> Result<AgentExit, RuntimeError> {
        match self {
            Self::Exited { reason, seconds } => Ok(AgentExit {
                reason,
                duration: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            }),
            Self::Failed {
                exit,
                code,
                message,
            } => Err(RuntimeError::Recorded {
                // Nothing that ended in this way may count as done.
                exit: if exit.is_success() {
                    ExitReason::Lost
                } else {
                    exit
                },
                code: ErrorCode::of(&code).unwrap_or(ErrorCode::AgentLost),
                message,
            }),
        }
    }
}

/// The file `name` in `folder`, understood; `None` if there is none.
pub(super) fn read_note<T: DeserializeOwned>(
    folder: &Folder,
    name: &str,
) -> Result<Option<T>, RefError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Some(file) = folder.read(name)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(MAX_NOTE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| RefError::io("read", folder.path().join(name), error))?;
    let bad = |problem: String| super::unusable(&folder.path().join(name), problem);
    if bytes.len() as u64 > MAX_NOTE {
        return Err(bad(format!("it has more than {MAX_NOTE} bytes")));
    }
    let version = serde_json::from_slice::<Versioned>(&bytes);
    match version {
        Ok(Versioned { version }) if version > VERSION => {
            return Err(bad(format!(
                "it has version {version}, and this swarm knows {VERSION}; use the version that wrote it"
            )));
        }
        _ => {}
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| bad(format!("it is damaged: {error}")))
}

/// Hashes all that `from` has.
pub(super) fn hash_all(mut from: impl io::Read) -> io::Result<String> {
    let mut hasher = Hasher::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.add(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
