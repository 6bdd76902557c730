//! What is known of each kind: the name of its image, and where its program comes from.

/// The image of command agents whose sandbox names none, unless the options say otherwise.
pub const DEFAULT_IMAGE: &str = "swarm-agent:latest";
/// What an image with a CLI is made from, unless somebody says otherwise: Debian with Node.
pub const DEFAULT_BASE: &str = "node:22-bookworm-slim";

/// The CLI of one kind of agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentCli {
    /// The kind.
    pub kind: &'static str,
    /// Its package on npm.
    pub package: &'static str,
    /// The program that agents of this kind start.
    pub program: &'static str,
    /// The version that is installed unless somebody says otherwise: the one that what we know of its flags and output was
    /// measured with.
    pub version: &'static str,
    /// What it says to `--version`, as a pattern of a shell.
    pub(crate) says: &'static str,
}

/// Says nothing of itself but its version.
const A_VERSION: &str = "[0-9]*.[0-9]*.[0-9]*";

/// Every kind with a CLI. The only place where versions are pinned.
const CLIS: [AgentCli; 4] = [
    cli(
        "claude",
        "@anthropic-ai/claude-code",
        "2.1.329",
        "*Claude Code*",
    ),
    cli(
        "codex",
        "@openai/codex",
        "0.169.0",
        "codex*[0-9]*.[0-9]*.[0-9]*",
    ),
    cli("gemini", "@google/gemini-cli", "0.61.0", A_VERSION),
    cli("opencode", "opencode-ai", "1.18.33", A_VERSION),
];

const fn cli(
    kind: &'static str,
    package: &'static str,
    version: &'static str,
    says: &'static str,
) -> AgentCli {
    AgentCli {
        kind,
        package,
        // They are called as their kind is.
        program: kind,
        version,
        says,
    }
}

impl AgentCli {
    /// Every kind with a CLI.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        CLIS.iter()
    }

    /// That of `kind`; `None` if it has none, as a command.
    pub fn of(kind: &str) -> Option<&'static Self> {
        CLIS.iter().find(|cli| cli.kind == kind)
    }
}

/// The image of agents of `kind` whose sandbox names none, unless the options say otherwise.
pub fn default_image(kind: &str) -> String {
    match AgentCli::of(kind) {
        Some(cli) => format!("swarm-agent-{}:latest", cli.kind),
        None => DEFAULT_IMAGE.to_owned(),
    }
}
