//! Texts are written out where a person can read them.

use std::fs;

use swarm_core::refs::RefError;

use crate::support::{TestStore, id};

#[tokio::test]
async fn the_whole_text_is_written_and_counted_in_characters() {
    let store = TestStore::new();
    let large = "grüße\n".repeat(50_000);
    store.record("run/small", &[], "grüße").await;
    store.record("run/large", &[], &large).await;
    store.record("run/empty", &[], "").await;
    for (at, text) in [
        ("run/small", "grüße"),
        ("run/large", large.as_str()),
        ("run/empty", ""),
    ] {
        let unwrapped = store.unwrap(&id(at)).await.unwrap();
        assert_eq!(unwrapped.file, store.file(&id(at), "output.md"));
        assert_eq!(fs::read_to_string(&unwrapped.file).unwrap(), text);
        assert_eq!(unwrapped.size, text.chars().count() as u64);
        let shown = serde_json::to_value(&unwrapped).unwrap();
        assert_eq!(shown["ref"], at);
    }
}

#[tokio::test]
async fn what_is_not_text_is_kept_as_bytes() {
    let store = TestStore::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    store.record("run/a", &[], &bytes).await;
    let unwrapped = store.unwrap(&id("run/a")).await.unwrap();
    assert_eq!(unwrapped.size, 100_000);
    assert!(fs::read(unwrapped.file).unwrap() == bytes);
}

#[tokio::test]
async fn an_output_is_written_again_and_never_read_back() {
    let store = TestStore::new();
    store.record("run/a", &[], "genuine").await;
    let file = store.unwrap(&id("run/a")).await.unwrap().file;
    fs::write(&file, "forged").unwrap();
    store.record("run/b", &["run/a"], "b").await;
    let prompt = fs::read_to_string(store.file(&id("run/b"), "prompt.txt")).unwrap();
    assert_eq!(prompt, "Do it. genuine");
    store.unwrap(&id("run/a")).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "genuine");
}

#[tokio::test]
async fn what_is_not_finished_is_not_unwrapped() {
    let store = TestStore::new();
    drop(store.begin("run/a", &[]).await.unwrap());
    for at in ["run/a", "run/nobody"] {
        let error = store.unwrap(&id(at)).await.unwrap_err();
        assert!(matches!(error, RefError::NotFound(_)), "{error}");
    }
}
