//! Where the program is.

use std::path::PathBuf;

const VARIABLE: &str = "SWARM_TEST_CLAUDE";

/// The program on this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "a test binary has no other configuration"
)]
pub(super) fn claude() -> PathBuf {
    let Some(path) = std::env::var_os(VARIABLE) else {
        panic!(
            "{VARIABLE} names no Claude Code CLI; `scripts/test` fetches one, and CONTRIBUTING.md says how to do that \
             by hand. Without it: cargo nextest run -E 'not test(/^claude::/)'"
        );
    };
    let path = PathBuf::from(path);
    assert!(
        path.is_file() && path.is_absolute() && path.ends_with("claude"),
        "{VARIABLE}={} is not the absolute path of a program called `claude`",
        path.display()
    );
    path
}
