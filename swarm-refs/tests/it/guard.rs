//! Checks look at what is stored.

use std::fs;

use swarm_core::refs::RefStore as _;
use swarm_core::{
    money::Usd,
    outcome::ExitReason,
    refs::{BudgetStamp, Classification, Level, RefError},
};
use swarm_refs::{Audience, Check};

use crate::support::{TestStore, ended, id};

async fn failure(store: &TestStore, at: &str, check: Check) -> String {
    match store.guard(&id(at), &check).await {
        Err(RefError::GuardFailed(message)) => message,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_check_that_passes_returns_the_stored_result() {
    let store = TestStore::new();
    let made = store.record("run/a", &[], "text").await;
    for check in [
        Check::Exists,
        Check::Budget,
        Check::Encrypted { key_id: None },
        Check::Classification(Audience::Mcps(vec!["slack".to_owned()])),
        Check::Classification(Audience::UpTo(Level::Public)),
        Check::Integrity,
    ] {
        assert_eq!(store.guard(&id("run/a"), &check).await.unwrap(), made);
    }
}

#[tokio::test]
async fn what_does_not_exist_passes_no_check() {
    let store = TestStore::new();
    drop(store.begin("run/running", &[]).await.unwrap());
    for at in ["run/nobody", "run/running"] {
        assert_eq!(
            failure(&store, at, Check::Exists).await,
            format!("Ref does not exist: {at}")
        );
        for name in Check::NAMES.into_iter().filter(|&name| name != "exists") {
            let check = Check::parse(name, None).unwrap();
            let error = store.guard(&id(at), &check).await.unwrap_err();
            assert!(matches!(error, RefError::NotFound(_)), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn an_overspent_budget_is_noticed() {
    let store = TestStore::new();
    for (at, spent, limit, passes) in [
        ("run/a", 2_000_000, Some(1_500_000), false),
        ("run/b", 1_500_000, Some(1_500_000), true),
        ("run/c", 2_000_000, None, true),
    ] {
        let recording = store.begin(at, &[]).await.unwrap();
        let mut end = ended(ExitReason::Completed);
        let spent = Usd::from_micros(spent);
        let limit = limit.map(Usd::from_micros);
        end.stamps.budget = Some(BudgetStamp {
            step_cost: spent,
            spent_so_far: spent,
            remaining: limit.map(|limit| limit.saturating_sub(spent)),
            limit,
        });
        recording.finish(end).await.unwrap();
        assert_eq!(
            store.guard(&id(at), &Check::Budget).await.is_ok(),
            passes,
            "{at}"
        );
    }
    let message = failure(&store, "run/a", Check::Budget).await;
    assert_eq!(message, "Budget exceeded: spent $2.0000, limit $1.5000");
}

#[tokio::test]
async fn an_audience_that_may_not_see_it_is_refused() {
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    let internal = Classification {
        level: Level::Internal,
        allowed_mcps: Some(vec!["mail".to_owned()]),
        denied_mcps: vec!["slack".to_owned()],
    };
    store.classify(&id("run/a"), internal).await.unwrap();
    let mcps = |names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Check::Classification(Audience::Mcps(names))
    };
    assert!(store.guard(&id("run/a"), &mcps(&["mail"])).await.is_ok());
    assert_eq!(
        failure(&store, "run/a", mcps(&["mail", "slack"])).await,
        "MCP 'slack' denied for classification 'internal'"
    );
    assert_eq!(
        failure(&store, "run/a", mcps(&["web"])).await,
        "MCP 'web' not in allowed list for classification 'internal'"
    );
    let up_to = |level| Check::Classification(Audience::UpTo(level));
    assert!(
        store
            .guard(&id("run/a"), &up_to(Level::Internal))
            .await
            .is_ok()
    );
    let refused = failure(&store, "run/a", up_to(Level::Public)).await;
    assert!(
        refused.contains("'internal', which is above 'public'"),
        "{refused}"
    );
}

#[tokio::test]
async fn encrypted_means_not_encrypted_or_by_this_key() {
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    let refused = failure(&store, "run/a", Check::MustBeEncrypted).await;
    assert!(refused.contains("is not encrypted"), "{refused}");
    let key = store.encrypt(&id("run/a")).await.unwrap().key_id;
    assert!(
        store
            .guard(&id("run/a"), &Check::MustBeEncrypted)
            .await
            .is_ok()
    );
    let encrypted = |key_id: Option<&str>| Check::Encrypted {
        key_id: key_id.map(str::to_owned),
    };
    assert!(
        store
            .guard(&id("run/a"), &encrypted(Some(&key)))
            .await
            .is_ok()
    );
    for other in [None, Some("0123456789ab")] {
        let refused = failure(&store, "run/a", encrypted(other)).await;
        assert!(!refused.contains(&key), "the key id is shown: {refused}");
    }
    let unknown = store
        .guard(&id("run/a"), &Check::Integrity)
        .await
        .unwrap_err();
    assert!(matches!(unknown, RefError::Encrypted { .. }), "{unknown}");
}

#[tokio::test]
async fn nothing_is_validated_by_saying_so() {
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    let declared = Check::parse("validated", Some("code-review")).unwrap();
    let refused = failure(&store, "run/a", declared).await;
    assert_eq!(
        refused,
        "Ref not validated as 'code-review' (current: not validated)"
    );
}

#[tokio::test]
async fn a_change_of_the_text_or_of_its_origin_is_noticed() {
    let store = TestStore::new();
    store.record("run/parent", &[], "from here").await;
    store.record("run/small", &["run/parent"], "text").await;
    store
        .record("run/large", &["run/parent"], "x".repeat(100_000))
        .await;
    for at in ["run/parent", "run/small", "run/large"] {
        store.guard(&id(at), &Check::Integrity).await.unwrap();
    }
    let corrupt = async |at: &str| {
        let checked = store.guard(&id(at), &Check::Integrity).await;
        assert!(
            matches!(checked, Err(RefError::Corrupt { .. })),
            "{at}: {checked:?}"
        );
    };
    fs::write(
        store.file(&id("run/large"), "stream.jsonl"),
        "y".repeat(100_000),
    )
    .unwrap();
    corrupt("run/large").await;
    let record = store.file(&id("run/small"), "result.json");
    let genuine = fs::read_to_string(&record).unwrap();
    for (from, to) in [
        ("\"text\": \"text\"", "\"text\": \"tex7\""),
        ("\"spec_hash\": \"spec\"", "\"spec_hash\": \"spek\""),
        ("run/parent", "run/large"),
    ] {
        let forged = genuine.replace(from, to);
        assert_ne!(forged, genuine, "{from}");
        fs::write(&record, forged).unwrap();
        corrupt("run/small").await;
    }
    fs::write(&record, genuine).unwrap();
    fs::remove_dir_all(store.layout().record(&id("run/parent"))).unwrap();
    store
        .guard(&id("run/small"), &Check::Integrity)
        .await
        .unwrap();
    store.record("run/parent", &[], "from elsewhere").await;
    corrupt("run/small").await;
}

#[tokio::test]
async fn a_change_of_a_file_that_was_brought_in_is_noticed() {
    let store = TestStore::new();
    let outside = store.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a"), "one").unwrap();
    let at = store.wrap(&outside).await.unwrap().id;
    store.guard(&at, &Check::Integrity).await.unwrap();
    fs::write(store.file(&at, "files/a"), "two").unwrap();
    let changed = store.guard(&at, &Check::Integrity).await.unwrap_err();
    assert!(
        changed.to_string().contains("files were changed"),
        "{changed}"
    );
}
