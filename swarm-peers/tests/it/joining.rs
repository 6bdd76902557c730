//! Coming, going, and being somebody.

use swarm_peers::{
    Event, PeerId, Rejection, Settings,
    peer::{Connection, Happened, Presence, Request},
};

use crate::village::{Village, join, name};

#[test]
fn a_session_that_comes_back_has_its_id_its_name_and_its_mailbox() {
    let mut village = Village::of(&["ann", "bob"]);
    village
        .ask(
            "bob",
            Request::Rename {
                name: name("otter"),
            },
        )
        .unwrap();
    village.ask("bob", Request::Leave).unwrap();
    village.send("ann", "otter", "hello").unwrap();
    let mut again = join("another-id", "/elsewhere");
    again.identity.session = Some("session-of-bob".to_owned());
    again.credential = "new".to_owned();
    let events = village.ask("user", Request::Join(again.into())).unwrap();
    assert!(
        matches!(&events[..], [Event::Peer(Happened::CameBack { peer, .. })] if peer.as_str() == "bob")
    );
    let bob = village.state.find("otter").unwrap();
    assert_eq!(bob.id.as_str(), "bob");
    assert_eq!(bob.connection, Connection::Here);
    assert_eq!(bob.identity.cwd, "/elsewhere");
    assert_eq!(village.texts("bob"), ["hello"]);
}

#[test]
fn nobody_takes_the_place_of_a_session_that_is_connected_without_its_secret() {
    let mut village = Village::of(&["ann"]);
    let mut other = join("x", "/work");
    other.identity.session = Some("session-of-ann".to_owned());
    let refused = village.ask("user", Request::Join(other.clone().into()));
    assert_eq!(
        refused,
        Err(Rejection::AlreadyHere {
            peer: PeerId::new("ann").unwrap()
        })
    );
    other.former = Some("secret-of-ann".to_owned());
    other.credential = "new".to_owned();
    village.ask("user", Request::Join(other.into())).unwrap();
    assert_eq!(village.state.find("ann").unwrap().credential, "new");
}

#[test]
fn no_two_peers_are_called_the_same_and_nobody_is_called_like_the_id_of_another() {
    let mut village = Village::new(Settings::default());
    for (id, wanted) in [
        ("a", "otter"),
        ("b", "otter"),
        ("c", "otter"),
        ("d", "a"),
        ("e", "user"),
        ("f", "swarm"),
    ] {
        let mut join = join(id, "/work");
        join.name = Some(name(wanted));
        village.ask("user", Request::Join(join.into())).unwrap();
    }
    let names: Vec<&str> = village.state.peers().map(|p| p.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "otter", "otter-2", "otter-3", "a-2", "user-2", "swarm-2", "user"
        ]
    );
    let refused = village.ask(
        "b",
        Request::Rename {
            name: name("otter"),
        },
    );
    assert!(matches!(refused, Err(Rejection::NameTaken { .. })));
}

#[test]
fn ids_that_stand_for_somebody_are_given_to_nobody() {
    for id in ["user", "swarm"] {
        let refused = Village::new(Settings::default()).join(id);
        assert!(matches!(refused, Err(Rejection::IdTaken { .. })), "{id}");
    }
    let refused = Village::new(Settings::default()).ask("user", Request::Leave);
    assert_eq!(refused, Err(Rejection::UserStays));
}

#[test]
fn who_is_not_known_can_ask_for_nothing() {
    let mut village = Village::of(&["ann"]);
    assert!(matches!(
        village.send("stranger", "ann", "hello"),
        Err(Rejection::UnknownPeer { .. })
    ));
}

#[test]
fn nobody_acts_as_somebody_else_by_the_name_of_that_peer() {
    let mut village = Village::of(&["ann", "bob"]);
    village
        .ask(
            "ann",
            Request::Rename {
                name: name("otter"),
            },
        )
        .unwrap();
    let refused = village.send("otter", "bob", "I am ann");
    assert!(matches!(refused, Err(Rejection::UnknownPeer { .. })));
    assert!(village.ask("otter", Request::Leave).is_err());
    assert!(village.texts("bob").is_empty());
}

#[test]
fn what_does_not_change_anything_is_no_event() {
    let mut village = Village::of(&["ann"]);
    let busy = Request::SetPresence {
        presence: Presence::Busy,
    };
    assert_eq!(village.ask("ann", busy.clone()).unwrap().len(), 1);
    assert_eq!(village.ask("ann", busy).unwrap().len(), 0);
    village.ask("ann", Request::Leave).unwrap();
    assert_eq!(village.ask("ann", Request::Leave).unwrap().len(), 0);
}

#[test]
fn summaries_and_tags_have_limits() {
    let mut village = Village::of(&["ann"]);
    let summary = |n: usize| Request::SetSummary {
        summary: Some("ä".repeat(n)),
    };
    assert!(village.ask("ann", summary(1_000)).is_ok());
    assert!(matches!(
        village.ask("ann", summary(1_001)),
        Err(Rejection::TooLarge { .. })
    ));
    let tags = |tags: Vec<String>| Request::SetTags {
        tags: tags.into_iter().collect(),
    };
    assert!(village.ask("ann", tags(vec!["rust".to_owned()])).is_ok());
    assert!(village.ask("ann", tags(vec![" ".to_owned()])).is_err());
    assert!(
        village
            .ask("ann", tags((0..33).map(|n| n.to_string()).collect()))
            .is_err()
    );
    assert_eq!(village.state.find("ann").unwrap().tags.len(), 1);
}
