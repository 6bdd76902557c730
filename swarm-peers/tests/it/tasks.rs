//! Tasks.

use swarm_peers::{
    About, Rejection, TaskId,
    task::{Request, TaskState},
};

use crate::village::Village;

fn delegate(to: Option<&str>) -> Request {
    Request::Delegate {
        to: to.map(str::to_owned),
        description: "mend it".to_owned(),
        deadline: None,
    }
}

fn claim(n: u64) -> Request {
    Request::Claim { task: TaskId(n) }
}

fn complete(n: u64) -> Request {
    Request::Complete {
        task: TaskId(n),
        result: Some("mended".to_owned()),
    }
}

fn reject(n: u64) -> Request {
    Request::Reject {
        task: TaskId(n),
        reason: None,
    }
}

fn state(village: &Village, n: u64) -> TaskState {
    village
        .state
        .tasks()
        .find(|t| t.id == TaskId(n))
        .unwrap()
        .state
}

#[test]
fn both_sides_are_told_of_a_task_that_is_handed_over_claimed_and_completed() {
    let mut village = Village::of(&["ann", "bob"]);
    village.ask("ann", delegate(Some("bob"))).unwrap();
    assert!(matches!(
        village.unseen("bob")[0].about,
        About::Task {
            state: TaskState::Pending,
            ..
        }
    ));
    village.ask("bob", claim(1)).unwrap();
    assert_eq!(state(&village, 1), TaskState::InProgress);
    village.ask("bob", complete(1)).unwrap();
    assert_eq!(state(&village, 1), TaskState::Completed);
    assert_eq!(
        village.texts("ann"),
        [
            "Task 1 was taken by bob.",
            "Task 1 was completed by bob: mended"
        ]
    );
    assert_eq!(village.state.find("bob").unwrap().tally.tasks_completed, 1);
}

#[test]
fn only_the_parties_change_a_task() {
    let mut village = Village::of(&["ann", "bob", "cid"]);
    village.ask("ann", delegate(Some("bob"))).unwrap();
    for (who, what) in [
        ("cid", claim(1)),
        ("cid", complete(1)),
        ("cid", reject(1)),
        ("ann", claim(1)),
        ("ann", complete(1)),
        ("user", complete(1)),
    ] {
        let refused = village.ask(who, what.clone());
        assert!(
            matches!(refused, Err(Rejection::NotYours { .. })),
            "{who} {what:?}"
        );
    }
    village.ask("ann", reject(1)).unwrap();
    assert_eq!(state(&village, 1), TaskState::Rejected);
    assert_eq!(
        village.texts("bob").last(),
        Some(&"Task 1 was rejected by ann.")
    );
}

#[test]
fn of_many_who_claim_a_task_for_anybody_one_gets_it() {
    let mut village = Village::of(&["ann", "bob", "cid"]);
    village.ask("ann", delegate(None)).unwrap();
    assert_eq!(village.unseen("bob").len() + village.unseen("cid").len(), 2);
    assert!(matches!(
        village.ask("bob", complete(1)),
        Err(Rejection::TaskNotClaimed { .. })
    ));
    assert!(matches!(
        village.ask("ann", claim(1)),
        Err(Rejection::NotYours { .. })
    ));
    village.ask("cid", claim(1)).unwrap();
    let refused = village.ask("bob", claim(1)).unwrap_err();
    assert_eq!(refused.to_string(), "task 1 is not yours: cid is to do it");
    assert_eq!(
        village.ask("cid", claim(1)).unwrap().len(),
        0,
        "again changes nothing"
    );
}

#[test]
fn nothing_leads_back_from_a_closed_task() {
    let mut village = Village::of(&["ann", "bob"]);
    village.ask("ann", delegate(Some("bob"))).unwrap();
    village.ask("bob", complete(1)).unwrap();
    for (who, what) in [
        ("bob", claim(1)),
        ("bob", complete(1)),
        ("bob", reject(1)),
        ("ann", reject(1)),
    ] {
        let refused = village.ask(who, what).unwrap_err();
        assert_eq!(refused.to_string(), "task 1 is completed already");
    }
}

#[test]
fn a_task_for_nobody_known_is_refused() {
    let mut village = Village::of(&["ann"]);
    assert!(matches!(
        village.ask("ann", delegate(Some("bob"))),
        Err(Rejection::UnknownPeer { .. })
    ));
    assert_eq!(village.state.tasks().count(), 0);
    assert!(matches!(
        village.ask("ann", claim(7)),
        Err(Rejection::UnknownTask { .. })
    ));
}
