//! What time alone brings about.

use swarm_peers::{
    About, Event, PeerId, Settings, Sweep,
    peer::{self, Connection},
    post,
};

use crate::village::{DAY, Village};

fn id(id: &str) -> PeerId {
    PeerId::new(id).unwrap()
}

#[test]
fn only_a_change_is_an_event() {
    let mut village = Village::of(&["ann", "bob"]);
    let lost = Sweep {
        lost: vec![id("ann"), id("nobody"), id("user")],
        ..Sweep::default()
    };
    assert_eq!(village.sweep(lost.clone()).len(), 1);
    assert_eq!(village.sweep(lost).len(), 0);
    assert!(matches!(
        village.state.find("ann").unwrap().connection,
        Connection::Lost { .. }
    ));
    let found = Sweep {
        found: vec![id("ann"), id("bob")],
        ..Sweep::default()
    };
    assert_eq!(village.sweep(found).len(), 1);
    assert_eq!(
        village.state.find("ann").unwrap().connection,
        Connection::Here
    );
    let idle = Sweep {
        idle: vec![id("bob")],
        ..Sweep::default()
    };
    assert_eq!(village.sweep(idle.clone()).len(), 1);
    assert_eq!(village.sweep(idle).len(), 0);
}

#[test]
fn a_message_that_nobody_takes_becomes_a_dead_letter_and_its_sender_is_told() {
    let mut village = Village::of(&["ann", "bob"]);
    village.ask("bob", peer::Request::Leave).unwrap();
    village.send("ann", "bob", "important").unwrap();
    village.wait(DAY * 6);
    assert!(village.sweep(Sweep::default()).is_empty());
    village.wait(DAY * 2);
    village.sweep(Sweep::default());
    let dead: Vec<&str> = village
        .state
        .dead_letters()
        .map(|d| d.message.text.as_str())
        .collect();
    assert_eq!(dead, ["important"]);
    let told = village.unseen("ann")[0];
    assert!(matches!(&told.about, About::Undeliverable { to, .. } if to.as_str() == "bob"));
    assert_eq!(told.from.as_str(), "swarm");
}

#[test]
fn who_is_gone_for_long_is_forgotten_once_nothing_waits_for_it() {
    let mut village = Village::of(&["ann", "bob", "cid"]);
    village.send("ann", "bob", "hello").unwrap();
    village.ask("bob", peer::Request::Leave).unwrap();
    village.ask("cid", peer::Request::Leave).unwrap();
    village.wait(DAY * 8);
    village.sweep(Sweep::default());
    assert!(village.state.find("cid").is_err());
    assert!(
        village.state.find("bob").is_ok(),
        "its message was only just given up"
    );
    village.sweep(Sweep::default());
    assert!(village.state.find("bob").is_err());
    assert!(village.state.find("ann").is_ok());
}

#[test]
fn who_was_forgotten_is_not_told_that_its_message_was_given_up() {
    let mut village = Village::new(Settings {
        keep_waiting: DAY * 2,
        keep_done: DAY,
        ..Settings::default()
    });
    for id in ["ann", "bob"] {
        village.join(id).unwrap();
    }
    village.send("ann", "bob", "hello").unwrap();
    village.ask("ann", peer::Request::Leave).unwrap();
    village.wait(DAY);
    village.sweep(Sweep::default());
    assert!(village.state.find("ann").is_err());
    village.wait(DAY);
    let events = village.sweep(Sweep::default());
    assert!(
        matches!(
            &events[..],
            [Event::Post(post::Happened::Undeliverable { .. })]
        ),
        "{events:?}"
    );
}

#[test]
fn nobody_is_told_for_ever_that_it_could_not_be_told() {
    let mut village = Village::of(&["ann", "bob"]);
    village.send("ann", "bob", "hello").unwrap();
    village.ask("ann", peer::Request::Leave).unwrap();
    village.ask("bob", peer::Request::Leave).unwrap();
    for _ in 0..10 {
        village.wait(DAY * 8);
        village.sweep(Sweep::default());
    }
    assert_eq!(village.state.peers().count(), 1, "only the person is left");
    assert_eq!(village.state.dead_letters().count(), 0);
}
