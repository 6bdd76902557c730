//! Nobody else can read anything, whatever the umask.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, sync::Arc};

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    runtime::OutputStream::Stderr,
    time::SystemClock,
};
use swarm_refs::{FsRefStore, RefError};

use crate::support::{TestStore, ended, everything, id};

#[test]
fn files_and_folders_are_private_whatever_the_umask() {
    for umask in ["0000", "0022", "0777"] {
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("umask {umask} && exec \"$0\" \"$@\""))
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "permissions::everything_is_private", "--ignored"])
            .output()
            .unwrap();
        assert!(status.status.success(), "umask {umask}: {status:?}");
    }
}

/// Runs under the umask that it was started with.
#[tokio::test]
#[ignore = "started by the test above"]
async fn everything_is_private() {
    let store = TestStore::new();
    let long = "long ".repeat(30_000);
    store.record("run/first", &[], &long).await;
    let mut second = store.begin("run/second", &["run/first"]).await.unwrap();
    second.write(Stderr, b"talk").await.unwrap();
    let failed = ended(swarm_core::outcome::ExitReason::Failed { code: 1 });
    second.finish(failed).await.unwrap();
    store.record("run/third", &["run/first"], "short").await;
    store.unwrap(&id("run/third")).await.unwrap();
    store.inspect(&id("run/third")).await.unwrap();
    let outside = store.home().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(outside.join("a"), "a").unwrap();
    fs::set_permissions(outside.join("a"), fs::Permissions::from_mode(0o777)).unwrap();
    store.wrap(&outside).await.unwrap();
    fs::remove_dir_all(&outside).unwrap();
    store.encrypt(&id("run/third")).await.unwrap();
    let run = "run".parse().unwrap();
    let lock = swarm_refs::RunLock::try_acquire(store.home(), &run).unwrap();
    assert!(lock.is_some());

    let mut seen = 0;
    for path in everything(store.dir.path()) {
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{} has mode {mode:o}", path.display());
        seen += 1;
    }
    assert!(seen > 20, "only {seen} files were looked at");
}

#[test]
fn a_home_that_others_may_write_to_is_not_opened_and_nothing_is_put_there() {
    let dir = tempfile::tempdir().unwrap();
    let open = |mode| {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        FsRefStore::open(dir.path(), Arc::new(SystemClock))
    };
    for mode in [0o777, 0o1777, 0o720, 0o702] {
        let error = open(mode).unwrap_err();
        assert!(matches!(&error, RefError::UnsafeHome { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::Refused);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    open(0o755).unwrap();
}
