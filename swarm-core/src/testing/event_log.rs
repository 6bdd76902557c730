//! What every [`EventLog`] promises, as tests.
//!
//! An implementation runs [`event_log_conformance`] from a test of its own, or the promises one by one. Each
//! needs an empty log.
//!
//! ```
//! use std::sync::Arc;
//! use swarm_core::{journal::MemoryEventLog, testing::event_log::event_log_conformance};
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! event_log_conformance(|| Arc::new(MemoryEventLog::new())).await;
//! # });
//! ```
#![expect(
    clippy::expect_used,
    reason = "a conformance suite reports by panicking, as a test does"
)]

use std::{collections::BTreeSet, sync::Arc};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use crate::{
    journal::{
        EventLog, NewEvent, Recorded, Sequence, Snapshot, SnapshotLog, StreamId, StreamInfo,
    },
    time::Timestamp,
};

const WRITERS: u64 = 32;
const APPENDS: u64 = 8;

/// Puts the log through every promise of [`EventLog`]; each gets a log of its own from `make`.
///
/// # Panics
///
/// At the first promise that is broken.
pub async fn event_log_conformance(make: impl Fn() -> Arc<dyn EventLog>) {
    an_empty_log_has_nothing_to_tell(make()).await;
    events_come_back_as_they_were_appended(make()).await;
    the_first_event_has_number_one_and_later_ones_count_on(make()).await;
    an_append_of_nothing_answers_with_the_newest_place(make()).await;
    what_was_appended_is_seen_at_once(make()).await;
    a_read_begins_after_a_place_and_ends_at_a_limit(make()).await;
    pages_put_together_are_the_whole(make()).await;
    large_events_are_kept(make()).await;
    streams_do_not_mix(make()).await;
    streams_are_listed_by_prefix_the_newest_first(make()).await;
    a_stream_that_is_removed_is_forgotten_and_the_others_are_not(make()).await;
    concurrent_appends_keep_their_order_and_lose_nothing(make()).await;
    readers_never_see_half_an_append(make()).await;
    an_append_that_nobody_waits_for_is_whole_or_absent(make()).await;
}

/// Puts the log through every promise of [`SnapshotLog`]; each gets a log of its own from `make`.
///
/// # Panics
///
/// At the first promise that is broken.
pub async fn snapshot_log_conformance(make: impl Fn() -> Arc<dyn SnapshotLog>) {
    the_newest_snapshot_of_a_stream_is_kept(make()).await;
    only_events_that_a_snapshot_has_in_it_are_pruned(make()).await;
}

fn snapshot(at: Sequence, data: &str) -> Snapshot {
    Snapshot {
        at,
        version: 3,
        data: data.to_owned(),
    }
}

/// The stream `name`.
pub fn stream(name: &str) -> StreamId {
    StreamId::from_stored(name.to_owned())
}

/// An event that says `data`.
pub fn event(data: impl Into<String>) -> NewEvent {
    NewEvent {
        at: Timestamp::from_millis(1_795_253_400_250),
        kind: "noted",
        version: 1,
        data: data.into(),
    }
}

async fn append(log: &dyn EventLog, to: &str, data: &[&str]) -> Sequence {
    let events = data.iter().map(|&data| event(data)).collect();
    log.append(&stream(to), events)
        .await
        .expect("an append works")
}

async fn read(log: &dyn EventLog, from: &str, after: u64, limit: usize) -> Vec<Recorded> {
    log.read(&stream(from), Sequence(after), limit)
        .await
        .expect("a read works")
}

async fn all(log: &dyn EventLog, from: &str) -> Vec<Recorded> {
    read(log, from, 0, usize::MAX).await
}

async fn streams(log: &dyn EventLog, prefix: &str) -> Vec<StreamInfo> {
    log.streams(prefix).await.expect("a list of streams works")
}

fn data(events: &[Recorded]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

/// Nothing of it is left, nobody else loses anything, and no place is given out twice.
pub async fn a_stream_that_is_removed_is_forgotten_and_the_others_are_not(log: Arc<dyn EventLog>) {
    let log = log.as_ref();
    append(log, "run/a", &["1", "2"]).await;
    append(log, "run/b", &["3"]).await;
    let newest = append(log, "run/a", &["4"]).await;
    for _ in 0..2 {
        let removed = log.remove(&stream("run/a")).await;
        removed.expect("what is not there can be removed, too");
        assert!(all(log, "run/a").await.is_empty());
        assert_eq!(data(&all(log, "run/b").await), ["3"]);
        let left = streams(log, "run/").await;
        assert_eq!(left.len(), 1, "{left:?}");
    }
    let next = append(log, "run/a", &["5"]).await;
    assert!(next > newest, "{next:?} after {newest:?}");
    assert_eq!(data(&read(log, "run/a", newest.0, 10).await), ["5"]);
    assert_eq!(data(&read(log, "run/b", 1, 10).await), ["3"]);
}

/// Nothing was appended, so there is nothing, and that is no error.
pub async fn an_empty_log_has_nothing_to_tell(log: Arc<dyn EventLog>) {
    assert_eq!(all(&*log, "run/a").await, []);
    assert_eq!(streams(&*log, "").await, []);
    assert_eq!(append(&*log, "run/a", &[]).await, Sequence(0));
    assert_eq!(streams(&*log, "").await, []);
}

/// Every field is kept, whatever characters it holds.
pub async fn events_come_back_as_they_were_appended(log: Arc<dyn EventLog>) {
    let texts = [
        "{}",
        "",
        r#"{"quote":"'\"","percent":"%_?*"}"#,
        "ünïcödé \u{1f41d}\r\n\t",
    ];
    let new: Vec<NewEvent> = (1..)
        .zip(texts)
        .map(|(n, text)| NewEvent {
            at: Timestamp::from_millis(1_795_253_400_000 + u64::from(n)),
            kind: if n % 2 == 0 { "even" } else { "odd" },
            version: n,
            data: text.to_owned(),
        })
        .collect();
    let expected: Vec<Recorded> = (1..)
        .map(Sequence)
        .zip(&new)
        .map(|(sequence, event)| Recorded {
            sequence,
            stream: stream("run/a"),
            at: event.at,
            kind: event.kind.to_owned(),
            version: event.version,
            data: event.data.clone(),
        })
        .collect();
    let last = log.append(&stream("run/a"), new).await;
    assert_eq!(last.expect("an append works"), Sequence(4));
    assert_eq!(all(&*log, "run/a").await, expected);
}

/// All streams count together, and the answer to an append is the place of its last event.
pub async fn the_first_event_has_number_one_and_later_ones_count_on(log: Arc<dyn EventLog>) {
    assert_eq!(append(&*log, "run/a", &["1"]).await, Sequence(1));
    assert_eq!(append(&*log, "run/b", &["2", "3"]).await, Sequence(3));
    assert_eq!(append(&*log, "run/a", &["4"]).await, Sequence(4));
    let places: Vec<u64> = all(&*log, "run/a")
        .await
        .iter()
        .map(|event| event.sequence.0)
        .collect();
    assert_eq!(places, [1, 4]);
}

/// To append nothing is no error and no event.
pub async fn an_append_of_nothing_answers_with_the_newest_place(log: Arc<dyn EventLog>) {
    append(&*log, "run/a", &["1", "2"]).await;
    assert_eq!(append(&*log, "run/b", &[]).await, Sequence(2));
    assert_eq!(append(&*log, "run/a", &[]).await, Sequence(2));
    assert_eq!(append(&*log, "run/b", &["3"]).await, Sequence(3));
    assert_eq!(streams(&*log, "run/").await.len(), 2);
}

/// No read after an append misses it.
pub async fn what_was_appended_is_seen_at_once(log: Arc<dyn EventLog>) {
    for n in 1..=20 {
        append(&*log, "run/a", &["x"]).await;
        assert_eq!(all(&*log, "run/a").await.len(), n);
        let info = streams(&*log, "run/a").await;
        let last = info.first().map(|info| info.last.0);
        assert_eq!(last, u64::try_from(n).ok());
    }
}

/// `after` is not part of the answer; a limit cuts its end off, not its beginning.
pub async fn a_read_begins_after_a_place_and_ends_at_a_limit(log: Arc<dyn EventLog>) {
    append(&*log, "run/a", &["1", "2"]).await;
    append(&*log, "run/b", &["3"]).await;
    append(&*log, "run/a", &["4", "5"]).await;
    for (after, limit, expected) in [
        (0, usize::MAX, &["1", "2", "4", "5"][..]),
        (1, usize::MAX, &["2", "4", "5"]),
        (2, usize::MAX, &["4", "5"]),
        // A place that belongs to another stream.
        (3, usize::MAX, &["4", "5"]),
        (4, 1, &["5"]),
        (5, usize::MAX, &[]),
        (99, usize::MAX, &[]),
        (u64::MAX, usize::MAX, &[]),
        (0, 0, &[]),
        (0, 3, &["1", "2", "4"]),
        (1, 2, &["2", "4"]),
    ] {
        let found = read(&*log, "run/a", after, limit).await;
        assert_eq!(data(&found), expected, "after {after}, up to {limit}");
    }
}

/// Who reads on from the last place seen misses nothing and sees nothing twice.
pub async fn pages_put_together_are_the_whole(log: Arc<dyn EventLog>) {
    for n in 0..25 {
        append(
            &*log,
            if n % 3 == 0 { "run/b" } else { "run/a" },
            &[&n.to_string(), "x"],
        )
        .await;
    }
    let whole = all(&*log, "run/a").await;
    for size in [1, 2, 7, whole.len(), whole.len() + 1] {
        let mut pages = Vec::new();
        let mut after = 0;
        loop {
            let page = read(&*log, "run/a", after, size).await;
            let Some(last) = page.last() else { break };
            after = last.sequence.0;
            pages.extend(page);
        }
        assert_eq!(pages, whole, "in pages of {size}");
    }
}

/// A plan with ten thousand agents is one event.
pub async fn large_events_are_kept(log: Arc<dyn EventLog>) {
    let large = "0123456789abcdef".repeat(512 * 1024);
    append(&*log, "run/a", &["small", &large, "small"]).await;
    let found = all(&*log, "run/a").await;
    assert!(
        data(&found) == ["small", &large, "small"],
        "a large event changed"
    );
}

/// Names of streams are names, not patterns; one may begin with another.
pub async fn streams_do_not_mix(log: Arc<dyn EventLog>) {
    let names = [
        "run/a",
        "run/a/",
        "run/ab",
        "run/A",
        "run/%",
        "run/_",
        "run/?",
        "run/*",
        "run/[a-z]",
        "run/ä",
        "run/ a",
        "run/'a'",
        "run/\\",
        "run",
        "",
    ];
    for name in names {
        append(&*log, name, &[name]).await;
    }
    for name in names {
        let found = all(&*log, name).await;
        assert_eq!(data(&found), [name], "in stream {name:?}");
        assert!(found.iter().all(|event| event.stream.as_str() == name));
        let listed = streams(&*log, name).await;
        let listed: BTreeSet<&str> = listed.iter().map(|info| info.stream.as_str()).collect();
        let expected: BTreeSet<&str> = names
            .into_iter()
            .filter(|other| other.starts_with(name))
            .collect();
        assert_eq!(listed, expected, "with prefix {name:?}");
    }
    assert_eq!(all(&*log, "run/b").await, []);
}

/// A list of streams is ordered by their first events, whatever came later.
pub async fn streams_are_listed_by_prefix_the_newest_first(log: Arc<dyn EventLog>) {
    append(&*log, "run/a", &["1"]).await;
    append(&*log, "peers", &["2"]).await;
    append(&*log, "run/c", &["3", "4"]).await;
    append(&*log, "run/b", &["5"]).await;
    append(&*log, "run/a", &["6"]).await;
    let info = |name: &str, first, last| StreamInfo {
        stream: stream(name),
        first: Sequence(first),
        last: Sequence(last),
    };
    assert_eq!(
        streams(&*log, "run/").await,
        [
            info("run/b", 5, 5),
            info("run/c", 3, 4),
            info("run/a", 1, 6)
        ]
    );
    assert_eq!(streams(&*log, "run/c").await, [info("run/c", 3, 4)]);
    assert_eq!(streams(&*log, "").await.len(), 4);
    assert_eq!(streams(&*log, "run/d").await, []);
}

/// Whoever writes at the same time gets places of its own, in the order in which it wrote.
pub async fn concurrent_appends_keep_their_order_and_lose_nothing(log: Arc<dyn EventLog>) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            // Half of them share a stream.
            let to = stream(&format!("run/{}", writer / 2 * 2));
            let mut answers = Vec::new();
            for n in 0..APPENDS {
                let events = vec![
                    event(format!("{writer} {n} first")),
                    event(format!("{writer} {n} second")),
                ];
                let answer = log.append(&to, events).await;
                answers.push(answer.expect("an append works").0);
            }
            (writer, answers)
        });
    }
    let mut places = BTreeSet::new();
    for (writer, answers) in writers.join_all().await {
        let own = all(&*log, &format!("run/{}", writer / 2 * 2)).await;
        let mark = format!("{writer} ");
        let own: Vec<&Recorded> = own.iter().filter(|e| e.data.starts_with(&mark)).collect();
        let expected =
            (0..APPENDS).flat_map(|n| ["first", "second"].map(|e| format!("{mark}{n} {e}")));
        let found: Vec<&str> = own.iter().map(|event| event.data.as_str()).collect();
        assert_eq!(found, expected.collect::<Vec<_>>());
        let pairs = answers.iter().flat_map(|last| [last - 1, *last]);
        let found: Vec<u64> = own.iter().map(|event| event.sequence.0).collect();
        assert_eq!(
            found,
            pairs.collect::<Vec<_>>(),
            "side by side, as answered"
        );
        places.extend(found);
    }
    let expected: BTreeSet<u64> = (1..=WRITERS * APPENDS * 2).collect();
    assert_eq!(places, expected, "no place is used twice or left out");
}

/// All of the events of an append become visible at the same time.
pub async fn readers_never_see_half_an_append(log: Arc<dyn EventLog>) {
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            for _ in 0..APPENDS {
                append(&*log, "run/a", &["first", "second", "third"]).await;
            }
        });
    }
    let expected = usize::try_from(4 * APPENDS * 3).unwrap_or(usize::MAX);
    loop {
        let seen = all(&*log, "run/a").await;
        assert_eq!(seen.len() % 3, 0, "a part of an append is visible");
        if seen.len() == expected {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Who gives up waiting does not know whether the events are there, but half of them never are.
pub async fn an_append_that_nobody_waits_for_is_whole_or_absent(log: Arc<dyn EventLog>) {
    for _ in 0..20 {
        let to = stream("run/a");
        let mut given_up = log.append(&to, vec![event("first"), event("second")]);
        // Begun, and then dropped.
        drop(given_up.as_mut().now_or_never());
        drop(given_up);
        append(&*log, "run/b", &["later"]).await;
    }
    let seen = all(&*log, "run/a").await;
    for pair in seen.chunks(2) {
        assert_eq!(data(pair), ["first", "second"]);
    }
    assert_eq!(all(&*log, "run/b").await.len(), 20);
}

/// One that was overtaken does not take its place, and a removed stream has none.
pub async fn the_newest_snapshot_of_a_stream_is_kept(log: Arc<dyn SnapshotLog>) {
    let (a, b) = (stream("a"), stream("b"));
    let kept = async |stream| log.snapshot(stream).await.expect("a snapshot can be read");
    let keep = async |stream, snapshot| {
        let kept = log.keep_snapshot(stream, snapshot).await;
        kept.expect("a snapshot is kept");
    };
    assert_eq!(kept(&a).await, None);
    let first = append(&*log, "a", &["1"]).await;
    let second = append(&*log, "a", &["2"]).await;
    keep(&a, snapshot(second, "both")).await;
    keep(&b, snapshot(second, "another")).await;
    keep(&a, snapshot(first, "one")).await;
    assert_eq!(kept(&a).await, Some(snapshot(second, "both")));
    keep(&a, snapshot(second, "both, again")).await;
    assert_eq!(kept(&a).await, Some(snapshot(second, "both, again")));
    let removed = log.remove(&a).await;
    removed.expect("a stream can be removed");
    assert_eq!(kept(&a).await, None);
    assert_eq!(kept(&b).await, Some(snapshot(second, "another")));
}

/// The oldest first, and nothing that is younger or of somebody else.
pub async fn only_events_that_a_snapshot_has_in_it_are_pruned(log: Arc<dyn SnapshotLog>) {
    let old = event("").at;
    let before = Timestamp::from_millis(old.millis() + 1);
    let prune = async |before, limit| {
        let pruned = log.prune(&stream("a"), before, limit).await;
        pruned.expect("events are pruned")
    };
    append(&*log, "a", &["1", "2"]).await;
    append(&*log, "b", &["of somebody else"]).await;
    let covered = append(&*log, "a", &["3"]).await;
    let newest = append(&*log, "a", &["4"]).await;
    assert_eq!(prune(before, 10).await, 0, "without a snapshot");
    let kept = log.keep_snapshot(&stream("a"), snapshot(covered, "")).await;
    kept.expect("a snapshot is kept");
    assert_eq!(prune(old, 10).await, 0, "none is older");
    assert_eq!(prune(before, 2).await, 2);
    assert_eq!(data(&all(&*log, "a").await), ["3", "4"]);
    assert_eq!(prune(before, 10).await, 1);
    assert_eq!(data(&all(&*log, "a").await), ["4"]);
    assert_eq!(all(&*log, "b").await.len(), 1);
    assert!(append(&*log, "a", &["5"]).await > newest);
}
