//! The folder that the agents of a run share: it is the run's, and nothing in it is trusted.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::Path,
    time::Duration,
};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use swarm_core::{
    ids::{RefId, RunId},
    refs::{MemoryRefStore, RefStore as _},
};

use crate::support::{TestStore, id};

const DAY: Duration = Duration::from_hours(24);

fn run() -> RunId {
    "run".parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_run_has_one_shared_folder_which_is_private_and_lasts_as_long_as_the_run() {
    let store = TestStore::new();
    let shared = store.shared_folder(&run()).await.unwrap();
    assert_eq!(shared, store.home().join("runs/run/shared"));
    assert_eq!(shared, store.layout().shared(&run()));
    assert_eq!(
        (mode(&shared), mode(shared.parent().unwrap())),
        (0o700, 0o700)
    );
    fs::write(shared.join("note"), "one").unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o000)).unwrap();
    // Agents may do that to it; those that come later can use it nevertheless.
    assert_eq!(store.shared_folder(&run()).await.unwrap(), shared);
    assert_eq!(mode(&shared), 0o700);
    store.record("run/a", &[], "x").await;
    store.gc(DAY, |_| false).await.unwrap();
    assert_eq!(fs::read_to_string(shared.join("note")).unwrap(), "one");
    store.let_pass(2 * DAY);
    let collected = store.gc(DAY, |_| false).await.unwrap();
    // It is no record.
    assert_eq!((collected.runs, collected.records), (1, 1));
    assert!(!store.layout().run(&run()).exists());
}

#[tokio::test]
async fn it_is_no_result_and_nothing_can_be_found_under_its_name() {
    let store = TestStore::new();
    let shared = store.shared_folder(&run()).await.unwrap();
    let forged = store.record("run/a", &[], "x").await;
    let record = store.layout().record(&forged.id).join("result.json");
    fs::copy(record, shared.join("result.json")).unwrap();
    assert!("run/shared".parse::<RefId>().is_err());
    let listed: Vec<_> =
        futures_util::StreamExt::collect(store.list(swarm_refs::Filter::default())).await;
    let listed: Vec<RefId> = listed.into_iter().map(|found| found.unwrap().id).collect();
    assert_eq!(listed, [id("run/a")]);
}

#[tokio::test]
async fn something_else_in_its_place_is_refused_and_not_followed() {
    let store = TestStore::new();
    store.record("run/a", &[], "x").await;
    let elsewhere = store.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(elsewhere.join("precious"), "").unwrap();
    let shared = store.layout().shared(&run());
    for is_link in [true, false] {
        if is_link {
            symlink(&elsewhere, &shared).unwrap();
        } else {
            fs::write(&shared, "").unwrap();
        }
        let error = store.shared_folder(&run()).await.unwrap_err().to_string();
        assert!(error.contains("which is never followed"), "{error}");
        fs::remove_file(&shared).unwrap();
    }
    symlink(&elsewhere, &shared).unwrap();
    store.let_pass(2 * DAY);
    assert_eq!(store.gc(DAY, |_| false).await.unwrap().runs, 1);
    assert!(elsewhere.join("precious").exists());
    assert_eq!(mode(&elsewhere), 0o755);
}

#[tokio::test]
async fn whatever_agents_put_into_it_goes_with_the_run_and_what_it_leads_to_stays() {
    let store = TestStore::new();
    let elsewhere = store.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("precious"), "").unwrap();
    let shared = store.shared_folder(&run()).await.unwrap();
    symlink(&elsewhere, shared.join("link")).unwrap();
    symlink("link", shared.join("twice")).unwrap();
    let locked = shared.join("locked");
    fs::create_dir_all(locked.join("deeper/still")).unwrap();
    symlink(&elsewhere, locked.join("deeper/link")).unwrap();
    drop(UnixListener::bind(locked.join("socket")).unwrap());
    fs::write(locked.join("file"), "").unwrap();
    // The names that the removal would take.
    fs::create_dir(shared.join("moved-1")).unwrap();
    fs::write(shared.join("moved-1/file"), "").unwrap();
    symlink(&elsewhere, shared.join("moved-2")).unwrap();
    for folder in ["locked/deeper/still", "locked/deeper", "locked"] {
        fs::set_permissions(shared.join(folder), fs::Permissions::from_mode(0o0)).unwrap();
    }
    // Deeper than a path is long, or a process may hold folders open.
    let mut folder = openat(CWD, &shared, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..5000 {
        mkdirat(&folder, "d", Mode::RWXU).unwrap();
        folder = openat(&folder, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    store.let_pass(2 * DAY);
    assert_eq!(store.gc(DAY, |_| false).await.unwrap().runs, 1);
    assert!(!store.layout().run(&run()).exists());
    assert!(elsewhere.join("precious").exists());
}

#[tokio::test]
async fn what_is_shared_replaces_what_has_its_name_and_is_written_through_no_link() {
    let store = TestStore::new();
    let shared = store.shared_folder(&run()).await.unwrap();
    let elsewhere = store.dir.path().join("precious");
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, shared.join("notes.json")).unwrap();
    let run = run();
    for text in ["one", "two"] {
        store.share(&run, "notes.json", text.into()).await.unwrap();
        let notes = shared.join("notes.json");
        assert!(!notes.is_symlink());
        assert_eq!(fs::read_to_string(&notes).unwrap(), text);
        // For agents of another user.
        assert_eq!(mode(&notes), 0o644);
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    fs::create_dir(shared.join("folder")).unwrap();
    fs::write(shared.join("folder/file"), "").unwrap();
    store.share(&run, "folder", "x".into()).await.unwrap_err();
    for name in ["", ".", "..", "../a", "a/b", "/a", ".hidden"] {
        store.share(&run, name, "x".into()).await.unwrap_err();
    }
    // Nothing was left aside.
    let mut names: Vec<_> = fs::read_dir(&shared)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["folder", "notes.json"]);
}

#[tokio::test]
async fn a_run_that_somebody_drives_keeps_it() {
    let store = TestStore::new();
    let shared = store.shared_folder(&run()).await.unwrap();
    let lock = swarm_refs::RunLock::try_acquire(store.home(), &run()).unwrap();
    assert!(lock.is_some());
    store.let_pass(2 * DAY);
    store.gc(DAY, |_| false).await.unwrap();
    assert!(shared.exists());
}

#[tokio::test]
async fn a_store_without_files_has_none() {
    let error = MemoryRefStore::default().shared_folder(&run()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("not kept in files"), "{error}");
}
