//! The routes that only claude-swarm has.

use serde_json::{Value, json};

use super::theirs::Broker;

#[tokio::test]
async fn a_task_is_handed_over_changed_by_its_parties_and_by_nobody_else() {
    let broker = Broker::start().await;
    let (a, b, c) = (
        broker.register(1).await,
        broker.register(2).await,
        broker.register(3).await,
    );
    let delegate = json!({"from_id": a, "to_id": b, "description": "fix it", "deadline": "noon"});
    let task = broker.post("/delegate-task", delegate).await;
    assert_eq!(task, json!({"ok": true, "task_id": 1}));
    let row = broker
        .post("/list-tasks", json!({"peer_id": b, "role": "assignee"}))
        .await[0]
        .clone();
    assert_eq!(row.as_object().unwrap().len(), 9);
    for (key, value) in [
        ("id", json!(1)),
        ("from_id", json!(a)),
        ("to_id", json!(b)),
        ("description", json!("fix it")),
        ("deadline", json!("noon")),
        ("state", json!("pending")),
        ("result", Value::Null),
    ] {
        assert_eq!(row[key], value, "{key}");
    }
    let update = |peer: &str, task: u64, state: &str| {
        broker.post(
            "/update-task",
            json!({"task_id": task, "peer_id": peer, "state": state, "result": "done"}),
        )
    };
    let not_yours = json!({"ok": false, "error": "Not authorized to update this task"});
    assert_eq!(update(&c, 1, "completed").await, not_yours);
    assert_eq!(
        update(&b, 9, "completed").await,
        json!({"ok": false, "error": "Task 9 not found"})
    );
    for state in ["pending", "in_progress", "completed"] {
        assert_eq!(update(&b, 1, state).await, json!({"ok": true}), "{state}");
    }
    // What is done is not done again, and no state is made up.
    assert_eq!(update(&b, 1, "in_progress").await["ok"], false);
    assert_eq!(update(&b, 1, "anything").await["ok"], false);
    for (role, peer, count) in [
        ("assignee", &b, 1),
        ("assigner", &b, 0),
        ("assigner", &a, 1),
        ("all", &a, 1),
        ("all", &c, 0),
    ] {
        let rows = broker
            .post("/list-tasks", json!({"peer_id": peer, "role": role}))
            .await;
        assert_eq!(rows.as_array().unwrap().len(), count, "{role}");
    }
    let row = broker
        .post("/list-tasks", json!({"peer_id": a, "role": "all"}))
        .await[0]
        .clone();
    assert_eq!(
        (&row["state"], &row["result"]),
        (&json!("completed"), &json!("done"))
    );
    // Who handed it over may close it as well.
    let delegate = json!({"from_id": a, "to_id": b, "description": "mend it"});
    broker.post("/delegate-task", delegate).await;
    assert_eq!(update(&a, 2, "completed").await, json!({"ok": true}));
    // A task for nobody is no success.
    let mut http = broker.http().await;
    let nobody = json!({"from_id": a, "to_id": "zzzzzzzz", "description": "x"}).to_string();
    let answer = http.ask("POST", "/delegate-task", "", &nobody).await;
    assert_eq!(
        (answer.status, answer.json()),
        (500, json!({"error": "Peer zzzzzzzz not found"}))
    );
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one thing after the other, and short"
)]
async fn texts_pins_and_alerts_are_shared_and_listed() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let long = "ä".repeat(10_000);
    let share = |title: &str, content: &str| {
        broker.post(
            "/share-snippet",
            json!({"author_id": a, "title": title, "content": content, "language": "rust"}),
        )
    };
    assert_eq!(
        share("short", "fn").await,
        json!({"ok": true, "snippet_id": 1})
    );
    assert_eq!(
        share("long", &long).await,
        json!({"ok": true, "snippet_id": 2})
    );
    let rows = broker.post("/list-snippets", json!({})).await;
    assert_eq!(
        (&rows[0]["title"], &rows[1]["title"]),
        (&json!("long"), &json!("short"))
    );
    assert_eq!(rows[0]["content"], json!(long));
    let row = broker.post("/get-snippet", json!({"id": 1})).await;
    assert_eq!(
        (&row["content"], &row["language"]),
        (&json!("fn"), &json!("rust"))
    );
    assert_eq!(row.as_object().unwrap().len(), 6);
    assert_eq!(
        broker.post("/get-snippet", json!({"id": 7})).await,
        Value::Null
    );
    assert_eq!(
        broker
            .post("/list-snippets", json!({"limit": 1}))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let pin = broker
        .post(
            "/pin-message",
            json!({"author_id": a, "content": "use tabs"}),
        )
        .await;
    assert_eq!(pin, json!({"ok": true, "pin_id": 1}));
    let pins = broker.post("/list-pins", json!({})).await;
    assert_eq!(
        (&pins[0]["content"], &pins[0]["author_id"]),
        (&json!("use tabs"), &json!(a))
    );
    let unpin = || broker.post("/unpin-message", json!({"pin_id": 1, "peer_id": b}));
    assert_eq!(unpin().await, json!({"ok": true}));
    assert_eq!(
        unpin().await,
        json!({"ok": false, "error": "Pin #1 not found"})
    );
    assert_eq!(broker.post("/list-pins", json!({})).await, json!([]));

    let alert = |to: &str| {
        let body = json!({"from_id": a, "to_id": to, "message": "fire", "priority": "critical"});
        broker.post("/alert-peer", body)
    };
    assert_eq!(alert(&b).await, json!({"ok": true, "alert_id": 1}));
    assert_eq!(
        alert("zzzzzzzz").await,
        json!({"ok": false, "error": "Peer zzzzzzzz not found"})
    );
    let all = json!({"from_id": b, "message": "all", "priority": "info"});
    assert_eq!(
        broker.post("/alert-all", all).await,
        json!({"ok": true, "count": 1})
    );
    let rows = broker.post("/list-alerts", json!({"peer_id": b})).await;
    assert_eq!(
        (&rows[0]["message"], &rows[1]["message"]),
        (&json!("all"), &json!("fire"))
    );
    assert_eq!(
        (&rows[1]["to_id"], &rows[1]["acknowledged"]),
        (&json!(b), &json!(0))
    );
    assert_eq!(rows[1].as_object().unwrap().len(), 7);

    let stats = broker
        .post("/peer-stats", json!({"peer_id": b, "target_id": a}))
        .await;
    assert_eq!(stats["peer_id"], json!(a));
    assert_eq!(
        (&stats["snippets_shared"], &stats["alerts_sent"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stats.as_object().unwrap().len(), 8);
    let stats = broker
        .post("/peer-stats", json!({"peer_id": "nobody"}))
        .await;
    assert_eq!(stats["messages_sent"], 0);
}

#[tokio::test]
async fn no_path_of_a_caller_is_opened_and_no_command_is_run_in_its_folder() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.txt");
    std::fs::write(&secret, "secret").unwrap();
    let share = json!({"author_id": a, "file_path": secret});
    let shared = broker.post("/share-file", share).await;
    assert_eq!(shared["ok"], false);
    assert_eq!(
        broker.post("/list-shared-files", json!({})).await,
        json!([])
    );
    assert_eq!(
        broker.post("/get-shared-file", json!({"id": 1})).await,
        Value::Null
    );
    // A folder whose git would run something.
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(args).current_dir(folder.path()).output().unwrap()
    };
    git(&["init", "-q"]);
    let ran = folder.path().join("ran");
    let program = folder.path().join("monitor");
    std::fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    git(&["config", "core.fsmonitor", program.to_str().unwrap()]);
    let review = json!({"from_id": a, "to_id": b, "cwd": folder.path()});
    assert_eq!(
        broker.post("/request-review", review).await,
        json!({"ok": true})
    );
    let sync = json!({"from_id": a, "cwd": folder.path(), "scope": "machine"});
    let synced = broker.post("/sync-status", sync).await;
    assert_eq!(
        (&synced["ok"], &synced["count"]),
        (&json!(false), &json!(0))
    );
    assert!(!ran.exists());
    let polled = broker.poll(&b).await;
    assert_eq!(polled.len(), 1, "one notification for one review");
    assert!(
        polled[0].starts_with(&format!("🔍 Review Request from {a}\nBranch: ")),
        "{polled:?}"
    );
    let unknown = json!({"from_id": a, "to_id": "zzzzzzzz", "cwd": "/"});
    assert_eq!(
        broker.post("/request-review", unknown).await,
        json!({"ok": false, "error": "Peer zzzzzzzz not found"})
    );
}

#[tokio::test]
async fn a_file_that_another_client_shared_is_listed_and_read() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use swarm_http::operations::files::Share;
    let broker = Broker::start().await;
    let mut alice = broker.daemon.join("alice").await;
    let share = Share {
        name: "a.json".to_owned(),
        mime: "application/json".to_owned(),
        content: STANDARD.encode("{}"),
    };
    alice.call(&share).await;
    let rows = broker.post("/list-shared-files", json!({})).await;
    assert_eq!(
        (&rows[0]["filename"], &rows[0]["size_bytes"]),
        (&json!("a.json"), &json!(2))
    );
    assert!(rows[0].get("content").is_none());
    let row = broker.post("/get-shared-file", json!({"id": 1})).await;
    assert_eq!(
        (&row["content"], &row["mime_type"]),
        (&json!("{}"), &json!("application/json"))
    );
}

#[tokio::test]
async fn everything_is_counted_and_shown_without_a_script() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    broker.send(&a, &b, "hello").await;
    let delegate = json!({"from_id": a, "to_id": b, "description": "x"});
    broker.post("/delegate-task", delegate).await;
    let hostile = json!({"id": a, "summary": "<script>alert(1)</script>\"'"});
    broker.post("/set-summary", hostile).await;
    let mut http = broker.http().await;
    for method in ["GET", "PUT"] {
        let shown = http.ask(method, "/analytics", "", "").await.json();
        assert_eq!(
            (&shown["total_peers"], &shown["total_tasks"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(shown["task_completion_rate"], "0.0%");
        assert_eq!(shown["peer_stats"].as_array().unwrap().len(), 2);
        assert!(shown["peer_stats"][0]["tasks_assigned"].is_u64());
        assert!(shown["peak_hours"][0]["count"].is_u64());
    }
    let page = http.ask("GET", "/dashboard", "", "").await;
    assert!(
        page.headers
            .contains("content-type: text/html; charset=utf-8")
    );
    assert!(page.headers.contains("x-frame-options: deny"));
    assert!(
        page.headers
            .contains("content-security-policy: default-src 'none'")
    );
    assert!(page.body.contains("<title>Claude Swarm Dashboard</title>"));
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;"));
}
