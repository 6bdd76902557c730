//! Where a session is, as git sees it. Git is run here, by the client, in its own folder; the daemon never does.
//!
//! The folder may have come from somebody else, with a configuration that names programs: a monitor of files, a pager, a program that
//! checks signatures, filters, those of a submodule, one that fetches what is missing. None of them is run.

use std::{path::Path, process::Stdio, time::Duration};

use swarm_peers::Identity;
use tokio::{process::Command, time::timeout};

/// How long git may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of an answer is taken, in bytes.
const MOST: usize = 60 * 1024;

/// Settings that name no program, whatever the repository says.
const QUIET: [(&str, &str); 4] = [
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("diff.external", ""),
    ("log.showSignature", "false"),
];

/// The branch; `None` if there is no git, no repository with a commit, or it takes too long.
pub async fn branch(folder: &Path) -> Option<String> {
    git(folder, &["rev-parse", "--abbrev-ref", "HEAD"], &[]).await
}

/// The last commit, in one line.
pub async fn last_commit(folder: &Path) -> Option<String> {
    git(folder, &["log", "--oneline", "-1"], &[]).await
}

/// What is not committed, one file in a line.
pub async fn uncommitted(folder: &Path) -> Option<String> {
    let off = filters_off(folder).await;
    let status = ["status", "--short", "--ignore-submodules=all"];
    git(folder, &status, &off).await
}

/// How much was changed since `commit`, file by file; `None` also if there is no such commit.
pub async fn changed_since(folder: &Path, commit: &str) -> Option<String> {
    if commit.starts_with('-') {
        return None;
    }
    let off = filters_off(folder).await;
    let diff = [
        "diff",
        "--stat",
        "--no-ext-diff",
        "--no-textconv",
        "--ignore-submodules=all",
        commit,
        "--",
    ];
    git(folder, &diff, &off).await
}

/// What turns off the filters that the repository itself defines; those of the user go on.
async fn filters_off(folder: &Path) -> Vec<(String, &'static str)> {
    let defined = ["config", "--null", "--show-scope", "--name-only"];
    let defined = [&defined[..], &["--get-regexp", r"^filter\."]].concat();
    let defined = git(folder, &defined, &[]).await.unwrap_or_default();
    // Scope and name in turns.
    let fields: Vec<&str> = defined.split('\0').collect();
    let own = fields.chunks_exact(2).filter_map(|pair| match pair {
        ["local" | "worktree", name] => Some(*name),
        _ => None,
    });
    own.map(|name| {
        let nothing = if name.ends_with(".required") {
            "false"
        } else {
            ""
        };
        (name.to_owned(), nothing)
    })
    .collect()
}

/// What `git` with `args` says in `folder`, with `settings` instead of those of the repository.
async fn git(folder: &Path, args: &[&str], settings: &[(String, &str)]) -> Option<String> {
    let quiet = QUIET.iter().copied();
    let settings = settings.iter().map(|(name, value)| (name.as_str(), *value));
    let settings: Vec<_> = quiet.chain(settings).collect();
    let mut command = Command::new("git");
    command
        .args(["--no-pager", "--no-optional-locks"])
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        // What a repository lacks could be fetched from where it says, by a program that it names.
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "")
        .env("GIT_CONFIG_COUNT", settings.len().to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for (n, (name, value)) in settings.iter().enumerate() {
        // Not as `-c name=value`: a name may have a "=" in it.
        command.env(format!("GIT_CONFIG_KEY_{n}"), name);
        command.env(format!("GIT_CONFIG_VALUE_{n}"), value);
    }
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    if !output.status.success() {
        return None;
    }
    let text = output.stdout.get(..output.stdout.len().min(MOST))?;
    Some(String::from_utf8_lossy(text).trim_end().to_owned())
}

/// Who a session in `cwd` is.
pub async fn identity(cwd: &Path, client: &str, session: Option<String>) -> Identity {
    let facts = [
        "rev-parse",
        "--path-format=absolute",
        "--show-toplevel",
        "--git-common-dir",
    ];
    let facts = git(cwd, &facts, &[]).await.unwrap_or_default();
    let mut lines = facts.lines().map(str::to_owned);
    Identity {
        client: client.to_owned(),
        host: host(),
        cwd: cwd.display().to_string(),
        session,
        worktree: lines.next(),
        repository: lines.next(),
        tty: None,
        pid: None,
    }
}

/// The name of this machine.
pub fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
