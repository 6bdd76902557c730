//! The programs themselves.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Runs an example, which is built along with the tests, and returns what it printed.
fn run(name: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let tests = std::env::current_exe().unwrap();
    let built = tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name);
    let ran = Command::new(&built)
        .arg(home.path().join("a folder"))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", built.display()));
    let said = String::from_utf8(ran.stdout).unwrap();
    let complained = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{complained}");
    assert_eq!(complained, "");
    let agents = home.path().join("a folder/agents");
    let left = std::fs::read_dir(agents).into_iter().flatten().count();
    assert_eq!(left, 0, "agents left something behind");
    said
}

macro_rules! programs {
    ($($name:ident says $words:literal)*) => {
        pub(crate) fn examples() -> Vec<&'static str> {
            vec![$(stringify!($name)),*]
        }
        $(
            #[test]
            fn $name() {
                let said = run(stringify!($name));
                assert!(said.contains($words), "{said}");
            }
        )*
    };
}

programs! {
    budget says "spent $0.5000 of $0.6000"
    map_reduce says "18 words in all"
    own_runtime says "agent-2: cannot start the agent: no function"
    quickstart says "/agent-2  "
    race says "agent-1 won:\napple\nbanana\ncherry"
    resume says "the first stage ran 1 time"
    two_peers says "alice sees: Seen"
}
