//! The keeper of a state: what it tells is in the log, and what is in the log it tells.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use swarm_core::{
    decider::Decider,
    journal::{
        EventLog as _, Journal, Journaled, Keeper, LogError, MemoryEventLog, Refused, Sequence,
        SnapshotLog, StreamId,
    },
    testing::clock::ManualClock,
    time::Timestamp,
};
use tokio::task::JoinSet;

use crate::fixtures::FailingLog;

/// Numbers that only grow.
#[derive(Debug)]
struct Counting;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    total: u64,
    steps: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Added(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TooMuch;

impl Decider for Counting {
    type State = Counted;
    type Command = Vec<u64>;
    type Event = Added;
    type Rejection = TooMuch;

    fn decide(&self, state: &Counted, add: &Vec<u64>, _: Timestamp) -> Result<Vec<Added>, TooMuch> {
        if state.total + add.iter().sum::<u64>() > 1_000_000 {
            return Err(TooMuch);
        }
        Ok(add.iter().copied().map(Added).collect())
    }

    fn evolve(state: &mut Counted, event: &Added, _: Timestamp) {
        state.total += event.0;
        state.steps += 1;
    }
}

impl Journaled for Counting {
    const STREAM: &'static str = "counting";
    const EVENT_VERSION: u32 = 1;
    const STATE_VERSION: u32 = 1;

    fn kind(_: &Added) -> &'static str {
        "added"
    }
}

type Seen = Arc<Mutex<Vec<(u64, u64)>>>;

struct Fixture {
    journal: Journal<Counting>,
    seen: Seen,
    keeper: JoinSet<()>,
}

impl Fixture {
    async fn open<L: SnapshotLog + 'static>(log: &Arc<L>) -> Self {
        let log: Arc<dyn SnapshotLog> = Arc::<L>::clone(log);
        let seen = Seen::default();
        let told = Arc::clone(&seen);
        let committed = move |first: Sequence, events: &[Added]| {
            let events = (first.0..).zip(events.iter().map(|event| event.0));
            told.lock().unwrap().extend(events);
        };
        let clock = Arc::new(ManualClock::default());
        let (journal, keeper) = Keeper::open(Counting, log, clock).await.unwrap();
        let mut running = JoinSet::new();
        running.spawn(keeper.run(committed));
        Self {
            journal,
            seen,
            keeper: running,
        }
    }

    async fn add(&self, numbers: &[u64]) -> Result<u64, Refused<TooMuch>> {
        let answer = |state: &Counted, _: &[Added]| state.total;
        self.journal.execute(numbers.to_vec(), answer).await
    }

    async fn total(&self) -> Result<u64, LogError> {
        self.journal.ask(|state| state.total).await
    }

    async fn close(self) {
        let Self {
            journal,
            mut keeper,
            ..
        } = self;
        drop(journal);
        keeper.join_next().await.unwrap().unwrap();
    }

    /// Ends without a goodbye, as a process that is killed.
    async fn kill(self) -> Journal<Counting> {
        let Self {
            journal,
            mut keeper,
            ..
        } = self;
        keeper.shutdown().await;
        journal
    }
}

fn stream() -> StreamId {
    StreamId::domain(Counting::STREAM)
}

#[tokio::test]
async fn a_command_is_answered_with_its_own_events_and_a_state_that_has_them() {
    let keeper = Fixture::open(&Arc::new(MemoryEventLog::new())).await;
    assert_eq!(keeper.add(&[1, 2]).await, Ok(3));
    let own = |_: &Counted, events: &[Added]| events.to_vec();
    assert_eq!(
        keeper.journal.execute(vec![4], own).await,
        Ok(vec![Added(4)])
    );
    assert_eq!(keeper.journal.execute(vec![], own).await, Ok(vec![]));
    assert_eq!(
        keeper.add(&[1_000_000]).await,
        Err(Refused::Rejected(TooMuch))
    );
    assert_eq!(keeper.total().await, Ok(7));
    assert_eq!(*keeper.seen.lock().unwrap(), [(1, 1), (2, 2), (3, 4)]);
}

#[tokio::test]
async fn what_came_in_during_a_commit_is_committed_at_once_and_each_decision_sees_the_one_before() {
    let log = Arc::new(FailingLog::new(usize::MAX));
    let keeper = Fixture::open(&log).await;
    let many = (0..200).map(|_| keeper.add(&[10_000]));
    let answers = futures_util::future::join_all(many).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
    assert!(log.appends() <= 2, "{} appends", log.appends());
    assert_eq!(keeper.total().await, Ok(1_000_000));
}

#[tokio::test]
async fn what_could_not_be_kept_has_not_happened_and_is_shown_to_nobody() {
    let log = Arc::new(FailingLog::new(1));
    let keeper = Fixture::open(&log).await;
    assert_eq!(keeper.add(&[5]).await, Ok(5));
    // The question is in the same batch, after a command that fails.
    let (refused, total) = futures_util::future::join(keeper.add(&[7]), keeper.total()).await;
    assert!(
        matches!(&refused, Err(Refused::Log(LogError::Failed { .. }))),
        "{refused:?}"
    );
    assert_eq!(total, Ok(5));
    assert_eq!(*keeper.seen.lock().unwrap(), [(1, 5)]);
    let kept = log.read(&stream(), Sequence(0), 10).await.unwrap();
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn what_is_known_survives_the_keeper_with_a_snapshot_and_without() {
    let log = Arc::new(MemoryEventLog::new());
    let keeper = Fixture::open(&log).await;
    keeper.add(&[1, 2, 3]).await.unwrap();
    keeper.kill().await;
    assert_eq!(log.snapshot(&stream()).await, Ok(None));

    let keeper = Fixture::open(&log).await;
    assert_eq!(keeper.add(&[4]).await, Ok(10));
    keeper.close().await;
    let kept = log.snapshot(&stream()).await.unwrap().unwrap();
    assert_eq!(kept.at, Sequence(4));

    let pruned = log.prune(&stream(), Timestamp::from_millis(1), 10).await;
    assert_eq!(pruned, Ok(4));
    let keeper = Fixture::open(&log).await;
    assert_eq!(keeper.add(&[5]).await, Ok(15));
    assert_eq!(keeper.journal.ask(|state| state.steps).await, Ok(5));
}

#[tokio::test]
async fn after_ten_thousand_events_there_is_a_snapshot_without_anybody_ending() {
    let log = Arc::new(FailingLog::new(usize::MAX));
    let keeper = Fixture::open(&log).await;
    keeper.add(&vec![0; 9_999]).await.unwrap();
    assert_eq!(log.snapshot(&stream()).await, Ok(None));
    keeper.add(&[3; 2]).await.unwrap();
    // It is written aside, by a thread.
    log.snapshot_kept.notified().await;
    let kept = log.snapshot(&stream()).await.unwrap().unwrap();
    assert_eq!(kept.at, Sequence(10_001));
    let state: Counted = serde_json::from_str(&kept.data).unwrap();
    assert_eq!(state.total, 6);
}

#[tokio::test]
async fn events_of_a_later_version_are_refused_and_not_guessed_at() {
    let log = Arc::new(MemoryEventLog::new());
    let event = swarm_core::journal::NewEvent {
        at: Timestamp::default(),
        kind: "added",
        version: 2,
        data: "1".to_owned(),
    };
    log.append(&stream(), vec![event]).await.unwrap();
    let clock = Arc::new(ManualClock::default());
    let opened = Keeper::open(Counting, log, clock).await;
    let error = opened.unwrap_err().to_string();
    assert!(
        error.contains("event 1 of counting") && error.contains("format 2"),
        "{error}"
    );
}

#[tokio::test]
async fn who_asks_after_the_end_is_told_so() {
    let keeper = Fixture::open(&Arc::new(MemoryEventLog::new())).await;
    let journal = keeper.kill().await;
    let error = journal.ask(|state| state.total).await.unwrap_err();
    assert!(error.to_string().contains("it is being closed"), "{error}");
}
