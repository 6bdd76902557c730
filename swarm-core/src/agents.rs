//! Kinds of agents: how each is started and what it may cost.

mod checks;
mod claude;
mod codex;
mod command;
#[cfg(test)]
mod conformance;
mod gemini;
#[cfg(test)]
mod golden;
mod hosts;
mod json;
pub(crate) mod lines;
mod mcp;
mod models;
mod opencode;
pub(crate) mod reset;
pub mod transcript;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use models::UnknownModel;
pub use transcript::{AgentEvent, Conclusion, Conversation, Onlooker, Transcript, Verdict};

use crate::{
    money::Usd,
    prices::PriceBook,
    spec::{Agent, AgentSpec, HostPattern, SpecError},
    suggest::nearest,
    supplies::{AccountSource, McpServer},
};

/// A program with its arguments and what it needs around it. `Debug` shows names only of what may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// Program and arguments; never empty. Everybody on the machine can read them, so no secret is among them.
    pub argv: Vec<String>,
    /// More arguments, each an option and the relative path of a file in the agent's `HOME`, whose place only the runtime
    /// knows.
    pub home_argv: Vec<(String, String)>,
    /// Variables besides those of the sandbox, which win.
    pub env: BTreeMap<String, String>,
    /// Files in the agent's `HOME`: relative path to content.
    pub home: BTreeMap<String, String>,
    /// Which of these files the agent shall not be able to change, as far as its runtime can see to that.
    pub read_only: BTreeSet<String>,
    /// Relative path of a file in the agent's `HOME` with [claims](crate::artifacts) of what it has written, which is read at
    /// its end; `None` if there is none.
    pub artifacts: Option<String>,
}

impl Invocation {
    /// A program that needs nothing around it.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Program and arguments where `HOME` is `home`.
    pub fn argv_in(&self, home: &str) -> Vec<String> {
        let more = self.home_argv.iter();
        let more = more.map(|(option, path)| format!("{option}={home}/{path}"));
        self.argv.iter().cloned().chain(more).collect()
    }

    /// Puts a file into the agent's `HOME`, if there is anything to put.
    pub(crate) fn put(&mut self, path: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.home.insert(path.to_owned(), text.clone());
        }
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.env.insert(name.to_owned(), value.into());
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("argv", &self.argv)
            .field("home_argv", &self.home_argv)
            .field("env", &self.env.keys())
            .field("home", &self.home.keys())
            .field("read_only", &self.read_only)
            .field("artifacts", &self.artifacts)
            .finish()
    }
}

/// One kind of agent. To add one, implement this in a file of its own and list it in `KINDS`.
pub trait AgentKind: Send + Sync {
    /// The name of the kind.
    fn name(&self) -> &'static str;

    /// Refuses what this kind cannot do, before anything runs.
    fn check(&self, spec: &AgentSpec) -> Result<(), SpecError>;

    /// What to start. It reads its prompt on stdin.
    fn invocation(&self, spec: &AgentSpec) -> Invocation;

    /// Where its account is found if `env_vars` has none; `None` if it needs none.
    fn account(&self, spec: &AgentSpec) -> Option<AccountSource> {
        let _ = spec;
        None
    }

    /// Variables with the address of a server, which must be one.
    fn addresses(&self) -> &'static [&'static str] {
        &[]
    }

    /// Refuses an MCP server as it is set up, in words that hold nothing of its values.
    fn check_server(&self, spec: &AgentSpec, server: &McpServer) -> Result<(), String> {
        let _ = (spec, server);
        Ok(())
    }

    /// Attaches MCP servers. They may hold secrets, so none of it goes into the arguments. Called only if `check` accepts
    /// `mcps`, and `check_server` each of these.
    fn attach(
        &self,
        spec: &AgentSpec,
        servers: &BTreeMap<&str, &McpServer>,
        invocation: &mut Invocation,
    ) {
        let _ = (spec, servers, invocation);
    }

    /// Reads what it prints; `None` if that is its answer as it is.
    fn transcript(&self) -> Option<Box<dyn Transcript>>;

    /// The most that one run can cost. This much must be left in the budget before it starts.
    fn worst_case(&self, spec: &AgentSpec) -> Usd {
        default_worst_case(spec)
    }

    /// What a run did cost if its transcript does not tell; `None` if nobody can say, and then the worst case counts.
    fn cost(&self, spec: &AgentSpec) -> Option<Usd> {
        let _ = spec;
        None
    }

    /// The hosts that the program needs when it is started so, for agents that may reach listed hosts only.
    fn hosts(&self, spec: &AgentSpec, invocation: &Invocation) -> Vec<HostPattern> {
        let _ = (spec, invocation);
        Vec::new()
    }

    /// Refuses a model that its program cannot know, unless `prices` list it. Is asked once, before the run starts.
    fn check_model(&self, spec: &AgentSpec, prices: &PriceBook) -> Result<(), UnknownModel> {
        let _ = (spec, prices);
        Ok(())
    }

    /// The model that is asked, if that is known before it runs.
    fn model(&self, spec: &AgentSpec) -> Option<String> {
        spec.sandbox.model.clone()
    }
}

/// Every kind that goes by its name alone.
const KINDS: [&dyn AgentKind; 4] = [
    &claude::Claude,
    &codex::Codex,
    &gemini::Gemini,
    &opencode::Opencode,
];

/// The names of the kinds that go by their name alone.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}

/// Linux starts no program with a longer argument, its NUL byte included.
const LONGEST_ARGUMENT: usize = 128 * 1024;

/// Refuses what no system would start.
pub(crate) fn check_length(invocation: &Invocation) -> Result<(), SpecError> {
    let too_long = |arg: &&String| arg.len() >= LONGEST_ARGUMENT;
    let Some(arg) = invocation.argv.iter().find(too_long) else {
        return Ok(());
    };
    // Of the argument only what it is, not the text.
    let name = match arg.split_once('=') {
        Some((option, _)) if option.starts_with("--") && option.len() < 40 => option,
        _ => "an argument",
    };
    Err(SpecError::shape(
        name,
        format!(
            "it has {} bytes, and a program takes {} at most in one argument; shorten it, or put the text into the prompt or \
             an input file",
            arg.len(),
            LONGEST_ARGUMENT - 1
        ),
    ))
}

/// Without a `max_budget`, half a cent for each second of its timeout, and ten cents at least.
fn default_worst_case(spec: &AgentSpec) -> Usd {
    const LEAST: u64 = 100_000;
    const PER_SECOND: u64 = 5000;
    spec.sandbox.max_budget.unwrap_or_else(|| {
        let seconds = spec.sandbox.timeout.as_secs();
        Usd::from_micros(seconds.saturating_mul(PER_SECOND).max(LEAST))
    })
}

/// The kind of `agent`.
pub fn kind_of(agent: &Agent) -> Result<&'static dyn AgentKind, SpecError> {
    match agent {
        Agent::Command(_) => Ok(&command::Command),
        Agent::Named(name) if name == "command" => Err(SpecError::shape(
            "agent \"command\"",
            "say which program: `--agent command -- PROGRAM ARGS` or {\"command\": [\"wc\", \"-l\"]}",
        )),
        Agent::Named(name) => {
            let known = || names().chain(["command"]);
            let kind = KINDS.iter().find(|kind| kind.name() == name);
            kind.copied().ok_or_else(|| SpecError::UnknownAgent {
                name: name.clone(),
                known: known().collect::<Vec<_>>().join(", "),
                suggestion: nearest(name, known()).map(str::to_owned),
            })
        }
    }
}
