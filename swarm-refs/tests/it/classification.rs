//! How sensitive a result is follows what was made from it.

use proptest::prelude::*;
use swarm_core::{
    outcome::ExitReason,
    refs::{Classification, Level, Ref, RefError, RefStore as _},
};
use swarm_refs::{Audience, Check};

use crate::support::{TestStore, ended, id};

fn level(level: Level) -> Classification {
    Classification {
        level,
        ..Classification::default()
    }
}

fn level_of(found: &Ref) -> Level {
    found
        .stamps
        .classification
        .as_ref()
        .map_or(Level::Public, |c| c.level)
}

#[tokio::test]
async fn a_result_is_as_sensitive_as_what_it_was_made_from() {
    let store = TestStore::new();
    store.record("run/a", &[], "a").await;
    store.record("run/b", &[], "b").await;
    store
        .classify(&id("run/a"), level(Level::Internal))
        .await
        .unwrap();
    store
        .classify(&id("run/b"), level(Level::Confidential))
        .await
        .unwrap();
    let child = store.record("run/c", &["run/a", "run/b"], "c").await;
    assert_eq!(level_of(&child), Level::Confidential);
    let grandchild = store.record("other/d", &["run/c"], "d").await;
    assert_eq!(level_of(&grandchild), Level::Confidential);
    let written = serde_json::to_value(&grandchild).unwrap();
    assert_eq!(written["classification"]["level"], "confidential");
    assert_eq!(written["classification"]["level_numeric"], 2);
}

#[tokio::test]
async fn nothing_is_lowered_below_what_its_parents_impose() {
    let store = TestStore::new();
    store.record("run/a", &[], "a").await;
    let secret = Classification {
        denied_mcps: vec!["slack".to_owned()],
        ..level(Level::Restricted)
    };
    store.classify(&id("run/a"), secret.clone()).await.unwrap();
    store.record("run/b", &["run/a"], "b").await;
    let lowered = store
        .classify(&id("run/b"), level(Level::Public))
        .await
        .unwrap();
    assert_eq!(lowered.stamps.classification, Some(secret));
    // Also when the parent is gone.
    std::fs::remove_dir_all(store.layout().record(&id("run/a"))).unwrap();
    let lowered = store
        .classify(&id("run/b"), level(Level::Public))
        .await
        .unwrap();
    assert_eq!(level_of(&lowered), Level::Restricted);
    let slack = Check::Classification(Audience::Mcps(vec!["slack".to_owned()]));
    let refused = store.guard(&id("run/b"), &slack).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "MCP 'slack' denied for classification 'restricted'"
    );
}

#[tokio::test]
async fn what_was_made_before_is_raised_along() {
    let store = TestStore::new();
    store.record("run/a", &[], "a").await;
    store.record("run/b", &["run/a"], "b").await;
    store.record("other/c", &["run/b"], "c").await;
    store.record("other/unrelated", &[], "d").await;
    let running = store.begin("other/running", &["run/a"]).await.unwrap();
    store.encrypt(&id("other/c")).await.unwrap();
    store
        .classify(&id("run/a"), level(Level::Restricted))
        .await
        .unwrap();
    for child in ["run/b", "other/c"] {
        let found = store.get(&id(child)).await.unwrap();
        assert_eq!(level_of(&found), Level::Restricted, "{child}");
    }
    let ended = running.finish(ended(ExitReason::Completed)).await.unwrap();
    assert_eq!(
        level_of(&ended),
        Level::Restricted,
        "it ran in the meantime"
    );
    let unrelated = store.get(&id("other/unrelated")).await.unwrap();
    assert_eq!(level_of(&unrelated), Level::Public);
}

#[tokio::test]
async fn only_a_result_is_classified() {
    let store = TestStore::new();
    drop(store.begin("run/a", &[]).await.unwrap());
    let error = store
        .classify(&id("run/a"), level(Level::Internal))
        .await
        .unwrap_err();
    assert!(matches!(error, RefError::NotFound(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Agents that quote any of those before them, classified at any time, in any order.
    #[test]
    fn nobody_is_less_sensitive_than_an_ancestor(
        quoted in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 2..7),
        classified in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, any::<bool>()), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = TestStore::new();
            let mut parents: Vec<Vec<usize>> = Vec::new();
            let name = |i: usize| format!("run/agent-{i}");
            for (i, quoted) in quoted.iter().enumerate() {
                let of: Vec<usize> = quoted.iter().filter(|_| i > 0).map(|q| q.index(i.max(1))).collect();
                let names: Vec<String> = of.iter().map(|&p| name(p)).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                store.record(&name(i), &names, "x").await;
                parents.push(of);
                for (at, to, early) in &classified {
                    if *early && at.index(quoted.len().max(1)) == i {
                        store.classify(&id(&name(i)), level(Level::ALL[*to])).await.unwrap();
                    }
                }
            }
            for (at, to, _) in &classified {
                let at = id(&name(at.index(parents.len())));
                store.classify(&at, level(Level::ALL[*to])).await.unwrap();
            }
            for (i, of) in parents.iter().enumerate() {
                let own = level_of(&store.get(&id(&name(i))).await.unwrap());
                for &parent in of {
                    let above = level_of(&store.get(&id(&name(parent))).await.unwrap());
                    assert!(own >= above, "{} is {own}, but {} is {above}", name(i), name(parent));
                }
            }
        });
    }
}
