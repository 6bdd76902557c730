//! Results of agents, passed around as small references while the text stays where it is.

mod check;
mod classification;
mod error;
mod memory;
mod stamps;

use std::path::PathBuf;

pub use check::{Audience, Check};
pub use classification::{Classification, Level};
pub use error::RefError;
pub(crate) use error::is_exhausted;
use futures_util::future::BoxFuture;
pub use memory::{MemoryRefStore, finished_ref};
use serde::{Deserialize, Serialize};
pub use stamps::{
    BudgetStamp, DeadlineStamp, EncryptionStamp, FindingStamp, ImageStamp, Judged, Provenance,
    RetryStamp, SearchStamp, Stamps, ValidatedStamp,
};

use crate::{
    content::Content,
    ids::{AgentId, RefId, RunId},
    money::Usd,
    outcome::ExitReason,
    prompt::Piece,
    runtime::OutputSink,
};

/// A finished result: everything about it but its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ref {
    /// Where it is kept.
    #[serde(rename = "ref")]
    pub id: RefId,
    /// The agent that made it.
    pub agent_id: AgentId,
    /// The kind of agent, or `wrapped` for what was brought in from outside.
    pub agent: String,
    /// The model that was asked, if any.
    pub model: Option<String>,
    /// Exit status; see [`ExitReason::exit_code`].
    pub exit_code: i32,
    /// Why the agent ended.
    pub exit: ExitReason,
    /// What a person needs to know if it did not complete.
    pub error: Option<String>,
    /// How long it ran, in seconds.
    pub duration_seconds: f64,
    /// What it cost in dollars; null if nobody can say.
    pub cost_usd: Option<Usd>,
    /// The size of its text in bytes.
    pub size: u64,
    /// The folder that holds its record, if it is kept in files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<String>,
    /// What else is known about it.
    #[serde(flatten)]
    pub stamps: Stamps,
}

impl Ref {
    /// Whether the agent did its task.
    pub fn is_success(&self) -> bool {
        self.exit.is_success()
    }
}

/// What is known about an agent before it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordHeader {
    /// Where the result will be kept.
    pub id: RefId,
    /// The kind of agent.
    pub agent: String,
    /// The model that will be asked, if any.
    pub model: Option<String>,
    /// Hash of what was asked for.
    pub spec_hash: String,
    /// The results whose text went into the prompt.
    pub parents: Vec<RefId>,
    /// How sensitive the result is at least, whatever its parents are.
    pub classification: Option<Classification>,
}

/// What is known once an agent has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordEnd {
    /// Why it ended.
    pub exit: ExitReason,
    /// What a person needs to know if it did not complete.
    pub error: Option<String>,
    /// What it cost.
    pub cost: Option<Usd>,
    /// How long it ran.
    pub duration: std::time::Duration,
    /// Its answer, if that is not what it printed on stdout.
    pub text: Option<String>,
    /// Attempt, budget and deadline. Provenance and classification are the store's to fill in.
    pub stamps: Stamps,
}

/// Keeps results. The text never passes through a reference.
///
/// A result exists from the moment [`Recording::finish`] has returned, survives the machine from then on
/// if the store is durable at all, and does not exist before. It never changes afterwards but for its
/// classification and encryption.
pub trait RefStore: Send + Sync + std::fmt::Debug {
    /// Opens the record of an agent that is about to start; `prompt` is written down as it is.
    ///
    /// Whatever an unfinished earlier attempt at the same record left behind is dropped.
    ///
    /// # Errors
    ///
    /// [`RefError::Exists`] if the record is finished, [`RefError::NotFound`] or [`RefError::Encrypted`] if a
    /// result that the prompt quotes cannot be read.
    fn begin(
        &self,
        header: RecordHeader,
        prompt: Vec<Piece>,
    ) -> BoxFuture<'_, Result<Box<dyn Recording>, RefError>>;

    /// Opens the record that a process which has died has left unfinished, with all that it holds; `None` if there is none.
    ///
    /// A store whose records do not outlive its process need not implement this.
    ///
    /// # Errors
    ///
    /// [`RefError::Exists`] if the record is finished, [`RefError::Busy`] if its agent is running.
    fn recover(&self, header: RecordHeader) -> BoxFuture<'_, Result<Option<Recovered>, RefError>> {
        drop(header);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The result kept under `id`.
    ///
    /// # Errors
    ///
    /// [`RefError::NotFound`] if there is none, also while its agent is running.
    fn get<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Ref, RefError>>;

    /// Puts a file into the folder that all agents of a run share, in place of what has its name there. Agents see all of it or nothing,
    /// and may change it. A store without files has no such folder, and does nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or an agent has made a folder of that name.
    fn share<'a>(
        &'a self,
        run: &'a RunId,
        name: &'a str,
        content: Content,
    ) -> BoxFuture<'a, Result<(), RefError>> {
        drop((run, name, content));
        Box::pin(std::future::ready(Ok(())))
    }

    /// Writes down what was judged of a result, in place of what was judged before. When this returns that is durable.
    ///
    /// # Errors
    ///
    /// [`RefError::NotFound`] if there is no such result.
    fn stamp<'a>(&'a self, id: &'a RefId, judged: Judged) -> BoxFuture<'a, Result<(), RefError>>;

    /// The result, if what is kept of it passes the check.
    ///
    /// # Errors
    ///
    /// [`RefError::GuardFailed`] if it does not pass.
    fn guard<'a>(&'a self, id: &'a RefId, check: &'a Check)
    -> BoxFuture<'a, Result<Ref, RefError>>;

    /// The text of the result kept under `id`.
    ///
    /// # Errors
    ///
    /// [`RefError::Encrypted`] if it was encrypted.
    fn text<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<Content, RefError>>;

    /// The folder that the agents of `run` share, made if there is none. It is kept as long as the run, whoever wrote to it.
    ///
    /// What agents put there is no result: it has no provenance and no classification, and is never encrypted.
    ///
    /// # Errors
    ///
    /// [`RefError::Invalid`] in a store that has no files, [`RefError::Io`] if it cannot be made, or something else is in its place.
    fn shared_folder<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<PathBuf, RefError>> {
        let _ = run;
        Box::pin(std::future::ready(Err(RefError::Invalid(
            "the agents of this run can share no folder: its results are not kept in files"
                .to_owned(),
        ))))
    }
}

/// A record that was left unfinished.
pub struct Recovered {
    /// The record, to be finished.
    pub recording: Box<dyn Recording>,
    /// What the agent had printed on stdout.
    pub stdout: Content,
    /// What was noted when the agent was interrupted, if it was.
    pub interrupted: Option<Box<Ref>>,
}

impl std::fmt::Debug for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recovered")
            .field("stdout", &self.stdout)
            .finish_non_exhaustive()
    }
}

/// The open record of a running agent. It receives the agent's output; the agent cannot reach it.
pub trait Recording: OutputSink {
    /// The prompt as it was written down, to be given to the agent.
    fn prompt(&self) -> Content;

    /// The last bytes of stderr, at most 4 KiB.
    fn stderr_tail(&self) -> String;

    /// Completes the record. When this returns the result is durable.
    fn finish(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<Ref, RefError>>;

    /// Leaves what is known of an agent that was interrupted and will be run again. That is no result, and lasts until the
    /// record is [begun](RefStore::begin) again.
    ///
    /// A store that only keeps results need not implement this.
    fn suspend(self: Box<Self>, end: RecordEnd) -> BoxFuture<'static, Result<(), RefError>> {
        drop(end);
        Box::pin(std::future::ready(Ok(())))
    }
}
