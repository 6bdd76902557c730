//! Alerts and pins.

use swarm_peers::{
    AlertId, PinId, Priority, Rejection, Scope,
    alert::{self, AlertTo},
    pin,
};

use crate::village::Village;

#[test]
fn who_was_alerted_takes_notice_and_nobody_else() {
    let mut village = Village::of(&["ann", "bob", "cid"]);
    let raise = |to| alert::Request::Raise {
        to,
        message: "the build is broken".to_owned(),
        priority: Priority::Critical,
    };
    village
        .ask("ann", raise(AlertTo::Peer("bob".to_owned())))
        .unwrap();
    let notice = alert::Request::Acknowledge { alert: AlertId(1) };
    assert!(matches!(
        village.ask("cid", notice.clone()),
        Err(Rejection::NotYours { .. })
    ));
    village.ask("bob", notice.clone()).unwrap();
    assert_eq!(village.ask("bob", notice).unwrap().len(), 0);
    let alert = village.state.alerts().next().unwrap();
    assert_eq!(alert.acknowledged.len(), 1);
    village
        .ask("ann", raise(AlertTo::Everybody(Scope::Machine)))
        .unwrap();
    assert_eq!(
        (village.unseen("bob").len(), village.unseen("cid").len()),
        (2, 1)
    );
}

#[test]
fn a_pin_is_taken_away_by_its_author_or_the_person() {
    let mut village = Village::of(&["ann", "bob"]);
    for content in ["one", "two"] {
        let content = content.to_owned();
        village.ask("ann", pin::Request::Pin { content }).unwrap();
    }
    assert_eq!(village.texts("bob"), ["one", "two"]);
    let unpin = |n| pin::Request::Unpin { pin: PinId(n) };
    assert!(matches!(
        village.ask("bob", unpin(1)),
        Err(Rejection::NotYours { .. })
    ));
    village.ask("ann", unpin(1)).unwrap();
    village.ask("user", unpin(2)).unwrap();
    assert!(matches!(
        village.ask("ann", unpin(1)),
        Err(Rejection::UnknownPin { .. })
    ));
    assert_eq!(village.state.pins().count(), 0);
}
