//! Where a session is, as git sees it. Git is run here, by the client, in its own folder; the daemon never does.

use std::{path::Path, process::Stdio, time::Duration};

use swarm_peers::Identity;
use tokio::{process::Command, time::timeout};

/// How long git may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of an answer is taken, in bytes.
const MOST: usize = 60 * 1024;

/// What `git` with `args` says in `folder`; `None` if there is no git, no repository, or it takes too long.
///
/// A repository may name programs that git is to run; those that reading could start are turned off.
pub async fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(["-c", "diff.external=", "--no-pager", "--no-optional-locks"])
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    if !output.status.success() {
        return None;
    }
    let text = output.stdout.get(..output.stdout.len().min(MOST))?;
    Some(String::from_utf8_lossy(text).trim_end().to_owned())
}

/// Who a session in `cwd` is.
pub async fn identity(cwd: &Path, client: &str, session: Option<String>) -> Identity {
    let facts = git(
        cwd,
        &[
            "rev-parse",
            "--path-format=absolute",
            "--show-toplevel",
            "--git-common-dir",
        ],
    );
    let facts = facts.await.unwrap_or_default();
    let mut lines = facts.lines().map(str::to_owned);
    Identity {
        client: client.to_owned(),
        host: host(),
        cwd: cwd.display().to_string(),
        session,
        worktree: lines.next(),
        repository: lines.next(),
        tty: None,
    }
}

/// The name of this machine.
pub fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
