//! Coming without a secret.

use std::collections::BTreeSet;

use swarm_peers::{
    PeerId, Place, Rejection,
    peer::{Arrive, Connection, Request, SHOWS_NOTHING},
};

use crate::village::{Village, join, name};

fn place(cwd: &str, pid: i64) -> Place {
    Place {
        host: "here".to_owned(),
        cwd: cwd.to_owned(),
        worktree: None,
        tty: Some("pts/1".to_owned()),
        pid: Some(pid),
    }
}

fn arrive(id: &str, place: Place) -> Request {
    Request::Arrive(Box::new(Arrive {
        id: PeerId::new(id).unwrap(),
        place,
        summary: String::new(),
        tags: BTreeSet::new(),
        replaces: Vec::new(),
    }))
}

fn appear(id: &str) -> Request {
    Request::Appear {
        id: PeerId::new(id).unwrap(),
        host: "here".to_owned(),
    }
}

#[test]
fn who_comes_to_the_place_where_somebody_was_is_it_again_and_who_is_there_stays() {
    let mut village = Village::of(&["ann"]);
    village.ask("user", arrive("a", place("/w", 1))).unwrap();
    // Another process beside it is another session; the same process is the same.
    village.ask("user", arrive("b", place("/w", 2))).unwrap();
    village.ask("user", arrive("c", place("/w", 1))).unwrap();
    assert!(village.state.find("c").is_err());
    village.ask("a", Request::Leave).unwrap();
    village.send("ann", "a", "while you were out").unwrap();
    village.ask("user", arrive("d", place("/w", 3))).unwrap();
    assert!(village.state.find("d").is_err());
    let back = village.state.find("a").unwrap();
    assert_eq!(back.connection, Connection::Here);
    assert_eq!(back.identity.pid, Some(3));
    assert_eq!(village.texts("a"), ["while you were out"]);
    // Somewhere else it is somebody else.
    village.ask("user", arrive("e", place("/v", 4))).unwrap();
    assert!(village.state.find("e").is_ok());
}

#[test]
fn nobody_becomes_one_who_shows_a_secret_without_it_nor_gets_a_secret_for_one_who_shows_none() {
    let mut village = Village::of(&["ann"]);
    village
        .ask(
            "ann",
            Request::Rename {
                name: name("otter123"),
            },
        )
        .unwrap();
    village.ask("ann", Request::Leave).unwrap();
    for id in ["ann", "user", "swarm"] {
        let refused = village.ask("user", appear(id));
        assert!(
            matches!(refused, Err(Rejection::NeedsSecret { .. })),
            "{id}: {refused:?}"
        );
        assert!(village.ask("user", arrive(id, place("/x", 9))).is_err());
    }
    // What is meant for who is called so does not go elsewhere.
    let squatter = village.ask("user", appear("otter123"));
    assert!(matches!(squatter, Err(Rejection::IdTaken { .. })));
    // The same place under a secret is somebody else, in both directions.
    village.ask("user", arrive("a", place("/w", 1))).unwrap();
    let known = village.state.find("a").unwrap().identity.clone();
    village.ask("a", Request::Leave).unwrap();
    let mut taking = join("x", "/w");
    taking.identity = known;
    taking.former = Some(SHOWS_NOTHING.to_owned());
    let refused = village.ask("user", Request::Join(taking.into()));
    assert!(matches!(refused, Err(Rejection::ShowsNothing { .. })));
    let mut first = join("y", "/v");
    village.ask("user", arrive("z", place("/v", 2))).unwrap();
    first.identity = village.state.find("z").unwrap().identity.clone();
    first.identity.session = Some("free".to_owned());
    village.ask("user", Request::Join(first.into())).unwrap();
    assert!(!village.state.find("y").unwrap().shows_nothing());
}

#[test]
fn who_says_that_it_is_somebody_unknown_is_that_from_then_on_and_comes_back_as_it() {
    let mut village = Village::of(&["ann"]);
    assert_eq!(village.ask("user", appear("cli")).unwrap().len(), 1);
    assert_eq!(village.ask("user", appear("cli")).unwrap().len(), 0);
    assert_eq!(village.ask("user", appear("abcd1234")).unwrap().len(), 1);
    village.send("ann", "cli", "an answer").unwrap();
    village.ask("cli", Request::Leave).unwrap();
    village.ask("user", appear("cli")).unwrap();
    assert_eq!(village.texts("cli"), ["an answer"]);
}

#[test]
fn a_process_that_comes_elsewhere_leaves_where_it_was_and_nobody_else_does() {
    let mut village = Village::of(&["ann"]);
    village.ask("user", arrive("a", place("/w", 1))).unwrap();
    village.ask("user", arrive("b", place("/v", 2))).unwrap();
    let moved = Arrive {
        id: PeerId::new("c").unwrap(),
        place: place("/u", 1),
        summary: "moved".to_owned(),
        tags: ["rust".to_owned(), " ".to_owned()].into(),
        replaces: ["a", "b", "ann", "user"]
            .map(|id| PeerId::new(id).unwrap())
            .into(),
    };
    village
        .ask("user", Request::Arrive(Box::new(moved)))
        .unwrap();
    let here = village.state.peers();
    let here: Vec<&str> = here
        .filter(|peer| peer.connection == Connection::Here)
        .map(|peer| peer.id.as_str())
        .collect();
    assert_eq!(here, ["ann", "b", "c", "user"]);
    let c = village.state.find("c").unwrap();
    assert_eq!(c.summary.as_deref(), Some("moved"));
    assert_eq!(c.tags, ["rust".to_owned()].into());
}
