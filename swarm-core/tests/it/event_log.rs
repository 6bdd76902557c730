//! The event logs: the promises of every log, and those of a SQLite file.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::{
        EventLog, LogError, MemoryEventLog, NewEvent, RunEvent, RunJournal, Sequence,
        SnapshotLog as _, SqliteEventLog, StreamId,
    },
    machine::End,
    testing::{
        clock::ManualClock,
        event_log::{self, event, stream},
    },
};
use tokio::task::JoinSet;

/// Tells the re-executed test binary where the log is.
const LOG: &str = "SWARM_TEST_LOG";

struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("swarm.db")
    }

    fn open(&self) -> Arc<SqliteEventLog> {
        Arc::new(SqliteEventLog::open(&self.path()).unwrap())
    }

    /// Another connection, for what the log itself never does.
    fn connect(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

async fn texts(log: &dyn EventLog, from: &str) -> Vec<String> {
    let events = log.read(&stream(from), Sequence(0), usize::MAX).await;
    events
        .unwrap()
        .into_iter()
        .map(|event| event.data)
        .collect()
}

macro_rules! promises {
    ($($promise:ident)*) => {
        const PROMISES: &[&str] = &[$(stringify!($promise)),*];

        mod in_memory {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    event_log::$promise(Arc::new(MemoryEventLog::new())).await;
                }
            )*
        }

        mod in_sqlite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    let file = File::new();
                    event_log::$promise(file.open()).await;
                }
            )*
        }
    };
}

promises! {
    a_stream_that_is_removed_is_forgotten_and_the_others_are_not
    an_empty_log_has_nothing_to_tell
    events_come_back_as_they_were_appended
    the_first_event_has_number_one_and_later_ones_count_on
    an_append_of_nothing_answers_with_the_newest_place
    what_was_appended_is_seen_at_once
    a_read_begins_after_a_place_and_ends_at_a_limit
    pages_put_together_are_the_whole
    large_events_are_kept
    streams_do_not_mix
    streams_are_listed_by_prefix_the_newest_first
    concurrent_appends_keep_their_order_and_lose_nothing
    readers_never_see_half_an_append
    an_append_that_nobody_waits_for_is_whole_or_absent
    the_newest_snapshot_of_a_stream_is_kept
    only_events_that_a_snapshot_has_in_it_are_pruned
}

#[test]
fn no_promise_is_forgotten() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testing/event_log.rs");
    let suite = fs::read_to_string(suite).unwrap();
    let promised: Vec<&str> = suite
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
        .filter(|name| !name.ends_with("_conformance"))
        .collect();
    assert_eq!(promised, PROMISES);
}

#[tokio::test]
async fn what_is_removed_is_in_no_file_of_the_log_any_more() {
    const CANARY: &str = "tweet-tweet-7f3a";
    let file = File::new();
    let log = file.open();
    let holding = || {
        let files = fs::read_dir(file.folder.path()).unwrap();
        files
            .map(|entry| entry.unwrap().path())
            .filter(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(CANARY))
            .count()
    };
    for i in 0..20 {
        let events = vec![event(format!("{i} {CANARY} {}", "x".repeat(3000)))];
        log.append(&stream("run/a"), events).await.unwrap();
        log.append(&stream("run/b"), vec![event("kept")])
            .await
            .unwrap();
    }
    assert!(holding() > 0);
    log.remove(&stream("run/a")).await.unwrap();
    assert_eq!(holding(), 0);
    assert_eq!(texts(log.as_ref(), "run/b").await.len(), 20);
}

#[tokio::test]
async fn a_log_is_for_its_owner_only() {
    let file = File::new();
    let log = file.open();
    log.append(&stream("run/a"), vec![event("secret")])
        .await
        .unwrap();
    let entries: Vec<_> = fs::read_dir(file.folder.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(
        entries.len() >= 2,
        "there is a write-ahead log: {entries:?}"
    );
    for entry in entries {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
}

#[tokio::test]
async fn a_log_that_is_opened_again_has_everything() {
    let file = File::new();
    for n in 1..=3 {
        let log = file.open();
        let place = log
            .append(&stream("run/a"), vec![event(n.to_string())])
            .await;
        assert_eq!(place.unwrap(), Sequence(n));
    }
    assert_eq!(texts(&*file.open(), "run/a").await, ["1", "2", "3"]);
}

#[tokio::test]
async fn what_was_given_to_a_log_is_written_before_it_closes() {
    let file = File::new();
    let log = file.open();
    let to = stream("run/a");
    let mut appends = join_all((0..50).map(|n| log.append(&to, vec![event(n.to_string())])));
    // Begun, and nobody waits for the answers.
    drop(futures_util::FutureExt::now_or_never(&mut appends));
    drop(appends);
    drop(log);
    assert_eq!(texts(&*file.open(), "run/a").await.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_that_write_to_one_file_lose_nothing() {
    let file = File::new();
    // Connections know of each other only through the file, as processes do.
    let logs = [file.open(), file.open(), file.open()];
    let mut writers = JoinSet::new();
    for writer in 0..12_usize {
        let log = Arc::clone(&logs[writer % logs.len()]);
        writers.spawn(async move {
            let mut places = Vec::new();
            for n in 0..10 {
                let events = vec![
                    event(format!("{writer} {n} a")),
                    event(format!("{writer} {n} b")),
                ];
                places.push(log.append(&stream("run/a"), events).await.unwrap());
            }
            places
        });
    }
    let mut places: Vec<Sequence> = writers.join_all().await.into_iter().flatten().collect();
    places.sort_unstable();
    let expected: Vec<Sequence> = (1..=120).map(|n| Sequence(n * 2)).collect();
    assert_eq!(places, expected);
    let seen = texts(&*logs[0], "run/a").await;
    assert_eq!(seen.len(), 240);
    assert!(
        seen.chunks(2)
            .all(|pair| pair[0].trim_end_matches('a') == pair[1].trim_end_matches('b'))
    );
    for log in &logs {
        assert_eq!(texts(&**log, "run/a").await, seen);
    }
}

#[test]
fn a_fresh_log_can_be_opened_by_many_at_once() {
    for _ in 0..10 {
        let file = File::new();
        let barrier = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    file.open();
                });
            }
        });
    }
}

#[test]
fn a_log_of_a_newer_format_is_refused_and_left_alone() {
    let file = File::new();
    drop(file.open());
    file.connect()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let error = SqliteEventLog::open(&file.path()).unwrap_err();
    let path = file.path().display().to_string();
    let expected = LogError::TooNew {
        path,
        found: 7,
        known: 2,
    };
    assert_eq!(error, expected);
    assert_eq!(error.code(), ErrorCode::LogTooNew);
    let found: u32 = file
        .connect()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(found, 7);
}

#[tokio::test]
async fn a_log_of_the_first_format_is_brought_up_to_date_with_its_events() {
    let file = File::new();
    file.connect()
        .execute_batch(
            "CREATE TABLE events (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, at INTEGER NOT NULL,
                kind TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
            ) STRICT;
            CREATE INDEX events_by_stream ON events (stream, sequence);
            INSERT INTO events (stream, at, kind, version, data) VALUES ('run/a', 1, 'noted', 1, 'old');
            PRAGMA user_version = 1;",
        )
        .unwrap();
    let log = file.open();
    assert_eq!(texts(&*log, "run/a").await, ["old"]);
    assert_eq!(log.snapshot(&stream("run/a")).await, Ok(None));
    log.append(&stream("run/a"), vec![event("new")])
        .await
        .unwrap();
    drop(log);
    assert_eq!(texts(&*file.open(), "run/a").await, ["old", "new"]);
}

#[test]
fn what_is_no_log_is_an_error_that_names_the_file() {
    let file = File::new();
    fs::write(
        file.path(),
        "This is a text about something else, and not a database. ".repeat(100),
    )
    .unwrap();
    for path in [
        file.path(),
        file.folder.path().join("no/such/folder/swarm.db"),
    ] {
        let error = SqliteEventLog::open(&path).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LogFailed);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

fn journal(log: Arc<dyn EventLog>, run: &RunId) -> RunJournal {
    RunJournal::new(log, Arc::new(ManualClock::default()), run)
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_named_with_its_place() {
    let run = RunId::random();
    let end = RunEvent::Ended {
        end: End::Cancelled,
    };
    let good = serde_json::to_string(&end).unwrap();
    let noted = |version, data: &str| NewEvent {
        version,
        ..event(data)
    };
    for (bad, problem) in [
        (noted(RunEvent::VERSION + 1, &good), "it has version 3"),
        (noted(1, "{\"event\":\"run_en"), "EOF while parsing"),
        (
            noted(1, "{\"event\":\"danced\"}"),
            "unknown variant `danced`",
        ),
    ] {
        let file = File::new();
        let log = file.open();
        let journal = journal(file.open(), &run);
        journal.append(vec![end.clone()]).await.unwrap();
        log.append(&StreamId::run(&run), vec![bad]).await.unwrap();
        let error = journal.read().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::LogFailed);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("event 2 of run/{run} cannot be read: ")),
            "{text}"
        );
        assert!(text.contains(problem), "{text}");
    }
}

#[tokio::test]
async fn a_damaged_row_is_an_error_and_no_panic() {
    let file = File::new();
    let log = file.open();
    log.append(&stream("run/a"), vec![event("1")])
        .await
        .unwrap();
    file.connect()
        .execute("UPDATE events SET version = -1", [])
        .unwrap();
    let error = log
        .read(&stream("run/a"), Sequence(0), 10)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::LogFailed);
}

#[tokio::test]
async fn an_append_that_sqlite_refuses_fails_alone() {
    let file = File::new();
    let log = file.open();
    file.connect()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.data = 'bad'
             BEGIN SELECT raise(ABORT, 'not this one'); END",
        )
        .unwrap();
    let to = stream("run/a");
    let appends = (0..40).map(|n| {
        let text = if n == 20 {
            "bad".to_owned()
        } else {
            n.to_string()
        };
        log.append(&to, vec![event("with it"), event(text)])
    });
    let answers = join_all(appends).await;
    let failed: Vec<usize> = (0..40).filter(|&n| answers[n].is_err()).collect();
    assert_eq!(failed, [20]);
    let error = answers[20].clone().unwrap_err().to_string();
    assert!(error.contains("not this one"), "{error}");
    assert_eq!(texts(&*log, "run/a").await.len(), 39 * 2);
}

/// The locks of a process on a file end when it closes any handle of that file, even one that has nothing to do
/// with SQLite. Without its lock a log may have its write-ahead log deleted under it.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_is_opened_twice_in_a_process_keeps_its_locks() {
    let file = File::new();
    let _log = file.open();
    // Not /proc/locks: while others lock, it leaves locks out.
    let is_locked = || {
        let handles = fs::read_dir("/proc/self/fd").unwrap().flatten();
        handles
            .filter(|handle| fs::read_link(handle.path()).is_ok_and(|path| path == file.path()))
            .any(|handle| {
                let info = Path::new("/proc/self/fdinfo").join(handle.file_name());
                fs::read_to_string(info).is_ok_and(|info| info.contains("lock:"))
            })
    };
    assert!(is_locked(), "an open log holds a lock");
    let _second = file.open();
    assert!(is_locked(), "the lock is gone");
}

/// Runs the ignored test `name` in a new process, which must succeed, and returns what it said.
fn in_a_process_of_its_own(name: &str, log: &Path) -> String {
    // A process that writes past its limit is ended by a signal, unless that is ignored from the start.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env(LOG, log)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    let complained = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}\n{complained}");
    said
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only way to reach a test in a process of its own"
)]
fn log_of_this_process() -> Option<PathBuf> {
    std::env::var_os(LOG).map(PathBuf::from)
}

/// A limit on the size of files is a disk that is full for one process only.
#[test]
fn a_full_disk_is_an_error_that_loses_nothing_and_passes() {
    let file = File::new();
    let said = in_a_process_of_its_own("event_log::fills_its_disk", &file.path());
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "a part of the test above, in a process of its own"]
async fn fills_its_disk() {
    let Some(path) = log_of_this_process() else {
        return;
    };
    let log = SqliteEventLog::open(&path).unwrap();
    let to = stream("run/a");
    let before = getrlimit(Resource::Fsize);
    let full = Rlimit {
        current: Some(200 * 1024),
        maximum: before.maximum,
    };
    setrlimit(Resource::Fsize, full).unwrap();
    let mut acknowledged = Vec::new();
    let error = loop {
        let text = format!("{} {}", acknowledged.len(), "x".repeat(5000));
        match log
            .append(&to, vec![event(text.clone()), event(text.clone())])
            .await
        {
            Ok(_) => acknowledged.extend([text.clone(), text]),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 1000, "the disk is never full");
    };
    assert_eq!(error.code(), ErrorCode::LogFailed);
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    assert!(!acknowledged.is_empty());
    assert_eq!(
        texts(&log, "run/a").await,
        acknowledged,
        "while the disk is full"
    );
    let again = log.append(&to, vec![event("x".repeat(50_000))]).await;
    assert!(again.is_err(), "the disk is still full");

    setrlimit(Resource::Fsize, before).unwrap();
    log.append(&to, vec![event("room again")]).await.unwrap();
    acknowledged.push("room again".to_owned());
    assert_eq!(texts(&log, "run/a").await, acknowledged);
    drop(log);
    let log = SqliteEventLog::open(&path).unwrap();
    assert_eq!(texts(&log, "run/a").await, acknowledged, "after a restart");
}
