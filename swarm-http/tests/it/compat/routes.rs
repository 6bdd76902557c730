//! Every route of the seven that both systems share, and what is at none.

use serde_json::{Value, json};

use super::theirs::{Broker, Http};

async fn refused(http: &mut Http, path: &str, body: &str) -> (u16, String) {
    let answer = http.ask("POST", path, "", body).await;
    let why = answer.json()["error"].as_str().unwrap().to_owned();
    (answer.status, why)
}

#[tokio::test]
async fn a_broker_is_up_and_says_so_as_theirs_do() {
    let broker = Broker::start().await;
    let mut http = broker.http().await;
    let answer = http.ask("GET", "/health", "", "").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .headers
            .contains("content-type: application/json;charset=utf-8\r\n"),
        "{answer:?}"
    );
    let health = answer.json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["name"], "claude-swarm");
    assert_eq!(
        (&health["peers"], &health["ws_connections"]),
        (&json!(0), &json!(0))
    );
    let id = broker.register(1).await;
    let _socket = broker.socket(&id).await;
    let health = http.ask("GET", "/health", "", "").await.json();
    assert_eq!(
        (&health["peers"], &health["ws_connections"]),
        (&json!(1), &json!(1))
    );
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/register"),
        ("PUT", "/send-message"),
        ("DELETE", "/health"),
        ("OPTIONS", "/nowhere"),
    ] {
        let answer = http.ask(method, path, "", "").await;
        assert_eq!(answer.status, 200, "{method} {path}");
        assert_eq!(answer.body, "claude-swarm-mcp broker");
        assert!(answer.headers.contains("content-type: text/plain"));
    }
    for path in ["/nowhere", "/health", "/register/", "/"] {
        let found = refused(&mut http, path, "{}").await;
        assert_eq!(found, (404, "not found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_bad_body_is_an_error_with_the_words_of_theirs() {
    let broker = Broker::start().await;
    let id = broker.register(1).await;
    let mut http = broker.http().await;
    let with = |more: &str| format!(r#"{{"from_id":"{id}","to_id":"{id}","id":"{id}"{more}}}"#);
    for (path, body, why) in [
        ("/list-peers", String::new(), "Unexpected end of JSON input"),
        ("/nowhere", String::new(), "Unexpected end of JSON input"),
        (
            "/register",
            "null".to_owned(),
            "null is not an object (evaluating 'body.pid')",
        ),
        (
            "/register",
            r#"{"cwd":"/","summary":""}"#.to_owned(),
            "NOT NULL constraint failed: peers.pid",
        ),
        (
            "/register",
            r#"{"pid":1,"summary":""}"#.to_owned(),
            "NOT NULL constraint failed: peers.cwd",
        ),
        (
            "/register",
            r#"{"pid":1,"cwd":"/"}"#.to_owned(),
            "NOT NULL constraint failed: peers.summary",
        ),
        (
            "/send-message",
            with(""),
            "NOT NULL constraint failed: messages.text",
        ),
        (
            "/send-message",
            with(r#","text":{}"#),
            "Binding expected string, TypedArray, boolean, number, bigint or null",
        ),
        (
            "/set-summary",
            with(""),
            "NOT NULL constraint failed: peers.summary",
        ),
        (
            "/set-status",
            with(""),
            "NOT NULL constraint failed: peers.status",
        ),
        (
            "/set-tags",
            with(""),
            "NOT NULL constraint failed: peers.tags",
        ),
        (
            "/message-history",
            r#"{"limit":"x"}"#.to_owned(),
            "datatype mismatch",
        ),
        (
            "/delegate-task",
            with(""),
            "NOT NULL constraint failed: tasks.description",
        ),
        (
            "/update-task",
            with(""),
            "NOT NULL constraint failed: tasks.state",
        ),
        (
            "/pin-message",
            r#"{"author_id":"x"}"#.to_owned(),
            "NOT NULL constraint failed: pins.content",
        ),
    ] {
        let found = refused(&mut http, path, &body).await;
        assert_eq!(found, (500, why.to_owned()), "{path} {body}");
    }
    for body in ["{", "{\"a\":}", "\u{0}", &"[".repeat(100_000)] {
        assert_eq!(refused(&mut http, "/list-peers", body).await.0, 500);
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of requests")]
async fn who_is_here_is_listed_as_they_list_it() {
    let broker = Broker::start().await;
    let first = broker.register(1).await;
    let second = broker
        .post(
            "/register",
            json!({"pid": 2, "cwd": "/elsewhere", "git_root": null, "tty": null, "summary": "", "tags": ["x", "y"]}),
        )
        .await["id"]
        .clone();
    assert_eq!(first.len(), 8);
    assert!(
        first
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
    let list = |more: Value| {
        let mut body = json!({"scope": "machine", "cwd": "/work/1", "git_root": "/work"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        broker.post("/list-peers", body)
    };
    let all = list(json!({})).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let row = &all[0];
    assert_eq!(row["id"], json!(first));
    for (key, value) in [
        ("pid", json!(1)),
        ("cwd", json!("/work/1")),
        ("git_root", json!("/work")),
        ("tty", json!("pts/1")),
        ("summary", json!("server 1")),
        ("tags", json!("[]")),
        ("status", json!("active")),
    ] {
        assert_eq!(row[key], value, "{key}");
    }
    for key in ["registered_at", "last_seen"] {
        let time = row[key].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }
    assert_eq!(row.as_object().unwrap().len(), 10);
    let row = &all[1];
    assert_eq!(
        (&row["git_root"], &row["tty"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(row["tags"], r#"["x","y"]"#);
    for (more, count) in [
        (json!({"scope": "anything"}), 2),
        (json!({"scope": "directory"}), 1),
        (json!({"scope": "directory", "cwd": "/elsewhere"}), 1),
        (json!({"scope": "repo"}), 1),
        (
            json!({"scope": "repo", "cwd": "/elsewhere", "git_root": null}),
            1,
        ),
        (json!({"scope": "repo", "cwd": "/", "git_root": ""}), 0),
        (json!({"exclude_id": first}), 1),
        (json!({"tag": "x"}), 1),
        (json!({"tag": "z"}), 0),
        (json!({"tag": null}), 2),
    ] {
        let found = list(more.clone()).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{more}");
    }
    for (path, body) in [
        (
            "/set-summary",
            json!({"id": second, "summary": "the parser"}),
        ),
        ("/set-tags", json!({"id": second, "tags": ["z"]})),
        ("/set-status", json!({"id": second, "status": "dnd"})),
        ("/heartbeat", json!({"id": second})),
    ] {
        assert_eq!(broker.post(path, body).await, json!({"ok": true}), "{path}");
    }
    let row = list(json!({"tag": "z"})).await[0].clone();
    assert_eq!(
        (&row["summary"], &row["status"]),
        (&json!("the parser"), &json!("dnd"))
    );
    // A status is one of theirs, and nothing that a page could run.
    let mut http = broker.http().await;
    let bad = json!({"id": second, "status": "\"><script>"}).to_string();
    assert_eq!(refused(&mut http, "/set-status", &bad).await.0, 500);
    for id in [json!(first), json!("nobody"), json!(""), Value::Null] {
        let gone = broker.post("/unregister", json!({"id": id})).await;
        assert_eq!(gone, json!({"ok": true}));
    }
    assert_eq!(list(json!({})).await.as_array().unwrap().len(), 1);
    for path in ["/heartbeat", "/set-summary", "/set-status", "/set-tags"] {
        let unknown = broker.post(path, json!({"id": "nobody at all"})).await;
        assert_eq!(unknown, json!({"ok": true}), "{path}");
    }
    assert_eq!(
        broker.post("/poll-messages", json!({"id": "nobody"})).await,
        json!({"messages": []})
    );
}

#[tokio::test]
async fn a_message_is_polled_once_and_shown_in_the_history() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    broker.send(&a, &b, "first").await;
    broker.send(&a, &b, "second").await;
    let mut http = broker.http().await;
    let polled = http.post("/poll-messages", json!({"id": b})).await;
    let rows = polled["messages"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["from_id"], json!(a));
    assert_eq!(rows[0]["to_id"], json!(b));
    assert_eq!(rows[0]["text"], "first");
    assert_eq!(rows[0]["delivered"], 0);
    assert!(rows[0]["id"].as_u64() < rows[1]["id"].as_u64());
    assert!(rows[0]["sent_at"].as_str().unwrap().ends_with('Z'));
    let again = http.post("/poll-messages", json!({"id": b})).await;
    assert_eq!(again, json!({"messages": []}));
    broker.send(&b, &a, "third").await;
    let history = http.post("/message-history", json!({})).await;
    let rows = history.as_array().unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (&row["text"], &row["delivered"]))
        .collect();
    let (zero, one) = (json!(0), json!(1));
    assert_eq!(
        shown,
        [
            (&json!("third"), &zero),
            (&json!("second"), &one),
            (&json!("first"), &one)
        ]
    );
    for (body, count) in [
        (json!({"peer_id": a}), 3),
        (json!({"peer_id": "nobody"}), 0),
        (json!({"limit": 2}), 2),
        (json!({"limit": 0}), 0),
        (json!({"limit": -1}), 3),
    ] {
        let found = http.post("/message-history", body.clone()).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{body}");
    }
    // A number is a text, as in their database.
    let five = json!({"from_id": a, "to_id": b, "text": 5});
    broker.post("/send-message", five).await;
    assert_eq!(broker.poll(&b).await, ["5"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_with_status_200() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let send = |to: &str| {
        broker.post(
            "/send-message",
            json!({"from_id": a, "to_id": to, "text": "x"}),
        )
    };
    assert_eq!(
        send("zzzzzzzz").await,
        json!({"ok": false, "error": "Peer zzzzzzzz not found"})
    );
    broker
        .post("/set-status", json!({"id": b, "status": "dnd"}))
        .await;
    assert_eq!(
        send(&b).await,
        json!({"ok": true, "warning": format!("Warning: Peer {b} is in Do Not Disturb mode")})
    );
    for _ in 1..60 {
        send(&b).await;
    }
    assert_eq!(
        send(&b).await,
        json!({"ok": false, "error": "Rate limit exceeded (max 60 messages/minute)"})
    );
    let broadcast = broker
        .post("/broadcast-message", json!({"from_id": a, "text": "x"}))
        .await;
    assert_eq!(
        (&broadcast["ok"], &broadcast["count"]),
        (&json!(false), &json!(0))
    );
    // Nobody else is slowed down by that.
    let other = broker
        .post(
            "/send-message",
            json!({"from_id": b, "to_id": a, "text": "x"}),
        )
        .await;
    assert_eq!(other, json!({"ok": true}));
}

#[tokio::test]
async fn the_command_line_sends_and_is_answered() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    broker.send("cli", &a, "from a terminal").await;
    assert_eq!(broker.poll(&a).await, ["from a terminal"]);
    // With their brokers, `Peer cli not found`.
    broker.send(&a, "cli", "an answer").await;
    assert_eq!(broker.poll("cli").await, ["an answer"]);
    let sent = broker
        .post(
            "/broadcast-message",
            json!({"from_id": "cli", "text": "to all"}),
        )
        .await;
    assert_eq!(sent, json!({"ok": true, "count": 2}));
    assert_eq!(broker.poll(&b).await, ["to all"]);
    let scoped = json!({"from_id": a, "text": "here", "scope": "directory", "cwd": "/work/1", "git_root": "/work"});
    let sent = broker.post("/broadcast-message", scoped).await;
    assert_eq!(sent, json!({"ok": true, "count": 0}));
    let scoped = json!({"from_id": a, "text": "repo", "scope": "repo", "cwd": "/work/1", "git_root": "/work"});
    let sent = broker.post("/broadcast-message", scoped).await;
    assert_eq!(sent, json!({"ok": true, "count": 1}));
}
