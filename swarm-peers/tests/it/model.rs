//! Every way in which three sessions, their programs and the daemon can go on together, within bounds: messages are handed over,
//! shown and confirmed in any order, and anything that can die dies at any moment.
//!
//! The decider is the real one. Around it are a daemon, which hands over in order what [`Mailbox::after`] says and has in memory how
//! far it got with each connection, and three sessions, which drop what they know by its number. What is asked at every step:
//! nothing that was sent is lost, a session is shown nothing twice and nothing out of order, the daemon believes of nobody more than
//! that has done, cursors and receipts go forward only, and from everywhere there is a way to where everything is delivered.
//!
//! [`Mailbox::after`]: swarm_peers::Mailbox::after
#![expect(
    clippy::indexing_slicing,
    reason = "a peer is its place in arrays of one length"
)]

mod action;
mod bounds;
mod census;
mod client;
mod daemon;
mod daemons;
mod ledger;
mod probe;
mod search;
mod world;

use bounds::{ANN, BOB, Bounds, CID, Limits, Resume, Sending, to, wanting};
use census::Census;
use search::explore;

use crate::village::DAY;

const fn limits(vanishes: u8, crashes: u8, silences: u8, days: u8) -> Limits {
    Limits {
        vanishes,
        crashes,
        silences,
        repeats: 1,
        days,
    }
}

#[expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "how much was explored is to be read, and a test fails by panicking"
)]
fn explored(bounds: &Bounds) -> Census {
    match explore(bounds) {
        Ok(census) => {
            println!("{census:?}");
            census
        }
        Err(wrong) => panic!("{wrong}"),
    }
}

#[test]
fn what_is_sent_arrives_once_and_in_order_whatever_dies_on_the_way() {
    let sendings = [to(ANN, BOB), to(ANN, BOB)];
    let met = explored(&Bounds::new(&sendings, &[BOB], limits(1, 1, 0, 0)));
    assert!(met.handed_again > 0 && met.repeats_dropped > 0);
    assert!(met.heard_already > 0);
}

#[test]
fn a_program_that_dies_twice_loses_nothing() {
    explored(&Bounds::new(&[to(ANN, BOB)], &[BOB], limits(2, 2, 1, 0)));
}

#[test]
fn two_senders_do_not_disturb_each_other() {
    let sendings = [to(ANN, BOB), to(CID, BOB), to(ANN, BOB)];
    explored(&Bounds::new(&sendings, &[BOB], limits(0, 0, 0, 0)));
}

#[test]
fn a_broadcast_and_an_answer_to_it_arrive() {
    let sendings = [
        Sending::Broadcast { from: ANN },
        Sending::Answer { from: BOB },
    ];
    explored(&Bounds::new(&sendings, &[BOB], limits(0, 0, 0, 0)));
}

#[test]
fn who_wants_to_know_learns_that_somebody_has_acted() {
    explored(&Bounds::new(
        &[wanting(ANN, BOB), wanting(ANN, BOB)],
        &[BOB],
        limits(0, 0, 0, 0),
    ));
    explored(&Bounds::new(
        &[wanting(ANN, BOB)],
        &[BOB],
        limits(1, 2, 0, 0),
    ));
}

#[test]
fn what_nobody_takes_in_time_is_a_dead_letter_also_if_it_is_confirmed_afterwards() {
    let met = explored(&Bounds::new(&[to(ANN, BOB)], &[BOB], limits(1, 0, 0, 2)));
    assert!(met.with_dead_letters > 0 && met.with_forgotten > 0);
}

#[test]
fn nobody_is_told_of_a_dead_letter_who_was_forgotten_meanwhile() {
    let mut bounds = Bounds::new(&[to(ANN, BOB)], &[ANN], limits(1, 0, 0, 2));
    bounds.settings.keep_waiting = DAY * 2;
    let met = explored(&bounds);
    assert!(met.with_dead_letters > 0 && met.with_forgotten > 0);
}

#[test]
fn who_has_no_room_gets_nothing_more_and_loses_nothing() {
    let mut bounds = Bounds::new(
        &[to(ANN, BOB), Sending::Broadcast { from: CID }],
        &[BOB],
        limits(0, 0, 0, 0),
    );
    bounds.settings.max_waiting = 1;
    assert!(explored(&bounds).with_dead_letters > 0);
}

#[test]
fn to_go_on_after_what_a_dead_program_took_would_lose_it() {
    let mut bounds = Bounds::new(&[to(ANN, BOB), to(ANN, BOB)], &[BOB], limits(1, 0, 0, 0));
    bounds.resume = Resume::Injected;
    let wrong = explore(&bounds).unwrap_err();
    assert!(wrong.to_string().contains("it is lost"), "{wrong}");
}

/// Wider bounds, each of which takes a quarter of a minute or more:
/// `cargo test -p swarm-peers --test it model::wide -- --ignored --nocapture`.
mod wide {
    use super::*;

    #[test]
    #[ignore = "wide"]
    fn two_senders_lose_nothing_when_a_program_dies() {
        let sendings = [to(ANN, BOB), to(CID, BOB), to(ANN, BOB)];
        explored(&Bounds::new(&sendings, &[BOB], limits(1, 0, 0, 0)));
    }

    #[test]
    #[ignore = "wide"]
    fn who_has_no_room_loses_nothing_when_the_daemon_dies() {
        let sendings = [to(ANN, BOB), Sending::Broadcast { from: CID }];
        let mut bounds = Bounds::new(&sendings, &[BOB], limits(0, 1, 0, 0));
        bounds.settings.max_waiting = 1;
        explored(&bounds);
    }

    #[test]
    #[ignore = "wide"]
    fn what_nobody_takes_in_time_is_a_dead_letter_whoever_of_both_is_gone() {
        let sendings = [wanting(ANN, BOB)];
        explored(&Bounds::new(&sendings, &[ANN, BOB], limits(1, 0, 0, 2)));
    }
}
