//! The folder that agents of a run share.

use std::{borrow::Cow, path::PathBuf};

use super::RuntimeError;
use crate::spec::Sandbox;

/// Where agents find it, in every runtime that can put a folder anywhere, and what it is called in prompts and commands.
pub const SHARED_PATH: &str = "/shared";
/// The variable that names it for an agent, in every runtime.
pub const SHARED_VARIABLE: &str = "SWARM_SHARED";

/// The folder that agents of one run share, on the host. All of them read and write it, one after the other and side by side.
///
/// Whoever makes a job makes the folder, 0700, and keeps it: no runtime removes it, or anything in it. What is in it is as hostile as an
/// agent may be, symbolic links above all; nothing of swarm follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFolder {
    /// Absolute, and free of links.
    pub path: PathBuf,
}

/// Refuses a sandbox that puts something of its own where the shared folder is.
pub fn check_sharing(sandbox: &Sandbox) -> Result<(), RuntimeError> {
    let is_taken = |path: &str| {
        let parts = || path.split('/').filter(|part| !matches!(*part, "" | "."));
        // Whoever goes up again may come out anywhere.
        parts().next() == Some("shared") || parts().any(|part| part == "..")
    };
    let mounts = sandbox.mounts.iter();
    let mounts = mounts.map(|mount| ("mount on", mount.container_path.clone()));
    let files = sandbox.input_files.keys();
    let files = files.map(|path| ("input_files", sandbox.inside(path)));
    let workdir = [("workdir", sandbox.workdir.clone())];
    for (field, path) in mounts.chain(files).chain(workdir) {
        if is_taken(&path) {
            return Err(RuntimeError::Refused {
                field: format!("{field} {path:?}"),
                reason: format!(
                    "{SHARED_PATH} is the folder that the agents of the run share; use another path"
                ),
            });
        }
    }
    Ok(())
}

/// `text` with `folder` in the place of [`SHARED_PATH`], for agents that have the shared folder elsewhere.
///
/// Only the path itself is replaced, alone or with something below it: `/shared` and `/shared/x`, but not `/sharedx`, `/shared.txt`,
/// `a/shared`, `./shared` or `$HOME/shared`.
pub fn with_shared_at<'t>(text: &'t str, folder: &str) -> Cow<'t, str> {
    let mut replaced = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices(SHARED_PATH) {
        let end = at + SHARED_PATH.len();
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(belongs_before) || text.get(end..).is_some_and(goes_on) {
            continue;
        }
        replaced.push_str(text.get(copied..at).unwrap_or_default());
        replaced.push_str(folder);
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(replaced)
}

/// Whether a path that ends with `c` goes on with `/shared`.
fn belongs_before(c: char) -> bool {
    c.is_alphanumeric() || "/_-.~+@%)}]*?\\".contains(c)
}

/// Whether `rest` makes another name of the `/shared` ahead of it.
fn goes_on(rest: &str) -> bool {
    let mut rest = rest.chars();
    let is_of_name = |c: char| c.is_alphanumeric() || "_-~+@%${\\".contains(c);
    match rest.next() {
        // The end of a sentence is none of the name.
        Some('.') => rest.next().is_some_and(|c| is_of_name(c) || c == '.'),
        Some(c) => is_of_name(c),
        None => false,
    }
}

/// Whether a path can stand in the script of a shell as it is.
#[cfg(feature = "process")]
pub(crate) fn is_plain(path: &str) -> bool {
    path.chars()
        .all(|c| c.is_alphanumeric() || "/_-.+@%=:,".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::spec::SandboxSpec;

    fn replaced(text: &str) -> String {
        with_shared_at(text, "/HERE").into_owned()
    }

    #[test]
    fn the_path_is_replaced_alone_and_with_something_below_it() {
        for (text, result) in [
            ("/shared", "/HERE"),
            ("/shared/", "/HERE/"),
            ("/shared/a/shared", "/HERE/a/shared"),
            ("Write to `/shared/x`.", "Write to `/HERE/x`."),
            ("It is in /shared. Then", "It is in /HERE. Then"),
            ("(see /shared)", "(see /HERE)"),
            ("--out=/shared/x:/shared", "--out=/HERE/x:/HERE"),
            ("cat </shared/a >\"/shared/b\"", "cat </HERE/a >\"/HERE/b\""),
            ("/shared\n/shared,/shared;", "/HERE\n/HERE,/HERE;"),
            ("What is in /shared?", "What is in /HERE?"),
        ] {
            assert_eq!(replaced(text), result);
        }
    }

    #[test]
    fn another_path_stays() {
        for text in [
            "",
            "shared",
            "/sharedx",
            "/shared-x",
            "/shared_x",
            "/shared.txt",
            "/shared..",
            "/shared~",
            "/sharedé",
            "/shared$X",
            "/shared{a,b}",
            "/shared\\ x",
            "a/shared",
            "é/shared",
            "./shared",
            "../shared",
            "~/shared",
            "//shared",
            "https://shared/x",
            "file:///shared",
            "$HOME/shared",
            "${HOME}/shared",
            "$(pwd)/shared",
            "*/shared",
            "/Shared",
        ] {
            assert_eq!(replaced(text), text);
        }
    }

    #[test]
    fn what_a_sandbox_puts_in_its_place_is_refused() {
        let sandbox = |value: serde_json::Value| {
            let spec = SandboxSpec::from_json(value, "sandbox").unwrap();
            spec.resolve().unwrap()
        };
        let mount = |path: &str| json!({"mounts": [{"host_path": "/srv", "container_path": path}]});
        for taken in [
            mount("/shared"),
            mount("//shared/"),
            mount("/./shared/x"),
            json!({"input_files": {"/shared/x": ""}}),
            json!({"workdir": "/shared"}),
            json!({"workdir": "/shared/x"}),
        ] {
            let refused = check_sharing(&sandbox(taken.clone())).unwrap_err();
            assert!(
                refused.to_string().contains("the agents of the run share"),
                "{taken}: {refused}"
            );
        }
        // No file says so, but a program may.
        let mut up = sandbox(json!({}));
        up.workdir = "/../shared".to_owned();
        assert!(check_sharing(&up).is_err());
        for free in [
            json!({}),
            mount("/sharedx"),
            mount("/data/shared"),
            json!({"input_files": {"shared/x": "", "/data/shared": ""}}),
        ] {
            check_sharing(&sandbox(free)).unwrap();
        }
    }

    proptest! {
        #[test]
        fn nothing_else_changes_and_nothing_is_left_to_change(
            text in "(/shared|shared|/|[a-z .`\"$\n-]|\\PC){0,20}",
            folder in "/[a-z]{1,8}/runs/[0-9a-f]{4}/shared",
        ) {
            let once = with_shared_at(&text, &folder);
            prop_assert_eq!(with_shared_at(&once, &folder), once.as_ref());
            // Each place that was replaced is one where it stood.
            let pieces: Vec<&str> = once.split(folder.as_str()).collect();
            if !text.contains(&folder) {
                prop_assert_eq!(pieces.join(SHARED_PATH), text);
            }
        }

        #[test]
        fn a_text_without_it_stays(text in "[^s]{0,40}") {
            prop_assert_eq!(with_shared_at(&text, "/x"), text.as_str());
        }
    }
}
