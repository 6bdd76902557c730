//! Snippets and files.

use swarm_peers::{
    FileId, Rejection, Settings, SnippetId,
    file::{self, Blob},
    snippet::{self, Content},
};

use crate::village::Village;

fn blob(size: u64) -> Blob {
    Blob {
        hash: "a1".repeat(32),
        size,
    }
}

fn file(name: &str, blob: Blob) -> file::Request {
    file::Request::Share {
        name: name.to_owned(),
        mime: "application/octet-stream".to_owned(),
        blob,
    }
}

#[test]
fn a_file_has_a_plain_name_a_true_hash_and_no_more_than_a_megabyte() {
    let mut village = Village::of(&["ann", "bob"]);
    village
        .ask("ann", file("a..b.bin", blob(1024 * 1024)))
        .unwrap();
    assert_eq!(
        village.texts("bob"),
        ["New file 1 from ann: a..b.bin (1048576 bytes)"]
    );
    for name in ["../x", "a/b", "..", "", "a\nb", "c:\\x"] {
        assert!(village.ask("ann", file(name, blob(1))).is_err(), "{name:?}");
    }
    let large = village.ask("ann", file("a", blob(1024 * 1024 + 1)));
    assert!(matches!(large, Err(Rejection::TooLarge { .. })));
    let mut bad = blob(1);
    bad.hash.pop();
    assert!(matches!(
        village.ask("ann", file("a", bad)),
        Err(Rejection::BadHash { .. })
    ));
}

#[test]
fn what_was_shared_is_taken_back_by_its_author_or_the_person() {
    let mut village = Village::of(&["ann", "bob"]);
    for _ in 0..2 {
        village.ask("ann", file("a", blob(1))).unwrap();
    }
    let remove = |n| file::Request::Remove { file: FileId(n) };
    assert!(matches!(
        village.ask("bob", remove(1)),
        Err(Rejection::NotYours { .. })
    ));
    village.ask("ann", remove(1)).unwrap();
    village.ask("user", remove(2)).unwrap();
    assert!(matches!(
        village.ask("user", remove(2)),
        Err(Rejection::UnknownFile { .. })
    ));
}

#[test]
fn a_long_snippet_is_kept_aside_and_there_are_only_so_many() {
    let mut village = Village::new(Settings {
        max_things: 2,
        ..Settings::default()
    });
    village.join("ann").unwrap();
    let share = |content| snippet::Request::Share {
        title: "t".to_owned(),
        language: "text".to_owned(),
        content,
    };
    let text = |n: usize| share(Content::Text("x".repeat(n)));
    assert!(matches!(
        village.ask("ann", text(4097)),
        Err(Rejection::TooLarge { .. })
    ));
    village.ask("ann", text(4096)).unwrap();
    village
        .ask("ann", share(Content::Blob(blob(5000))))
        .unwrap();
    assert!(matches!(
        village.ask("ann", text(1)),
        Err(Rejection::TooMany { .. })
    ));
    let remove = snippet::Request::Remove {
        snippet: SnippetId(1),
    };
    village.ask("ann", remove).unwrap();
    village.ask("ann", text(1)).unwrap();
    assert_eq!(
        village.state.snippets().last().unwrap().id,
        SnippetId(3),
        "no number is used twice"
    );
}
