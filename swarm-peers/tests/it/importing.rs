//! Bringing things in from other systems.

use std::{collections::BTreeSet, time::Duration};

use swarm_core::time::Timestamp;
use swarm_peers::{
    PeerId, Place, Rejection, Sweep, TaskId,
    file::Blob,
    import::{Item, Key, Thing},
    peer::{Arrive, Connection, Presence, Request},
    task::TaskState,
};

use crate::village::{DAY, Village};

fn id(id: &str) -> PeerId {
    PeerId::new(id).unwrap()
}

fn item(number: u64, thing: Thing) -> Item {
    let key = Key::of(&[&number.to_string(), &format!("{thing:?}")]);
    Item { key, number, thing }
}

fn at(cwd: &str) -> Place {
    Place {
        host: "here".to_owned(),
        cwd: cwd.to_owned(),
        ..Place::default()
    }
}

fn peer(name: &str) -> Item {
    item(
        0,
        Thing::Peer {
            id: id(name),
            place: at(&format!("/{name}")),
            summary: "the parser".to_owned(),
            tags: BTreeSet::new(),
            presence: Presence::Busy,
            joined: Timestamp::from_millis(5),
        },
    )
}

fn message(number: u64, from: &str, to: &str, delivered: bool) -> Item {
    item(
        number,
        Thing::Message {
            from: id(from),
            to: id(to),
            text: format!("message {number}"),
            sent: Timestamp::from_millis(number),
            delivered,
        },
    )
}

fn task(number: u64, state: TaskState) -> Item {
    item(
        number,
        Thing::Task {
            from: id("a"),
            to: id("b"),
            description: "mend it".to_owned(),
            deadline: None,
            state,
            result: None,
            created: Timestamp::from_millis(number),
            updated: Timestamp::from_millis(number),
        },
    )
}

#[test]
fn what_is_brought_twice_is_there_once_and_waits_in_order_for_who_comes_back() {
    let mut village = Village::of(&["ann"]);
    let all = [
        peer("a"),
        peer("b"),
        message(7, "a", "b", false),
        message(8, "b", "a", true),
        message(9, "cli", "b", false),
        task(3, TaskState::InProgress),
    ];
    for item in &all {
        assert_eq!(
            village.ask("user", item.clone()).unwrap().len(),
            1,
            "{item:?}"
        );
    }
    for item in &all {
        assert_eq!(village.ask("user", item.clone()).unwrap().len(), 0);
    }
    assert_eq!(village.texts("b"), ["message 7", "message 9"]);
    assert!(village.texts("a").is_empty());
    let b = village.state.find("b").unwrap();
    assert!(matches!(b.connection, Connection::Left { .. }));
    assert_eq!((b.presence, b.tally.messages_received), (Presence::Busy, 2));
    assert_eq!(village.unseen("b")[0].id.0, 7, "its number was free");
    assert_eq!(village.state.tasks().next().unwrap().id, TaskId(3));
    let arrive = Arrive {
        id: id("new"),
        place: at("/b"),
        summary: String::new(),
        tags: BTreeSet::new(),
        replaces: Vec::new(),
    };
    village
        .ask("user", Request::Arrive(Box::new(arrive)))
        .unwrap();
    let b = village.state.find("b").unwrap();
    assert_eq!(b.connection, Connection::Here);
}

#[test]
fn what_is_old_is_kept_from_when_it_came() {
    let mut village = Village::of(&["ann"]);
    village.wait(100 * DAY);
    for item in [peer("a"), peer("b"), message(1, "a", "b", false)] {
        village.ask("user", item).unwrap();
    }
    village.ask("user", task(1, TaskState::Completed)).unwrap();
    village.wait(DAY);
    assert_eq!(village.sweep(Sweep::default()), []);
    village.wait(7 * DAY + Duration::from_secs(1));
    assert!(!village.sweep(Sweep::default()).is_empty());
    assert_eq!(village.state.tasks().count(), 0);
    assert_eq!(village.state.dead_letters().count(), 1);
}

#[test]
fn nothing_is_brought_in_the_name_of_who_shows_a_secret_or_by_anybody_but_the_person() {
    let mut village = Village::of(&["ann"]);
    village.ask("user", peer("b")).unwrap();
    for item in [
        message(1, "ann", "b", false),
        message(2, "user", "b", false),
        message(3, "swarm", "b", true),
        message(4, "b", "ann", false),
        peer("ann"),
        peer("user"),
    ] {
        let refused = village.ask("user", item.clone());
        assert!(
            matches!(refused, Err(Rejection::NeedsSecret { .. })),
            "{item:?}: {refused:?}"
        );
    }
    let unknown = village.ask("user", message(5, "b", "nobody", false));
    assert!(matches!(unknown, Err(Rejection::UnknownPeer { .. })));
    village
        .ask("user", message(6, "b", "nobody", true))
        .unwrap();
    let refused = village.ask("ann", message(7, "b", "b", false));
    assert!(matches!(refused, Err(Rejection::NotYours { .. })));
}

#[test]
fn numbers_that_are_taken_or_far_away_are_not_kept() {
    let mut village = Village::of(&["ann"]);
    for item in [peer("a"), peer("b")] {
        village.ask("user", item).unwrap();
    }
    for number in [u64::MAX, 1, 500, 2] {
        village
            .ask("user", message(number, "a", "b", false))
            .unwrap();
    }
    let numbers: Vec<u64> = village.unseen("b").iter().map(|m| m.id.0).collect();
    assert_eq!(numbers, [1, 2, 500, 501]);
    let file = |name: &str| {
        item(
            1,
            Thing::File {
                author: id("a"),
                name: name.to_owned(),
                mime: "text/plain".to_owned(),
                blob: Blob {
                    hash: "0".repeat(64),
                    size: 1,
                },
                created: Timestamp::from_millis(u64::MAX),
            },
        )
    };
    village.ask("user", file("a.txt")).unwrap();
    assert_eq!(village.state.files().next().unwrap().created, village.now);
    let refused = village.ask("user", file("../a"));
    assert!(matches!(refused, Err(Rejection::BadFileName { .. })));
}
