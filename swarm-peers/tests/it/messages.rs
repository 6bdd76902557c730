//! Messages, and proof of where they are.

use swarm_peers::{
    About, Event, MessageId, PeerId, Rejection, Scope, Settings, Way,
    mailbox::Stage,
    peer, post,
    post::{Happened, Request},
};

use crate::village::{DAY, Village, join};

fn seen(up_to: u64) -> Request {
    Request::Seen {
        up_to: MessageId(up_to),
        way: Way::Inbox,
    }
}

fn injected(up_to: u64) -> Request {
    Request::Injected {
        up_to: MessageId(up_to),
        way: Way::Push,
    }
}

#[test]
fn a_message_waits_until_it_was_seen_however_often_it_is_looked_at() {
    let mut village = Village::of(&["ann", "bob"]);
    for text in ["one", "two", "three"] {
        village.send("ann", "bob", text).unwrap();
    }
    let stage = |village: &Village, id| {
        let bob = village.state.find("bob").unwrap();
        bob.mailbox.stage(MessageId(id))
    };
    assert_eq!(village.texts("bob"), ["one", "two", "three"]);
    assert_eq!(stage(&village, 1), Some(Stage::Stored));
    village.ask("bob", injected(2)).unwrap();
    assert_eq!(stage(&village, 2), Some(Stage::Injected));
    assert_eq!(stage(&village, 3), Some(Stage::Stored));
    assert_eq!(
        village.texts("bob"),
        ["one", "two", "three"],
        "the session may have died"
    );
    village.ask("bob", seen(2)).unwrap();
    assert_eq!(stage(&village, 2), None);
    assert_eq!(village.texts("bob"), ["three"]);
}

#[test]
fn a_confirmation_that_comes_again_or_late_changes_nothing() {
    let mut village = Village::of(&["ann", "bob"]);
    village.send("ann", "bob", "one").unwrap();
    village.send("ann", "bob", "two").unwrap();
    assert_eq!(village.ask("bob", seen(2)).unwrap().len(), 1);
    for late in [seen(2), seen(1), injected(1), injected(2)] {
        assert_eq!(village.ask("bob", late).unwrap().len(), 0);
    }
}

#[test]
fn nobody_confirms_what_was_not_sent_to_it() {
    let mut village = Village::of(&["ann", "bob", "cid"]);
    village.send("ann", "bob", "one").unwrap();
    for (who, what) in [("bob", seen(2)), ("bob", injected(9)), ("cid", seen(1))] {
        let refused = village.ask(who, what.clone());
        assert!(
            matches!(refused, Err(Rejection::NotSent { .. })),
            "{who} {what:?}"
        );
    }
    village.send("ann", "bob", "two").unwrap();
    assert_eq!(village.texts("bob"), ["one", "two"]);
}

#[test]
fn an_unknown_recipient_is_an_error_with_the_nearest_name() {
    let mut village = Village::of(&["ann", "bobby"]);
    let refused = village.send("ann", "boby", "hello").unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("did you mean `bobby`?"), "{text}");
    assert!(matches!(
        village.send("ann", "ann", "hello"),
        Err(Rejection::ToItself { .. })
    ));
    assert!(matches!(
        village.send("ann", "bobby", " \n"),
        Err(Rejection::Empty { .. })
    ));
}

#[test]
fn who_is_lost_or_has_left_gets_its_messages_later_and_no_broadcasts() {
    let mut village = Village::of(&["ann", "bob", "cid"]);
    village.ask("bob", peer::Request::Leave).unwrap();
    village.send("ann", "bob", "for you").unwrap();
    village
        .ask(
            "ann",
            Request::Broadcast {
                scope: Scope::Machine,
                text: "for all".to_owned(),
            },
        )
        .unwrap();
    assert_eq!(village.texts("bob"), ["for you"]);
    assert_eq!(village.texts("cid"), ["for all"]);
    assert!(village.texts("ann").is_empty(), "nobody hears itself");
    assert!(
        village.texts("user").is_empty(),
        "the person looks when it likes"
    );
}

#[test]
fn a_broadcast_reaches_whom_the_scope_of_its_sender_has_in_it() {
    let mut village = Village::of(&[]);
    for (id, cwd, repository) in [
        ("main", "/r", Some("/r/.git")),
        ("linked", "/r-fix", Some("/r/.git")),
        ("same", "/r", None),
        ("other", "/o", None),
    ] {
        let mut join = join(id, cwd);
        join.identity.repository = repository.map(str::to_owned);
        village
            .ask("user", peer::Request::Join(join.into()))
            .unwrap();
    }
    for (scope, expected) in [
        (Scope::Machine, vec!["linked", "other", "same"]),
        (Scope::Repo, vec!["linked"]),
        (Scope::Directory, vec!["same"]),
    ] {
        let text = "hello".to_owned();
        let events = village
            .ask("main", Request::Broadcast { scope, text })
            .unwrap();
        let Event::Post(Happened::Sent { to, .. }) = &events[0] else {
            panic!("{events:?}");
        };
        let to: Vec<&str> = to.iter().map(PeerId::as_str).collect();
        assert_eq!(to, expected, "{scope:?}");
    }
}

#[test]
fn an_answer_belongs_to_the_conversation_of_what_it_answers() {
    let mut village = Village::of(&["ann", "bob"]);
    village.send("ann", "bob", "question").unwrap();
    let answer = |to: &str, reply_to| Request::Send {
        to: to.to_owned(),
        text: "answer".to_owned(),
        reply_to: Some(MessageId(reply_to)),
        wants_action: false,
    };
    village.ask("bob", seen(1)).unwrap();
    village.ask("bob", answer("ann", 1)).unwrap();
    village.ask("ann", answer("bob", 2)).unwrap();
    let last = village.unseen("bob")[0];
    assert_eq!(
        (last.thread, last.reply_to),
        (MessageId(1), Some(MessageId(2)))
    );
    let refused = village.ask("bob", answer("ann", 77));
    assert!(
        matches!(refused, Err(Rejection::NotSent { .. })),
        "{refused:?}"
    );
}

#[test]
fn who_asks_for_it_learns_when_somebody_has_acted() {
    let mut village = Village::of(&["ann", "bob"]);
    village
        .ask(
            "ann",
            Request::Send {
                to: "bob".to_owned(),
                text: "do it".to_owned(),
                reply_to: None,
                wants_action: true,
            },
        )
        .unwrap();
    let acted = Request::Acted {
        message: MessageId(1),
    };
    village.ask("bob", seen(1)).unwrap();
    assert!(village.unseen("bob").is_empty());
    assert_eq!(village.ask("bob", acted.clone()).unwrap().len(), 1);
    assert_eq!(village.ask("bob", acted).unwrap().len(), 0);
}

#[test]
fn who_says_that_it_has_acted_before_it_has_seen_is_refused_and_may_say_it_again() {
    let mut village = Village::of(&["ann", "bob"]);
    let request = Request::Send {
        to: "bob".to_owned(),
        text: "do it".to_owned(),
        reply_to: None,
        wants_action: true,
    };
    village.ask("ann", request).unwrap();
    let acted = Request::Acted {
        message: MessageId(1),
    };
    let refused = village.ask("bob", acted.clone());
    assert!(
        matches!(refused, Err(Rejection::NotSeen { .. })),
        "{refused:?}"
    );
    village.ask("bob", seen(1)).unwrap();
    assert_eq!(village.ask("bob", acted).unwrap().len(), 1);
}

#[test]
fn a_message_may_be_confirmed_after_it_was_given_up() {
    for confirmation in [injected(1), seen(1)] {
        let mut village = Village::of(&["ann", "bob"]);
        village.send("ann", "bob", "one").unwrap();
        village.wait(DAY * 7);
        village.sweep(swarm_peers::Sweep::default());
        assert_eq!(village.state.dead_letters().count(), 1);
        village.ask("bob", confirmation).unwrap();
        assert!(village.ask("bob", seen(2)).is_err(), "that is for ann");
    }
}

#[test]
fn a_full_mailbox_refuses_one_message_and_leaves_a_broadcast_to_the_others() {
    let mut village = Village::new(Settings {
        max_waiting: 2,
        rate: None,
        ..Settings::default()
    });
    for id in ["ann", "bob", "cid"] {
        village.join(id).unwrap();
    }
    village.send("ann", "bob", "one").unwrap();
    village.send("ann", "bob", "two").unwrap();
    let refused = village.send("ann", "bob", "three");
    assert!(matches!(
        refused,
        Err(Rejection::MailboxFull { waiting: 2, .. })
    ));
    let scope = Scope::Machine;
    let text = "all".to_owned();
    village
        .ask("ann", Request::Broadcast { scope, text })
        .unwrap();
    assert_eq!(village.texts("cid"), ["all"]);
    assert_eq!(village.texts("bob"), ["one", "two"]);
    let dead: Vec<_> = village
        .state
        .dead_letters()
        .map(|d| (d.to.as_str(), d.message.text.as_str()))
        .collect();
    assert_eq!(
        dead,
        [("bob", "all")],
        "it is said, and not lost in silence"
    );
}

#[test]
fn dead_letters_do_not_fill_the_memory() {
    let mut village = Village::new(Settings {
        max_waiting: 1,
        rate: None,
        ..Settings::default()
    });
    for id in ["ann", "bob"] {
        village.join(id).unwrap();
    }
    village.send("ann", "bob", "one").unwrap();
    for n in 0..=post::MAX_DEAD {
        let (scope, text) = (Scope::Machine, n.to_string());
        village
            .ask("ann", Request::Broadcast { scope, text })
            .unwrap();
    }
    let dead: Vec<_> = village.state.dead_letters().collect();
    assert_eq!(dead.len(), post::MAX_DEAD);
    assert_eq!(dead[0].message.text, "1", "the oldest goes first");
}

#[test]
fn more_than_the_limit_in_a_minute_is_refused_and_says_for_how_long() {
    let mut village = Village::new(Settings {
        rate: Some(3),
        ..Settings::default()
    });
    village.join("ann").unwrap();
    village.join("bob").unwrap();
    for _ in 0..3 {
        village.send("ann", "bob", "hello").unwrap();
    }
    let refused = village.send("ann", "bob", "hello");
    assert!(matches!(
        refused,
        Err(Rejection::RateLimited { limit: 3, .. })
    ));
    village.send("bob", "ann", "somebody else may").unwrap();
    village.wait(std::time::Duration::from_mins(1));
    village.send("ann", "bob", "hello").unwrap();
}

#[test]
fn what_git_says_is_told_as_its_owner_found_it() {
    let mut village = Village::of(&["ann", "bob"]);
    let review = Request::Review {
        of: "bob".to_owned(),
        branch: "fix".to_owned(),
        changes: " a.rs | 2 +-".to_owned(),
    };
    village.ask("ann", review).unwrap();
    let status = Request::SyncStatus {
        scope: Scope::Machine,
        branch: "fix".to_owned(),
        commit: "abc Fix it".to_owned(),
        changes: " M a.rs\n?? b.rs\n".to_owned(),
    };
    village.ask("ann", status).unwrap();
    let about: Vec<&About> = village.unseen("bob").iter().map(|m| &m.about).collect();
    assert_eq!(
        about[0],
        &About::Review {
            branch: "fix".to_owned()
        }
    );
    assert!(matches!(about[1], About::GitStatus { changed: 2, .. }));
}
