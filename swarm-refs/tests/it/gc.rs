//! What is old goes, what is needed stays.

use std::{fs, time::Duration};

use swarm_core::{
    ids::RunId,
    refs::{RefError, RefStore as _},
};
use swarm_refs::{Check, Collected, RunLock};

use crate::support::{TestStore, id};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_run_in_which_nothing_happened_for_long_is_removed() {
    let store = TestStore::new();
    store.record("run/a", &[], "x".repeat(100_000)).await;
    drop(store.begin("run/died", &[]).await.unwrap());
    let file = store.dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let wrapped = store.wrap(&file).await.unwrap().id;
    assert_eq!(
        store.gc(DAY, |_| false).await.unwrap(),
        Collected::default()
    );
    store.get(&id("run/a")).await.unwrap();
    store.let_pass(2 * DAY);
    let collected = store.gc(DAY, |_| false).await.unwrap();
    assert_eq!((collected.runs, collected.records), (1, 3));
    for gone in [&id("run/a"), &wrapped] {
        let error = store.get(gone).await.unwrap_err();
        assert!(matches!(error, RefError::NotFound(_)), "{error}");
    }
    assert!(!store.layout().run(&"run".parse().unwrap()).exists());
    // The name is free again.
    store.record("run/a", &[], "new").await;
}

/// What is left of it looks young, because something has just happened there.
#[tokio::test]
async fn a_removal_that_was_cut_off_is_finished_by_the_next() {
    let store = TestStore::new();
    store.record("run/a", &[], "x").await;
    store.record("run/b", &[], "x").await;
    let run = store.layout().run(&"run".parse().unwrap());
    fs::write(run.join(".removing"), "").unwrap();
    let collected = store.gc(DAY, |_| false).await.unwrap();
    assert_eq!((collected.runs, collected.records), (1, 2));
    assert!(!run.exists());
}

#[tokio::test]
async fn a_live_run_is_left_alone() {
    let store = TestStore::new();
    for run in ["known", "driven", "running"] {
        store.record(&format!("{run}/a"), &[], "x").await;
    }
    let driven: RunId = "driven".parse().unwrap();
    let lock = RunLock::try_acquire(store.home(), &driven).unwrap();
    assert!(lock.is_some());
    let running = store.begin("running/b", &[]).await.unwrap();
    store.let_pass(2 * DAY);
    let known = |run: &RunId| run.as_str() == "known";
    assert_eq!(store.gc(DAY, known).await.unwrap(), Collected::default());
    drop((lock, running));
    let collected = store.gc(DAY, |_| false).await.unwrap();
    assert_eq!((collected.runs, collected.records), (3, 4));
}

#[tokio::test]
async fn a_key_goes_with_the_last_that_it_opens() {
    let store = TestStore::new();
    let keys = || fs::read_dir(store.layout().keys()).unwrap().count();
    store.record("old/a", &[], "a").await;
    store.record("old/b", &[], "b").await;
    store.encrypt(&id("old/b")).await.unwrap();
    store.let_pass(2 * DAY);
    // The younger run quotes the older one, so its prompt is sealed with the same key.
    let young: RunId = "young".parse().unwrap();
    store.record("young/c", &["old/a"], "c").await;
    let shared = store.encrypt(&id("old/a")).await.unwrap().key_id;
    assert_eq!(keys(), 2);
    let collected = store.gc(DAY, move |run| *run == young).await.unwrap();
    assert_eq!((collected.records, collected.keys), (2, 1));
    let mut prompt = Vec::new();
    let part = swarm_refs::Part::Prompt;
    store
        .decrypt_part(&id("young/c"), &shared, part, &mut prompt)
        .unwrap();
    assert_eq!(prompt, b"Do it. a");
    store
        .guard(&id("young/c"), &Check::Integrity)
        .await
        .unwrap();
    assert_eq!(store.gc(DAY, |_| false).await.unwrap().keys, 1);
    assert_eq!(keys(), 0);
}

#[tokio::test]
async fn no_key_is_removed_while_a_record_cannot_be_read() {
    let store = TestStore::new();
    store.record("run/a", &[], "a").await;
    let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
    fs::write(store.file(&id("run/a"), "result.json"), "{").unwrap();
    fs::write(store.file(&id("run/a"), "text.sealed"), "?").unwrap();
    assert_eq!(store.gc(DAY, |_| false).await.unwrap().keys, 0);
    assert!(store.layout().keys().join(key).exists());
}

#[tokio::test]
async fn leftovers_of_a_crash_are_removed() {
    let store = TestStore::new();
    store.record("run/a", &[], "a").await;
    for name in [".result.json.1-2.tmp", "text.sealed", "stderr.log.sealed"] {
        fs::write(store.file(&id("run/a"), name), "half").unwrap();
    }
    fs::write(store.layout().keys().join(".0123456789ab.1-2.tmp"), "half").unwrap();
    fs::write(store.layout().keys().join("0123456789ab"), "orphan").unwrap();
    let collected = store.gc(DAY, |_| false).await.unwrap();
    assert_eq!((collected.leftovers, collected.keys), (4, 1));
    store.guard(&id("run/a"), &Check::Integrity).await.unwrap();
}
