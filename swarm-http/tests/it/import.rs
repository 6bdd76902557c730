//! Bringing in what is in databases of claude-peers and claude-swarm.

use std::{collections::BTreeMap, fs, path::Path};

use rusqlite::{Connection, params};
use swarm_http::{
    import::{ImportError, Kind, Row, Source, System},
    operations::{
        alerts, files,
        imports::{Bring, Outcome},
        inbox, messages, peers, pins, snippets, tasks,
    },
};
use swarm_peers::{mailbox::Stage, peer::Presence, task::TaskState};

use crate::{
    compat::theirs::Broker,
    daemon::{Daemon, Peer},
};

const PEERS: &str = "
    CREATE TABLE peers (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, cwd TEXT NOT NULL, git_root TEXT, tty TEXT,
        summary TEXT NOT NULL DEFAULT '', registered_at TEXT NOT NULL, last_seen TEXT NOT NULL);
    CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, from_id TEXT NOT NULL, to_id TEXT NOT NULL, text TEXT NOT NULL,
        sent_at TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0, FOREIGN KEY (from_id) REFERENCES peers(id));
";
const SWARM: &str = "
    CREATE TABLE peers (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, cwd TEXT NOT NULL, git_root TEXT, tty TEXT,
        summary TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT '[]', registered_at TEXT NOT NULL, last_seen TEXT NOT NULL);
    ALTER TABLE peers ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
    CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, from_id TEXT NOT NULL, to_id TEXT NOT NULL, text TEXT NOT NULL,
        sent_at TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE tasks (id INTEGER PRIMARY KEY AUTOINCREMENT, from_id TEXT NOT NULL, to_id TEXT NOT NULL, description TEXT NOT NULL,
        deadline TEXT, state TEXT NOT NULL DEFAULT 'pending', result TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
    CREATE TABLE snippets (id INTEGER PRIMARY KEY AUTOINCREMENT, author_id TEXT NOT NULL, title TEXT NOT NULL, content TEXT NOT NULL,
        language TEXT NOT NULL DEFAULT 'text', created_at TEXT NOT NULL);
    CREATE TABLE shared_files (id INTEGER PRIMARY KEY AUTOINCREMENT, author_id TEXT NOT NULL, filename TEXT NOT NULL, content TEXT NOT NULL,
        size_bytes INTEGER NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/plain', created_at TEXT NOT NULL);
    CREATE TABLE alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, from_id TEXT NOT NULL, to_id TEXT NOT NULL, message TEXT NOT NULL,
        priority TEXT NOT NULL DEFAULT 'info', created_at TEXT NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE pins (id INTEGER PRIMARY KEY AUTOINCREMENT, author_id TEXT NOT NULL, content TEXT NOT NULL, created_at TEXT NOT NULL);
";
const AT: &str = "2026-01-02T03:04:05.678Z";

/// A database of theirs, which is open as it is while their broker runs.
struct Theirs {
    folder: tempfile::TempDir,
    db: Connection,
}

impl Theirs {
    fn new(schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("theirs.db")).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.execute_batch(schema).unwrap();
        Self { folder, db }
    }

    /// With two sessions.
    fn of_two(schema: &str) -> Self {
        let theirs = Self::new(schema);
        for (id, pid) in [("aaaa1111", 11), ("bbbb2222", 22)] {
            theirs
                .db
                .execute(
                    "INSERT INTO peers (id, pid, cwd, git_root, tty, summary, registered_at, last_seen) VALUES (?, ?, ?, NULL, 'pts/1', 's', ?, ?)",
                    params![id, pid, format!("/work/{pid}"), AT, AT],
                )
                .unwrap();
        }
        theirs
    }

    fn message(&self, from: &str, to: &str, text: &str, delivered: u8) {
        self.db
            .execute(
                "INSERT INTO messages (from_id, to_id, text, sent_at, delivered) VALUES (?, ?, ?, ?, ?)",
                params![from, to, text, AT, delivered],
            )
            .unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("theirs.db")
    }

    fn open(&self, system: System) -> Result<Source, ImportError> {
        Source::open(
            system,
            &self.path(),
            &self.folder.path().join("scratch"),
            swarm_http::place::host(),
        )
    }

    /// Every byte of what is theirs.
    fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let all = fs::read_dir(self.folder.path())
            .unwrap()
            .map(Result::unwrap);
        let files = all.filter(|entry| entry.file_type().unwrap().is_file());
        // What readers of it coordinate by is none of what is in it.
        let files = files.filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"));
        files
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect()
    }
}

#[derive(Debug, Default, PartialEq)]
struct Came {
    imported: usize,
    already: usize,
    skipped: Vec<String>,
    lost: Vec<String>,
}

async fn import(daemon: &Daemon, mut source: Source) -> BTreeMap<Kind, Came> {
    let mut owner = daemon.owner().await;
    let mut all: BTreeMap<Kind, Came> = BTreeMap::new();
    while let Some(page) = source.read().unwrap() {
        let came = all.entry(page.kind).or_default();
        let mut items = Vec::new();
        for row in page.rows {
            match row {
                Row::Read { brought, lost, .. } => {
                    items.push(*brought);
                    came.lost.extend(lost);
                }
                Row::Skipped { number, why } => came.skipped.push(format!("{number}: {why}")),
            }
        }
        for outcome in owner.call(&Bring { items }).await.unwrap().outcomes {
            match outcome {
                Outcome::Imported => came.imported += 1,
                Outcome::AlreadyHere => came.already += 1,
                Outcome::Skipped { why } => came.skipped.push(why),
            }
        }
    }
    all
}

fn full() -> Theirs {
    let theirs = Theirs::of_two(SWARM);
    let db = &theirs.db;
    db.execute_batch(&format!(
        "UPDATE peers SET tags = '[\"rust\"]', status = 'dnd' WHERE id = 'bbbb2222';
         INSERT INTO tasks VALUES (5, 'aaaa1111', 'bbbb2222', 'fix it', 'noon', 'in_progress', NULL, '{AT}', '{AT}');
         INSERT INTO tasks VALUES (6, 'aaaa1111', 'bbbb2222', 'done', NULL, 'completed', 'well', '{AT}', '{AT}');
         INSERT INTO snippets VALUES (1, 'aaaa1111', 't', 'short', 'rust', '{AT}');
         INSERT INTO shared_files VALUES (1, 'aaaa1111', 'a.txt', 'what is in it', 13, 'text/plain', '{AT}');
         INSERT INTO alerts VALUES (1, 'aaaa1111', 'bbbb2222', 'fire', 'critical', '{AT}', 0);
         INSERT INTO pins VALUES (3, 'bbbb2222', 'use tabs', '{AT}');"
    ))
    .unwrap();
    db.execute(
        "INSERT INTO snippets VALUES (2, 'aaaa1111', 'long', ?, 'text', ?)",
        params!["ä".repeat(5_000), AT],
    )
    .unwrap();
    theirs.message("aaaa1111", "bbbb2222", "seen", 1);
    theirs.message("aaaa1111", "bbbb2222", "first", 0);
    theirs.message("cli", "bbbb2222", "second", 0);
    theirs
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one thing after the other, and short"
)]
async fn everything_comes_once_with_its_state_and_the_database_is_not_touched() {
    let theirs = full();
    let before = theirs.bytes();
    let broker = Broker::start().await;
    let daemon = &broker.daemon;
    for already in [false, true] {
        let all = import(daemon, theirs.open(System::ClaudeSwarm).unwrap()).await;
        let counts: Vec<usize> = all
            .values()
            .map(|came| {
                assert!(came.skipped.is_empty() && came.lost.is_empty(), "{came:?}");
                if already { came.already } else { came.imported }
            })
            .collect();
        assert_eq!(counts, [2, 3, 2, 2, 1, 1, 1], "{all:?}");
        assert_eq!(all.len(), Kind::ALL.len());
    }
    assert_eq!(theirs.bytes(), before);
    assert!(
        fs::read_dir(theirs.folder.path().join("scratch"))
            .unwrap()
            .next()
            .is_none()
    );

    let mut owner = daemon.owner().await;
    let gone = peers::List {
        gone: true,
        ..peers::List::default()
    };
    let all = owner.call(&gone).await.unwrap().peers;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (all[1].id.as_str(), all[1].waiting, all[1].presence),
        ("bbbb2222", 2, Presence::Dnd)
    );
    assert_eq!(all[1].tags, ["rust".to_owned()].into());
    let history = owner
        .call(&messages::History::default())
        .await
        .unwrap()
        .messages;
    let shown: Vec<_> = history
        .iter()
        .map(|one| (one.message.text.as_str(), one.receipts[0].stage))
        .collect();
    assert_eq!(
        shown,
        [
            ("second", Stage::Stored),
            ("first", Stage::Stored),
            ("seen", Stage::Seen)
        ]
    );
    assert_eq!(history[0].message.sent.millis() % 1000, 678);
    let all = owner.call(&tasks::List::default()).await.unwrap().tasks;
    let mut states: Vec<_> = all.iter().map(|task| (task.id.0, task.state)).collect();
    states.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(
        states,
        [(5, TaskState::InProgress), (6, TaskState::Completed)]
    );
    let snippet = swarm_peers::SnippetId(2);
    assert_eq!(
        owner
            .call(&snippets::Show { snippet })
            .await
            .unwrap()
            .content,
        "ä".repeat(5_000)
    );
    let file = swarm_peers::FileId(1);
    assert_eq!(
        owner
            .call(&files::Fetch { file })
            .await
            .unwrap()
            .file
            .blob
            .size,
        13
    );
    assert_eq!(
        owner
            .call(&alerts::List::default())
            .await
            .unwrap()
            .alerts
            .len(),
        1
    );
    assert_eq!(owner.call(&pins::List {}).await.unwrap().pins[0].id.0, 3);
    // A session that goes on, or one that starts in the same place, has what waits.
    let body = serde_json::json!({"pid": 99, "cwd": "/work/22", "git_root": null, "tty": "pts/1", "summary": ""});
    assert_eq!(broker.post("/register", body).await["id"], "bbbb2222");
    assert_eq!(broker.poll("bbbb2222").await, ["first", "second"]);
}

#[tokio::test]
async fn what_came_stays_after_a_kill_and_does_not_come_again() {
    let theirs = full();
    let daemon = Daemon::start().await;
    import(&daemon, theirs.open(System::ClaudeSwarm).unwrap()).await;
    let folder = daemon.kill();
    theirs.message("bbbb2222", "aaaa1111", "new", 0);
    let daemon = Daemon::start_in(folder, |_| ()).await;
    let all = import(&daemon, theirs.open(System::ClaudeSwarm).unwrap()).await;
    assert_eq!(
        (all[&Kind::Messages].imported, all[&Kind::Messages].already),
        (1, 3)
    );
    let folder = daemon.stop().await;
    fs::remove_file(folder.path().join("messages.db")).unwrap();
    let daemon = Daemon::start_in(folder, |_| ()).await;
    let mut owner = daemon.owner().await;
    let history = owner
        .call(&messages::History::default())
        .await
        .unwrap()
        .messages;
    assert_eq!(history.len(), 4);
}

#[tokio::test]
async fn a_database_of_claude_peers_has_peers_and_messages() {
    let theirs = Theirs::of_two(PEERS);
    for n in 0..300 {
        theirs.message("aaaa1111", "bbbb2222", &n.to_string(), u8::from(n < 150));
    }
    let daemon = Daemon::start().await;
    let all = import(&daemon, theirs.open(System::ClaudePeers).unwrap()).await;
    assert_eq!(
        all.keys().collect::<Vec<_>>(),
        [&Kind::Peers, &Kind::Messages]
    );
    assert_eq!(all[&Kind::Messages].imported, 300);
    // The rate of a minute is no matter, and their order is kept.
    let broker = Broker::of(daemon).await;
    broker
        .post("/heartbeat", serde_json::json!({"id": "bbbb2222"}))
        .await;
    let mut socket = broker.socket("bbbb2222").await;
    let wanted: Vec<String> = (150..300).map(|n| n.to_string()).collect();
    assert_eq!(socket.texts(150).await, wanted);
}

#[tokio::test]
async fn what_cannot_be_taken_is_skipped_with_the_reason_and_the_rest_comes() {
    let theirs = Theirs::of_two(SWARM);
    let insert = |from: &dyn rusqlite::ToSql,
                  to: &dyn rusqlite::ToSql,
                  text: &dyn rusqlite::ToSql,
                  sent: &dyn rusqlite::ToSql| {
        theirs
            .db
            .execute(
                "INSERT INTO messages (from_id, to_id, text, sent_at) VALUES (?, ?, ?, ?)",
                params![from, to, text, sent],
            )
            .unwrap();
    };
    let (a, b) = ("aaaa1111", "bbbb2222");
    insert(&a, &b, &"good", &AT);
    insert(&a, &b, &vec![0_u8, 255], &AT);
    insert(&a, &b, &"x".repeat(70_000), &AT);
    insert(&a, &b, &"x".repeat(3_000_000), &AT);
    insert(&a, &b, &"no time", &"yesterday");
    insert(&"a b\u{1b}[31m", &b, &"bad id", &AT);
    insert(&a, &"gone9999", &"nobody", &AT);
    insert(&"user", &b, &"as the person", &AT);
    insert(&a, &b, &"with a \u{0} in it", &AT);
    insert(&a, &b, &5, &AT);
    theirs
        .db
        .execute_batch(&format!(
            "INSERT INTO tasks VALUES (1, '{a}', '{b}', 'x', NULL, 'invented', NULL, '{AT}', '{AT}');
             INSERT INTO alerts VALUES (1, '{a}', '{b}', 'x', 'loud', '{AT}', 0);
             INSERT INTO shared_files VALUES (1, '{a}', '../../etc/passwd', 'x', 1, 'text/plain', '{AT}');
             INSERT INTO messages (from_id, to_id, text, sent_at) VALUES ('{a}', '{b}', CAST(x'ff' AS TEXT), '{AT}');
             UPDATE peers SET tags = 'no list' WHERE id = '{a}';
             UPDATE peers SET status = '<script>' WHERE id = '{a}';"
        ))
        .unwrap();
    let daemon = Daemon::start().await;
    let all = import(&daemon, theirs.open(System::ClaudeSwarm).unwrap()).await;
    let messages = &all[&Kind::Messages];
    assert_eq!(messages.imported, 3);
    let skipped = messages.skipped.join("\n");
    for why in [
        "2: text is bytes",
        "70000 bytes, and at most 65536 are allowed",
        "4: text has 3000000 bytes",
        "5: sent_at is no time",
        "6: from_id: peer id",
        "there is no peer \"gone9999\"",
        "user shows a secret",
        "11: text is a text that is not UTF-8",
    ] {
        assert!(skipped.contains(why), "{why}: {skipped}");
    }
    assert_eq!(messages.skipped.len(), 8);
    assert_eq!(all[&Kind::Peers].lost.len(), 2);
    assert_eq!(
        all[&Kind::Tasks].skipped,
        ["1: state is none of pending, in_progress, completed and rejected"]
    );
    assert_eq!(
        (all[&Kind::Alerts].imported, all[&Kind::Alerts].lost.len()),
        (1, 1)
    );
    assert!(all[&Kind::Files].skipped[0].contains("cannot be the name of a shared file"));
}

fn problem(opened: Result<Source, ImportError>) -> String {
    match opened.map(|mut source| {
        loop {
            match source.read() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }) {
        Err(error) | Ok(Err(error)) => error.to_string(),
        Ok(Ok(())) => panic!("it was read"),
    }
}

#[test]
fn what_is_no_database_of_theirs_is_refused_with_the_reason() {
    let empty = Theirs::new("");
    let scratch = empty.folder.path().join("scratch");
    let open = |path: &Path| Source::open(System::ClaudeSwarm, path, &scratch, "here".to_owned());
    let missing = open(&empty.folder.path().join("missing.db"));
    assert!(problem(missing).contains("No such file"));
    assert!(problem(open(empty.folder.path())).contains("is not a file"));
    let text = empty.folder.path().join("text.db");
    fs::write(
        &text,
        "this is a text and no database, and long enough to be looked at as one",
    )
    .unwrap();
    assert!(
        problem(open(&text)).contains("not a database"),
        "{}",
        problem(open(&text))
    );
    assert!(problem(empty.open(System::ClaudeSwarm)).contains("has no table peers"));
    let swarm = Theirs::of_two(SWARM);
    assert!(problem(swarm.open(System::ClaudePeers)).contains("import it as claude-swarm"));
    // Older ones have fewer tables and columns; some they always had.
    let older = Theirs::of_two(PEERS);
    older.db.execute_batch("CREATE TABLE pins (id INTEGER PRIMARY KEY, author_id TEXT, content TEXT, created_at TEXT)").unwrap();
    assert!(older.open(System::ClaudeSwarm).unwrap().read().is_ok());
    older
        .db
        .execute_batch("ALTER TABLE messages DROP COLUMN sent_at")
        .unwrap();
    assert!(
        problem(older.open(System::ClaudeSwarm)).contains("table messages has no column sent_at")
    );
    // A view that never ends is not looked into.
    let view = Theirs::of_two(PEERS);
    view.db
        .execute_batch(
            "DROP TABLE messages;
             CREATE VIEW messages AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
             SELECT id, 'a' AS from_id, 'b' AS to_id, 'x' AS text, 'x' AS sent_at, 0 AS delivered FROM n",
        )
        .unwrap();
    assert!(problem(view.open(System::ClaudePeers)).contains("messages is no table of theirs"));
    // Damage is told, wherever it is.
    let damaged = full();
    damaged
        .db
        .pragma_update(None, "wal_checkpoint", "TRUNCATE")
        .ok();
    let path = damaged.path();
    drop(damaged.db);
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[4096..half].fill(0xa5);
    let broken = damaged.folder.path().join("broken.db");
    fs::write(&broken, bytes).unwrap();
    assert!(problem(open(&broken)).contains("cannot be read as a database of claude-swarm"));
}

#[tokio::test]
async fn only_the_person_brings_anything_in_and_nothing_in_the_name_of_a_peer_with_a_secret() {
    let theirs = Theirs::of_two(SWARM);
    let daemon = Daemon::start().await;
    let mut alice: Peer = daemon.join("alice").await;
    let id = alice.joined.id.to_string();
    theirs.message(&id, "bbbb2222", "as alice", 0);
    theirs.message("bbbb2222", &id, "to alice", 0);
    theirs
        .db
        .execute(
            "INSERT INTO peers (id, pid, cwd, summary, registered_at, last_seen) VALUES (?, 1, '/', '', ?, ?)",
            params![id, AT, AT],
        )
        .unwrap();
    let refused = alice.refused(&Bring { items: Vec::new() }).await;
    assert_eq!(refused.code, swarm_core::error_code::ErrorCode::Forbidden);
    let all = import(&daemon, theirs.open(System::ClaudeSwarm).unwrap()).await;
    assert_eq!(
        (all[&Kind::Peers].imported, all[&Kind::Messages].imported),
        (2, 0)
    );
    assert_eq!(
        (
            all[&Kind::Peers].skipped.len(),
            all[&Kind::Messages].skipped.len()
        ),
        (1, 2)
    );
    assert!(
        alice
            .call(&inbox::Read::default())
            .await
            .messages
            .is_empty()
    );
}
