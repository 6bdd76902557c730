//! Where everything is on disk.

use std::path::{Path, PathBuf};

use swarm_core::ids::{RefId, RunId, SHARED};

use crate::encrypt::Part;

/// Everything about a result; a result exists if and only if this file does.
pub(crate) const RESULT: &str = "result.json";
/// What the agent was told.
pub(crate) const PROMPT: &str = "prompt.txt";
/// The results that the prompt quotes; there is none if it quotes nothing.
pub(crate) const QUOTED: &str = "quoted.json";
/// The text, if it is not raw stdout and too long for `result.json`.
pub(crate) const ANSWER: &str = "answer.txt";
/// Raw stdout.
pub(crate) const STREAM: &str = "stream.jsonl";
/// Raw stderr.
pub(crate) const STDERR: &str = "stderr.log";
/// What the agent tried to reach, one host per line; there is none if its sandbox lists no hosts.
pub(crate) const EGRESS: &str = "egress.jsonl";
/// What the agent claims to have written, one call of a tool per line.
pub(crate) const ARTIFACTS: &str = "artifacts.jsonl";
/// What is known of an agent that was interrupted, until it is run again.
pub(crate) const INTERRUPTED: &str = "interrupted.json";
/// The text as somebody asked to read it.
pub(crate) const OUTPUT: &str = "output.md";
/// What an agent did, for a person.
pub(crate) const INSPECTION: &str = "inspect.md";
/// The contents of a folder that was brought in.
pub(crate) const FILES: &str = "files";
/// In the folder of the cache: what goes into every key.
pub(crate) const SECRET: &str = ".secret";
/// In a run's folder: held by the process that drives the run.
pub(crate) const LOCK: &str = ".lock";
/// In a run's folder: values of variables, while the run is open.
pub(crate) const VALUES: &str = "env.json";
/// In a run's folder: the folder that it is recorded in, elsewhere.
pub(crate) const RECORDED: &str = ".recorded";
/// In a run's folder: its removal has begun.
pub(crate) const REMOVING: &str = ".removing";
/// What is known by its hash.
pub(crate) const BLOBS: &str = "blobs";
/// How names of unfinished files end.
pub(crate) const ASIDE: &str = ".tmp";

/// The folders and files of a `SWARM_HOME`. The only place that knows them.
///
/// ```text
/// runs/<run>/.lock                 held while a process drives the run
/// runs/<run>/env.json              values of variables, while the run is open
/// runs/<run>/.recorded             the folder that it is recorded in, if it is
/// runs/<run>/<agent>/prompt.txt    what the agent was told
///                    quoted.json   the refs that the prompt quotes, if any
///                    stream.jsonl  raw stdout
///                    answer.txt    the text, if it is long and not raw stdout
///                    stderr.log    raw stderr
///                    egress.jsonl  what it tried to reach, if its sandbox lists hosts
///                    artifacts.jsonl  what it claims to have written, if its kind has a hook for that; nothing is decided by it
///                    result.json   the result, once there is one
///                    interrupted.json  instead of it, what an agent had done when it was interrupted, until it is run again
///                    output.md     the text, when somebody asked for it
///                    inspect.md    what the agent did, when somebody asked for it
///                    *.sealed      what was encrypted, instead of the above
/// runs/<run>/shared/               what the agents of the run share, if they do; theirs, and never followed
/// runs/wrapped/<id>/               what was brought in from outside; files/ if it was a folder
/// keys/<key id>                    keys, apart from what they open
/// cache/<key>                      the ref of a result that may be taken again by agents with the same work
/// blobs/<sha-256>                  files and long texts that sessions share
/// cache/.secret                    what makes these keys unreadable for others
/// ```
///
/// Folders are 0700 and files 0600, whatever the umask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    home: PathBuf,
}

impl Layout {
    /// The layout below `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The folder that holds everything.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder of all runs.
    pub fn runs(&self) -> PathBuf {
        self.home.join("runs")
    }

    /// The folder of what is known by its hash.
    pub fn blobs(&self) -> PathBuf {
        self.home.join(BLOBS)
    }

    /// The folder of one run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    /// The folder of one agent's record.
    pub fn record(&self, id: &RefId) -> PathBuf {
        self.run(&id.run).join(id.agent.as_str())
    }

    /// The folder that remembers which result came of which work.
    pub fn cache(&self) -> PathBuf {
        self.home.join("cache")
    }

    /// The folder that the agents of one run share. No agent has this name.
    pub fn shared(&self, run: &RunId) -> PathBuf {
        self.run(run).join(SHARED)
    }

    /// The folder of all keys.
    pub fn keys(&self) -> PathBuf {
        self.home.join("keys")
    }
}

/// The name of the sealed form of `part`.
pub(crate) const fn sealed(part: Part) -> &'static str {
    match part {
        Part::Text => "text.sealed",
        Part::Error => "error.sealed",
        Part::Words => "words.sealed",
        Part::Stream => "stream.jsonl.sealed",
        Part::Stderr => "stderr.log.sealed",
        Part::Egress => "egress.jsonl.sealed",
        Part::Artifacts => "artifacts.jsonl.sealed",
        Part::Files => "files.tar.sealed",
        Part::Prompt => "prompt.txt.sealed",
    }
}
