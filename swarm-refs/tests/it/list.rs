//! What there is can be gone through.

use std::{fs, time::Duration};

use futures_util::StreamExt as _;
use swarm_core::{
    outcome::ExitReason,
    refs::{Classification, Level, RefError, RefStore as _},
};
use swarm_refs::Filter;

use crate::support::{TestStore, ended, id};

async fn listed(store: &TestStore, filter: Filter) -> Vec<String> {
    let found = store
        .list(filter)
        .map(|found| found.unwrap().id.to_string());
    found.collect().await
}

/// Gives a path the time of change that lies `ago` back.
fn age(path: &std::path::Path, ago: u64) {
    let status = std::process::Command::new("touch")
        .args(["-d", &format!("{ago} seconds ago")])
        .arg(path)
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn the_newest_comes_first() {
    let store = TestStore::new();
    for (at, ago) in [("old/a", 50), ("old/b", 60), ("new/a", 20), ("new/b", 10)] {
        store.record(at, &[], "x").await;
        age(&store.file(&id(at), "result.json"), ago);
    }
    age(&store.layout().run(&"old".parse().unwrap()), 40);
    assert_eq!(
        listed(&store, Filter::default()).await,
        ["new/b", "new/a", "old/a", "old/b"]
    );
    // Changing a record does not make it newer.
    store
        .classify(&id("old/b"), Classification::default())
        .await
        .unwrap();
    store.encrypt(&id("new/a")).await.unwrap();
    assert_eq!(
        listed(&store, Filter::default()).await,
        ["new/b", "new/a", "old/a", "old/b"]
    );
}

#[tokio::test]
async fn only_what_is_wanted_is_listed() {
    let store = TestStore::new();
    store.record("run/good", &[], "x").await;
    store.record("other/secret", &[], "x").await;
    let secret = Classification {
        level: Level::Restricted,
        ..Classification::default()
    };
    store.classify(&id("other/secret"), secret).await.unwrap();
    let failed = store.begin("run/bad", &[]).await.unwrap();
    failed
        .finish(ended(ExitReason::Failed { code: 1 }))
        .await
        .unwrap();
    let _running = store.begin("run/running", &[]).await.unwrap();

    let sorted = async |filter| {
        let mut found = listed(&store, filter).await;
        found.sort();
        found
    };
    let all = Filter::default();
    assert_eq!(
        sorted(all.clone()).await,
        ["other/secret", "run/bad", "run/good"]
    );
    let run = Filter {
        run: Some("run".parse().unwrap()),
        ..all.clone()
    };
    assert_eq!(sorted(run).await, ["run/bad", "run/good"]);
    let level = |level| Filter {
        level: Some(level),
        ..all.clone()
    };
    assert_eq!(sorted(level(Level::Restricted)).await, ["other/secret"]);
    assert_eq!(sorted(level(Level::Public)).await, ["run/bad", "run/good"]);
    let succeeded = |succeeded| Filter {
        succeeded: Some(succeeded),
        ..all.clone()
    };
    assert_eq!(sorted(succeeded(false)).await, ["run/bad"]);
    assert_eq!(sorted(succeeded(true)).await, ["other/secret", "run/good"]);
    let nothing = Filter {
        run: Some("nobody".parse().unwrap()),
        ..all
    };
    assert_eq!(sorted(nothing).await, [""; 0]);
}

#[tokio::test]
async fn a_damaged_record_does_not_hide_the_others() {
    let store = TestStore::new();
    for i in 0..150 {
        store.record(&format!("run/agent-{i}"), &[], "x").await;
    }
    fs::write(store.file(&id("run/agent-70"), "result.json"), "{").unwrap();
    fs::write(
        store.layout().run(&"run".parse().unwrap()).join("stray"),
        "x",
    )
    .unwrap();
    fs::create_dir(store.layout().runs().join("..not-a-run")).unwrap();
    let found: Vec<_> = store.list(Filter::default()).collect().await;
    let damaged: Vec<_> = found
        .iter()
        .filter_map(|found| found.as_ref().err())
        .collect();
    assert_eq!(found.len(), 150);
    assert!(
        matches!(damaged.as_slice(), [RefError::Corrupt { id: at, .. }] if *at == id("run/agent-70")),
        "{damaged:?}"
    );
}

#[tokio::test]
async fn an_empty_store_lists_nothing() {
    let store = TestStore::new();
    assert_eq!(listed(&store, Filter::default()).await, [""; 0]);
    store.let_pass(Duration::from_secs(1));
}

#[tokio::test]
async fn a_record_that_is_larger_than_any_of_ours_is_damaged_and_says_how_large_it_may_be() {
    let store = TestStore::new();
    store.record("run/agent", &[], "x").await;
    let file = store.file(&id("run/agent"), "result.json");
    let file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.set_len((16 << 20) + 1).unwrap();
    let got = store.get(&id("run/agent")).await;
    let error = got.unwrap_err().to_string();
    assert!(
        error.contains("result.json has more than 16777216 bytes"),
        "{error}"
    );
}
