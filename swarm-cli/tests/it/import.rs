//! `swarm import`

use rusqlite::Connection;
use serde_json::json;

use crate::{common::run, daemon::Home};

const AT: &str = "2026-01-02T03:04:05.678Z";

fn database(home: &Home, name: &str) -> std::path::PathBuf {
    let path = home.write(name, "");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE peers (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, cwd TEXT NOT NULL, git_root TEXT, tty TEXT,
            summary TEXT NOT NULL DEFAULT '', registered_at TEXT NOT NULL, last_seen TEXT NOT NULL);
         CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, from_id TEXT NOT NULL, to_id TEXT NOT NULL, text TEXT NOT NULL,
            sent_at TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0);
         INSERT INTO peers VALUES ('aaaa1111', 1, '/a', NULL, NULL, 'the parser', '{AT}', '{AT}');
         INSERT INTO messages (from_id, to_id, text, sent_at) VALUES ('cli', 'aaaa1111', 'waits', '{AT}');
         INSERT INTO messages (from_id, to_id, text, sent_at) VALUES ('cli', 'aaaa1111', x'00ff', '{AT}');
         INSERT INTO messages (from_id, to_id, text, sent_at) VALUES ('cli', 'gone\u{1b}[2J', 'x', '{AT}');"
    ))
    .unwrap();
    path
}

#[test]
fn a_dry_run_changes_nothing_and_the_import_brings_each_thing_once() {
    let home = Home::new();
    let db = database(&home, "theirs.db");
    let before = std::fs::read(&db).unwrap();
    let db = db.to_str().unwrap();
    let counts = |found: u64, imported: u64, here: u64, skipped: u64| json!({"found": found, "imported": imported, "already_here": here, "skipped": skipped});
    let count = |args: &[&str], kind: &str| {
        let mut all = home.json(args)["kinds"][kind].clone();
        let all = all.as_object_mut().unwrap();
        all.remove("reasons");
        all.remove("lost");
        serde_json::Value::Object(all.clone())
    };
    let dry = ["import", "claude-peers", db, "--dry-run"];
    assert_eq!(count(&dry, "peers"), counts(1, 1, 0, 0));
    assert_eq!(count(&dry, "messages"), counts(3, 1, 0, 2));
    // It did not even need the daemon.
    home.refuses(&["status"], 1, &[]);
    let import = ["import", "claude-peers", db];
    let said = home.swarm(&import).ok().stdout;
    assert!(
        said.contains("messages skipped: text is bytes (row 2)"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert_eq!(count(&import, "peers"), counts(1, 0, 1, 0));
    assert_eq!(count(&import, "messages"), counts(3, 0, 1, 2));
    assert_eq!(std::fs::read(db).unwrap(), before);
    let gone = home.lines(&["peers", "--gone"]);
    assert_eq!(
        (&gone[0]["id"], &gone[0]["waiting"]),
        (&json!("aaaa1111"), &json!(1))
    );
    let left = std::fs::read_dir(home.swarm_home()).unwrap();
    let left = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("import-")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn the_database_is_found_where_their_programs_have_it() {
    let home = Home::new();
    home.refuses(
        &["import", "claude-peers", "--dry-run"],
        1,
        &[".claude-peers.db"],
    );
    let db = database(&home, "elsewhere.db");
    for (variable, value) in [
        ("CLAUDE_PEERS_DB", db.as_os_str()),
        ("CLAUDE_PEERS_DB", "elsewhere.db".as_ref()),
    ] {
        let mut command = home.command(&["import", "claude-peers", "--dry-run"]);
        command.env(variable, value);
        let said = run(&mut command).ok().stdout.to_lowercase();
        assert!(said.contains("would come"), "{said}");
    }
    let mut command = home.command(&["import", "claude-swarm", "--dry-run"]);
    command.env("CLAUDE_SWARM_DB", &db);
    assert!(
        run(&mut command)
            .ok()
            .stdout
            .to_lowercase()
            .contains("would come")
    );
    home.write("text.txt", "no database, but long enough that somebody has to look at it, at least 100 bytes of nothing that is of any use to anybody");
    home.refuses(
        &["import", "claude-peers", "text.txt"],
        2,
        &["text.txt", "not a database"],
    );
}
