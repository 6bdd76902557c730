//! No name and no link leads out of the store.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::Command,
};

use swarm_core::{
    ids::RefId,
    refs::{Classification, RefError, RefStore as _},
};
use swarm_refs::{Check, RunLock};

use crate::support::{TestStore, id};

#[test]
fn a_ref_with_a_path_in_it_is_no_ref() {
    for bad in [
        "../x/y",
        "/etc/passwd",
        "run/../..",
        "run/a/b",
        "run",
        "run/",
        "/a",
        "./a",
        "run/.lock",
        "run/a\0b",
    ] {
        assert!(bad.parse::<RefId>().is_err(), "{bad:?} was accepted");
    }
}

#[tokio::test]
async fn a_key_id_with_a_path_in_it_opens_nothing() {
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    let sealed = store.encrypt(&id("run/a")).await.unwrap();
    let key = fs::read(store.layout().keys().join(&sealed.key_id)).unwrap();
    fs::write(store.home().join("stolen"), key).unwrap();
    for bad in ["../stolen", "", "/", "../keys/", "%2e%2e"] {
        let refused = store.decrypted("run/a", bad).await;
        assert!(
            matches!(refused, Err(RefError::WrongKey { .. })),
            "{bad:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_link_in_place_of_a_record_is_never_followed() {
    let store = TestStore::new();
    store.record("run/real", &[], "text").await;
    let elsewhere = store.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let genuine = fs::read_to_string(store.file(&id("run/real"), "result.json")).unwrap();
    let forged = genuine.replace("run/real", "run/link");
    fs::write(elsewhere.join("result.json"), &forged).unwrap();
    fs::write(elsewhere.join("prompt.txt"), "precious").unwrap();
    let link = store.layout().record(&id("run/link"));
    symlink(&elsewhere, &link).unwrap();

    let at = id("run/link");
    let corrupt = |error: &RefError| matches!(error, RefError::Corrupt { id, .. } if *id == at);
    let mut errors = vec![
        store.get(&at).await.unwrap_err(),
        store.text(&at).await.unwrap_err(),
        store.unwrap(&at).await.unwrap_err(),
        store.inspect(&at).await.unwrap_err(),
        store.encrypt(&at).await.unwrap_err(),
        store
            .classify(&at, Classification::default())
            .await
            .unwrap_err(),
        store.guard(&at, &Check::Exists).await.unwrap_err(),
    ];
    errors.extend(store.begin("run/link", &[]).await.err());
    errors.extend(store.begin("run/child", &["run/link"]).await.err());
    assert_eq!(errors.len(), 9);
    for error in errors {
        assert!(corrupt(&error), "{error}");
    }
    store
        .gc(std::time::Duration::ZERO, |_| false)
        .await
        .unwrap();
    assert!(!link.is_symlink());
    assert_eq!(
        fs::read_to_string(elsewhere.join("prompt.txt")).unwrap(),
        "precious"
    );
    assert_eq!(
        fs::read_to_string(elsewhere.join("result.json")).unwrap(),
        forged
    );
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 2);
}

#[tokio::test]
async fn a_link_or_pipe_in_place_of_a_file_is_never_opened() {
    let store = TestStore::new();
    let secret = store.dir.path().join("secret");
    fs::write(&secret, "s".repeat(200_000)).unwrap();
    for (agent, name) in [("a", "result.json"), ("b", "stream.jsonl")] {
        let at = id(&format!("run/{agent}"));
        store
            .record(&at.to_string(), &[], "x".repeat(200_000))
            .await;
        fs::remove_file(store.file(&at, name)).unwrap();
        symlink(&secret, store.file(&at, name)).unwrap();
        let error = store.text(&at).await.unwrap_err();
        assert!(matches!(error, RefError::Corrupt { .. }), "{name}: {error}");
        let error = store.unwrap(&at).await.unwrap_err();
        assert!(matches!(error, RefError::Corrupt { .. }), "{name}: {error}");
    }
    let at = id("run/c");
    store.record("run/c", &[], "text").await;
    fs::remove_file(store.file(&at, "result.json")).unwrap();
    let made = Command::new("mkfifo")
        .arg(store.file(&at, "result.json"))
        .status();
    assert!(made.unwrap().success());
    let error = store.get(&at).await.unwrap_err();
    assert!(matches!(error, RefError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_link_in_place_of_an_output_is_replaced_and_not_written_through() {
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    let victim = store.dir.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    for name in ["output.md", "inspect.md"] {
        symlink(&victim, store.file(&id("run/a"), name)).unwrap();
    }
    store.unwrap(&id("run/a")).await.unwrap();
    store.inspect(&id("run/a")).await.unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert!(!store.file(&id("run/a"), "output.md").is_symlink());
}

#[tokio::test]
async fn an_unfinished_record_is_cleared_without_following_links() {
    let store = TestStore::new();
    drop(store.begin("run/a", &[]).await.unwrap());
    let precious = store.dir.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "keep").unwrap();
    symlink(&precious, store.file(&id("run/a"), "stream.jsonl")).unwrap();
    store.record("run/a", &[], "text").await;
    assert_eq!(fs::read_to_string(precious.join("file")).unwrap(), "keep");
}

#[tokio::test]
async fn a_damaged_record_is_named() {
    let store = TestStore::new();
    store.record("run/a", &[], "text").await;
    store.record("run/b", &[], "x".repeat(100_000)).await;
    let record = store.file(&id("run/a"), "result.json");
    let genuine = fs::read_to_string(&record).unwrap();
    for damaged in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        genuine.replace("run/a", "run/other"),
        genuine.replace("\"text\": \"text\"", "\"text\": \"another\""),
        genuine.replace("\"text\": \"text\"", "\"text_file\": \"../../x\""),
        genuine.replace("\"text\": \"text\"", "\"text\": null"),
        " ".repeat(17 * 1024 * 1024),
    ] {
        fs::write(&record, &damaged).unwrap();
        let error = store.get(&id("run/a")).await.unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.contains("run/a") && shown.contains("damaged"),
            "{shown}"
        );
        assert!(matches!(error, RefError::Corrupt { .. }));
    }
    let stream = store.file(&id("run/b"), "stream.jsonl");
    fs::write(&stream, "cut").unwrap();
    let error = store.text(&id("run/b")).await.unwrap_err().to_string();
    assert!(
        error.contains("run/b") && error.contains("3 bytes instead of 100000"),
        "{error}"
    );
    fs::remove_file(&stream).unwrap();
    let error = store.text(&id("run/b")).await.unwrap_err();
    assert!(matches!(error, RefError::Corrupt { .. }), "{error}");
}

#[test]
fn a_link_in_place_of_a_lock_is_never_followed() {
    let store = TestStore::new();
    let run = "run".parse().unwrap();
    drop(RunLock::try_acquire(store.home(), &run).unwrap());
    let victim = store.dir.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o644)).unwrap();
    let lock = store.layout().run(&run).join(".lock");
    fs::remove_file(&lock).unwrap();
    symlink(&victim, &lock).unwrap();
    assert!(RunLock::try_acquire(store.home(), &run).is_err());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}
