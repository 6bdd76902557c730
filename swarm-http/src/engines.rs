//! Where the agents of runs work. Whoever makes the daemon brings the engines along: neither the daemon nor its clients know containers.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::{
    Plan,
    ids::RunId,
    runtime::AgentRuntime,
    spec::ByteSize,
    supplies::{FoundFile, UserMachine},
};

use crate::Failure;

/// Which engine is wanted, and what is set for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// `auto`, `docker` or `process`.
    pub runtime: RuntimeKind,
    /// The socket or address of the engine; absent for the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_host: Option<String>,
    /// The image of agents whose kind has none.
    pub image: String,
    /// The images of kinds of agents.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Where programs are looked for that run without a container, as in `PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What kind of engine.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeKind {
    /// Containers if an engine answers, else processes.
    #[default]
    Auto,
    /// Containers.
    Docker,
    /// Processes, without isolation.
    Process,
}

/// Something that a person may want to know, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "level", content = "text", rename_all = "snake_case")]
pub enum Said {
    /// What goes on.
    Notice(String),
    /// What may be wrong.
    Warning(String),
}

/// Takes what is said.
pub type Tell = Arc<dyn Fn(Said) + Send + Sync>;

/// Connects to engines.
pub trait Engines: fmt::Debug + Send + Sync {
    /// The engine that is wanted. It is kept and used for many runs; `tell` is what it says things to from now on.
    fn connect(
        &self,
        wanted: EngineSettings,
        tell: Tell,
    ) -> BoxFuture<'_, Result<Arc<dyn Engine>, Failure>>;
}

/// Somewhere that agents work.
pub trait Engine: fmt::Debug + Send + Sync {
    /// The engine as the machine of plans knows it.
    fn runtime(&self) -> Arc<dyn AgentRuntime>;

    /// Keeps `ahead` containers started for the agents of `plan`, as far as that is possible.
    fn keep_warm(&self, run: &RunId, plan: &Plan, ahead: u8, max_output: ByteSize);

    /// Waits for what is under way, such as removals.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The machine of the user, seen from a folder of theirs.
#[derive(Debug)]
pub(crate) struct SeenFrom {
    pub(crate) machine: Arc<dyn UserMachine>,
    pub(crate) folder: PathBuf,
}

impl UserMachine for SeenFrom {
    fn variable(&self, name: &str) -> Option<String> {
        self.machine.variable(name)
    }

    fn file(&self, path: &Path) -> std::io::Result<Option<String>> {
        self.machine.file(path)
    }

    fn found_file(&self, path: &Path) -> std::io::Result<FoundFile> {
        self.machine.found_file(path)
    }

    fn home(&self) -> PathBuf {
        self.machine.home()
    }

    fn folder(&self) -> PathBuf {
        self.folder.clone()
    }
}
