//! What agents printed, kept apart from their results, so that a run can be told again without running anything.
//!
//! [`RecordingRuntime`] writes down what the agents of another runtime print and how they end; [`ReplayRuntime`] tells that
//! again. Both are ordinary [`AgentRuntime`](swarm_core::runtime::AgentRuntime)s, so that prompts, budgets, transcripts, costs and
//! verdicts are worked out anew from what was printed, by the code that works them out otherwise.
//!
//! ```text
//! recording.json             which run this is
//! agents/<agent>/stdout      what it printed; there is none if it printed nothing
//!                stderr
//!                egress.jsonl     what it tried to reach, if its sandbox lists hosts
//!                artifacts.jsonl  what it claims to have written, if it does
//!                exit.json        what it was asked, as hashes, and how it ended
//! agents/.<agent>*.tmp       an agent that has not ended, or whose process has died; it does not count
//! ```
//!
//! An agent is known by its name in the run, which is the same after every restart, and is told again only if it is asked the
//! same: the same prompt and the same spec, of which values of variables are no part. Folders are 0700 and files 0600. Links are
//! not followed, sizes are limited by `max_output` and by the constants here, and nothing is read as a whole but small files.

mod compare;
mod entry;
mod order;
mod record;
mod reel;
mod replay;
mod tape;
mod whereabouts;

pub use record::RecordingRuntime;
pub use replay::ReplayRuntime;
use swarm_core::refs::RefError;
pub use whereabouts::{recording_of, remember_recording};

/// The file that makes a folder a recording.
const MANIFEST: &str = "recording.json";
/// The folder of all agents.
const AGENTS: &str = "agents";
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";
const EGRESS: &str = "egress.jsonl";
const ARTIFACTS: &str = "artifacts.jsonl";
/// What makes the folder of an agent one.
const EXIT: &str = "exit.json";

/// The largest `recording.json` or `exit.json`, in bytes.
const MAX_NOTE: u64 = 1 << 20;
/// The largest `egress.jsonl` or `artifacts.jsonl`, in bytes. That is more than any agent has.
const MAX_LINES: u64 = 64 << 20;

/// `path` is no recording, or cannot be used as one.
fn unusable(path: &std::path::Path, problem: impl Into<String>) -> RefError {
    RefError::UnusableRecording {
        path: path.display().to_string(),
        problem: problem.into(),
    }
}
