//! What always holds, whatever is asked for in whatever order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use swarm_core::decider::Decider as _;
use swarm_peers::{
    Event, MessageId, PeerId, Peers, Request, Scope, Settings, State, Sweep, TaskId, Way, peer,
    post, task, task::TaskState,
};

use crate::village::{Village, join, name};

const WHO: [&str; 3] = ["ann", "bob", "cid"];

fn who() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WHO[..])
}

/// Something that somebody asks for; `None` that time passes.
fn step() -> impl Strategy<Value = (&'static str, Option<Request>)> {
    let message = (0..40_u64).prop_map(MessageId);
    let request = prop_oneof![
        4 => (who(), "[a-z]{0,9}", prop::option::of(0..40_u64), any::<bool>()).prop_map(|(to, text, reply_to, wants_action)| {
            let (to, reply_to) = (to.to_owned(), reply_to.map(MessageId));
            Request::Post(post::Request::Send { to, text, reply_to, wants_action })
        }),
        1 => "[a-z]{1,9}".prop_map(|text| Request::Post(post::Request::Broadcast { scope: Scope::Machine, text })),
        3 => message.clone().prop_map(|up_to| Request::Post(post::Request::Injected { up_to, way: Way::Push })),
        3 => message.clone().prop_map(|up_to| Request::Post(post::Request::Seen { up_to, way: Way::Push })),
        1 => message.prop_map(|message| Request::Post(post::Request::Acted { message })),
        1 => prop::option::of(who()).prop_map(|to| {
            let to = to.map(str::to_owned);
            Request::Task(task::Request::Delegate { to, description: "d".to_owned(), deadline: None })
        }),
        2 => (0..5_u64, 0..3).prop_map(|(n, what)| {
            let task = TaskId(n);
            Request::Task(match what {
                0 => task::Request::Claim { task },
                1 => task::Request::Complete { task, result: None },
                _ => task::Request::Reject { task, reason: None },
            })
        }),
        1 => Just(Request::Peer(peer::Request::Leave)),
        1 => who().prop_map(|id| Request::Peer(peer::Request::Join(join(id, "/work").into()))),
        1 => prop::sample::select(&["otter", "ann", "bob"][..])
            .prop_map(|to| Request::Peer(peer::Request::Rename { name: name(to) })),
        1 => prop::collection::vec(who(), 0..3).prop_map(|ids| {
            let lost = ids.iter().map(|id| PeerId::new(id).unwrap()).collect();
            Request::Sweep(Sweep { lost, ..Sweep::default() })
        }),
    ];
    (who(), prop::option::weighted(0.9, request))
}

/// What became of each message for each of its recipients.
#[derive(Default)]
struct Ledger {
    owed: BTreeMap<PeerId, BTreeSet<MessageId>>,
}

impl Ledger {
    fn note(&mut self, event: &Event) {
        let Event::Post(happened) = event else {
            if let Event::Peer(peer::Happened::Forgotten { peer }) = event {
                let owed = self.owed.remove(peer).unwrap_or_default();
                assert!(owed.is_empty(), "{peer} was forgotten with {owed:?}");
            }
            return;
        };
        match happened {
            post::Happened::Sent { message, to } => {
                for to in to {
                    let owed = self.owed.entry(to.clone()).or_default();
                    assert!(
                        owed.last().is_none_or(|last| *last < message.id),
                        "out of order"
                    );
                    owed.insert(message.id);
                }
            }
            post::Happened::Seen { peer, up_to, .. } => {
                if let Some(owed) = self.owed.get_mut(peer) {
                    owed.retain(|id| id > up_to);
                }
            }
            post::Happened::Undeliverable { message, to } => {
                let owed = self.owed.get_mut(to).unwrap();
                assert!(owed.remove(message), "given up twice, or what was seen");
            }
            _ => {}
        }
    }

    /// Nothing but what is owed waits, and all of it does.
    fn check(&self, state: &State) {
        for peer in state.peers() {
            let waiting: Vec<MessageId> = peer.mailbox.unseen().map(|m| m.id).collect();
            let owed: Vec<MessageId> = self
                .owed
                .get(&peer.id)
                .into_iter()
                .flatten()
                .copied()
                .collect();
            assert_eq!(waiting, owed, "{}", peer.id);
            let bytes: usize = peer.mailbox.unseen().map(|m| m.text.len()).sum();
            assert_eq!(peer.mailbox.bytes(), bytes);
            assert!(peer.mailbox.seen() <= peer.mailbox.injected());
        }
    }
}

fn leads(from: Option<TaskState>, to: TaskState) -> bool {
    match from {
        None => to == TaskState::Pending,
        Some(TaskState::Pending) => true,
        Some(TaskState::InProgress) => to != TaskState::Pending,
        Some(closed) => to == closed,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_lost_or_doubled_and_the_events_are_all_there_is(steps in prop::collection::vec(step(), 0..80)) {
        let settings = Settings {
            rate: Some(10),
            max_waiting: 6,
            keep_waiting: Duration::from_secs(100),
            keep_done: Duration::from_secs(150),
            ..Settings::default()
        };
        let mut village = Village::new(settings);
        let mut ledger = Ledger::default();
        for id in WHO {
            village.join(id).unwrap();
        }
        let mut tasks: BTreeMap<TaskId, TaskState> = BTreeMap::new();
        let mut sent: Vec<(u64, PeerId)> = Vec::new();
        for (by, request) in steps {
            let Some(request) = request else {
                village.wait(Duration::from_secs(20));
                continue;
            };
            let before = village.state.clone();
            match village.ask(by, request) {
                Ok(events) => events.iter().for_each(|event| ledger.note(event)),
                Err(refused) => {
                    prop_assert_eq!(&village.state, &before, "{}", refused);
                    continue;
                }
            }
            ledger.check(&village.state);
            for task in village.state.tasks() {
                let from = tasks.insert(task.id, task.state);
                prop_assert!(leads(from, task.state), "{:?} to {:?}", from, task.state);
            }
            let names: BTreeSet<&str> = village.state.peers().map(|p| p.name.as_str()).collect();
            prop_assert_eq!(names.len(), village.state.peers().count());
            let now = village.now.seconds();
            let counted = village.log.iter().rev().take_while(|(at, _)| at.seconds() + 60 > now);
            sent.clear();
            sent.extend(counted.filter_map(|(at, event)| match event {
                Event::Post(post::Happened::Sent { message, .. })
                    if matches!(message.about, swarm_peers::About::Direct | swarm_peers::About::Broadcast { .. }) =>
                    Some((at.seconds(), message.from.clone())),
                _ => None,
            }));
            for who in WHO {
                let by_one = sent.iter().filter(|(_, from)| from.as_str() == who).count();
                prop_assert!(by_one <= 10, "{} sent {}", who, by_one);
            }
        }
        let mut again = State::default();
        for (at, event) in &village.log {
            Peers::evolve(&mut again, event, *at);
        }
        prop_assert_eq!(&again, &village.state);
        let written = serde_json::to_string(&village.state).unwrap();
        let read: State = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read, village.state);
    }
}
