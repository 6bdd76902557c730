//! Files and folders are brought in.

use std::{fs, os::unix::fs::symlink, process::Command};

use swarm_core::{
    money::Usd,
    refs::{RefError, RefStore as _},
};

use crate::support::{TestStore, id};

#[tokio::test]
async fn a_file_becomes_a_result() {
    let store = TestStore::new();
    let binary: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for (name, bytes) in [
        ("small.txt", b"small".to_vec()),
        ("empty", Vec::new()),
        ("binary", binary),
    ] {
        let path = store.dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let wrapped = store.wrap(&path).await.unwrap();
        assert_eq!(wrapped.source, path.display().to_string());
        let shown = serde_json::to_value(&wrapped).unwrap();
        assert_eq!(shown["ref"], wrapped.id.to_string());
        assert_eq!(wrapped.id.run.as_str(), "wrapped");
        assert_eq!(wrapped.id.agent.as_str().len(), 12);
        let found = store.get(&wrapped.id).await.unwrap();
        assert!(found.is_success());
        assert_eq!(
            (found.agent.as_str(), found.model.as_deref()),
            ("wrapped", Some("wrapped"))
        );
        assert_eq!(
            (found.cost_usd, found.size),
            (Some(Usd::ZERO), bytes.len() as u64)
        );
        assert!(store.text(&wrapped.id).await.unwrap().read().unwrap() == bytes);
        let record = fs::read_to_string(store.file(&wrapped.id, "result.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["source_path"], wrapped.source);
    }
}

#[tokio::test]
async fn what_was_brought_in_can_be_quoted() {
    let store = TestStore::new();
    let path = store.dir.path().join("notes");
    fs::write(&path, "notes").unwrap();
    let wrapped = store.wrap(&path).await.unwrap().id.to_string();
    let child = store.record("run/a", &[&wrapped], "x").await;
    assert_eq!(child.stamps.provenance.unwrap().parent_refs, [id(&wrapped)]);
    let prompt = fs::read_to_string(store.file(&id("run/a"), "prompt.txt")).unwrap();
    assert_eq!(prompt, "Do it. notes");
}

#[tokio::test]
async fn a_folder_becomes_a_list_with_its_files_beside_it() {
    let store = TestStore::new();
    let outside = store.dir.path().join("project");
    fs::create_dir_all(outside.join("src/empty")).unwrap();
    fs::write(outside.join("a.txt"), "hello").unwrap();
    fs::write(outside.join("src/raw.bin"), [0xff, 0, 0xfe]).unwrap();
    fs::write(outside.join("two\nlines"), "").unwrap();
    symlink("/etc/passwd", outside.join("link")).unwrap();
    let wrapped = store.wrap(&outside).await.unwrap();
    let text = store.text(&wrapped.id).await.unwrap().read().unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "Folder project\n\na.txt  5 bytes\nlink  symbolic link to /etc/passwd, not followed\nsrc/\nsrc/empty/\n\
         src/raw.bin  3 bytes\n\"two\\nlines\"  0 bytes\n\n3 files, 8 bytes\n"
    );
    assert_eq!(
        fs::read(store.file(&wrapped.id, "files/src/raw.bin")).unwrap(),
        [0xff, 0, 0xfe]
    );
    assert!(store.file(&wrapped.id, "files/src/empty").is_dir());
    assert!(!store.file(&wrapped.id, "files/link").is_symlink());
}

#[tokio::test]
async fn what_cannot_be_brought_in_leaves_nothing_behind() {
    let store = TestStore::new();
    let dir = store.dir.path();
    let pipe = dir.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let with_pipe = dir.join("with-pipe");
    fs::create_dir_all(with_pipe.join("below")).unwrap();
    fs::write(with_pipe.join("a"), "a").unwrap();
    fs::rename(&pipe, with_pipe.join("below/pipe")).unwrap();
    let deep = dir.join("very-deep");
    fs::create_dir_all(deep.join("d/".repeat(80))).unwrap();
    symlink("nowhere", dir.join("dangling")).unwrap();
    store.record("run/a", &[], "text").await;
    store.encrypt(&id("run/a")).await.unwrap();
    for (path, why) in [
        (dir.join("missing"), "no such file or folder"),
        (dir.join("dangling"), "no such file or folder"),
        (dir.join("with-pipe/a/b"), "Not a directory"),
        (with_pipe.join("below/pipe"), "a device, a socket or a pipe"),
        (with_pipe, "a device, a socket or a pipe"),
        ("/dev/null".into(), "a device, a socket or a pipe"),
        (deep, "folders deep"),
        (store.layout().keys(), "keys stay where they are"),
        (store.home().to_owned(), "the results or keys themselves"),
        (dir.to_owned(), "the results or keys themselves"),
        (store.layout().runs(), "the results or keys themselves"),
        (
            store.layout().runs().join("wrapped"),
            "the results or keys themselves",
        ),
    ] {
        let error = store.wrap(&path).await.unwrap_err();
        assert!(
            error.to_string().contains(why),
            "{}: {error}",
            path.display()
        );
        assert!(matches!(error, RefError::Invalid(_) | RefError::Io { .. }));
        let wrapped = store.layout().runs().join("wrapped");
        let left = fs::read_dir(&wrapped).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{} left something", path.display());
    }
}
