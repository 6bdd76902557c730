//! Who is not let in, and as whom nobody can act.

use std::collections::BTreeSet;

use serde_json::json;
use swarm_core::error_code::ErrorCode;
use swarm_http::operations::{inbox, messages, peers, tasks};

use super::theirs::{Broker, Socket};
use crate::api::send;

const ROUTES: [&str; 29] = [
    "/register",
    "/heartbeat",
    "/set-summary",
    "/list-peers",
    "/send-message",
    "/poll-messages",
    "/unregister",
    "/set-tags",
    "/set-status",
    "/broadcast-message",
    "/message-history",
    "/delegate-task",
    "/list-tasks",
    "/update-task",
    "/share-snippet",
    "/list-snippets",
    "/get-snippet",
    "/share-file",
    "/list-shared-files",
    "/get-shared-file",
    "/alert-peer",
    "/alert-all",
    "/list-alerts",
    "/pin-message",
    "/list-pins",
    "/unpin-message",
    "/peer-stats",
    "/request-review",
    "/sync-status",
];

#[tokio::test]
async fn no_page_and_no_foreign_name_is_let_in_at_any_route() {
    let broker = Broker::start().await;
    let port = broker.at.port();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let own = format!("Origin: http://127.0.0.1:{port}\r\n");
    let foreign = format!("Host: evil.example:{port}\r\n");
    for bad in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        &own,
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        &foreign,
        "Host: 127.0.0.1\r\n",
        "Host: 127.0.0.1:1\r\n",
    ] {
        for (method, path) in ROUTES.map(|path| ("POST", path)).into_iter().chain(
            [
                "/health",
                "/analytics",
                "/dashboard",
                "/ws?peer_id=abcd1234",
                "/",
            ]
            .map(|path| ("GET", path)),
        ) {
            let answer = broker
                .http()
                .await
                .ask(method, path, bad, if method == "POST" { "{}" } else { "" })
                .await;
            assert_eq!(answer.status, 403, "{method} {path} {bad}: {answer:?}");
        }
        let both = format!("{upgrade}{bad}");
        let answer = broker
            .http()
            .await
            .ask("GET", "/ws?peer_id=abcd1234", &both, "")
            .await;
        assert_eq!(answer.status, 403, "{bad}");
    }
    for path in ROUTES {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
        ] {
            let kind = format!("Content-Type: {kind}\r\n");
            let answer = broker.http().await.ask("POST", path, &kind, "{}").await;
            assert_eq!(answer.status, 403, "{path} {kind}");
        }
    }
    let kind = "Content-Type: application/json;charset=utf-8\r\n";
    let answer = broker
        .http()
        .await
        .ask("POST", "/list-pins", kind, "{}")
        .await;
    assert_eq!(answer.status, 200);
    let large = format!(r#"{{"content":"{}"}}"#, "x".repeat(9 * 1024 * 1024));
    let answer = broker
        .http()
        .await
        .ask("POST", "/pin-message", "", &large)
        .await;
    assert_eq!(answer.status, 413);
    assert!(broker.at.ip().is_loopback());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of requests")]
async fn nobody_acts_as_a_peer_that_shows_a_secret_or_as_the_person() {
    let broker = Broker::start().await;
    let mut alice = broker.daemon.join("alice").await;
    let mut bob = broker.daemon.join("bob").await;
    let ours = broker.register(1).await;
    let id = alice.joined.id.to_string();
    // An id as their brokers make them, which is what alice is called.
    let name = swarm_peers::PeerName::new("alice123").unwrap();
    alice.call(&peers::Rename { name }).await;
    alice.call(&send("bob", "for bob only")).await;
    bob.call(&send(&id, "for alice only")).await;
    let delegate = tasks::Delegate {
        to: Some("bob".to_owned()),
        description: "private".to_owned(),
        deadline: None,
    };
    alice.call(&delegate).await;
    let before = alice.call(&peers::Me {}).await.peer;
    for victim in [&id, "alice123", "user", "swarm", bob.joined.id.as_str()] {
        for path in ROUTES {
            if matches!(
                path,
                "/register"
                    | "/list-peers"
                    | "/message-history"
                    | "/list-tasks"
                    | "/list-snippets"
                    | "/get-snippet"
                    | "/list-shared-files"
                    | "/get-shared-file"
                    | "/list-alerts"
                    | "/list-pins"
                    | "/unpin-message"
                    | "/peer-stats"
            ) {
                continue;
            }
            let body = json!({
                "id": victim, "from_id": victim, "author_id": victim, "peer_id": victim, "to_id": ours, "text": "x", "message": "x",
                "priority": "info", "content": "x", "title": "x", "description": "x", "summary": "x", "tags": ["x"], "status": "busy",
                "task_id": 1, "state": "completed", "pin_id": 1, "cwd": "/", "file_path": "/x",
            });
            let answer = broker
                .http()
                .await
                .ask("POST", path, "", &body.to_string())
                .await;
            assert_eq!(answer.status, 403, "{path} as {victim}: {answer:?}");
        }
        assert_eq!(
            Socket::open(broker.at, victim).await.err(),
            Some(403),
            "{victim}"
        );
    }
    let nothing: Vec<String> = Vec::new();
    assert_eq!(broker.poll(&ours).await, nothing);
    let after = alice.call(&peers::Me {}).await.peer;
    assert_eq!(
        (after.waiting, after.presence, after.connection),
        (before.waiting, before.presence, before.connection)
    );
    // What they say to each other is not for everybody on this machine.
    for body in [
        json!({}),
        json!({"peer_id": id}),
        json!({"peer_id": bob.joined.id}),
        json!({"peer_id": "user"}),
    ] {
        assert_eq!(
            broker.post("/message-history", body.clone()).await,
            json!([]),
            "{body}"
        );
        assert_eq!(broker.post("/list-tasks", body).await, json!([]));
    }
    let alert = json!({"pin_id": 1});
    alice
        .call(&swarm_http::operations::pins::Pin {
            content: "stays".to_owned(),
        })
        .await;
    assert_eq!(broker.post("/unpin-message", alert).await["ok"], false);
    assert_eq!(
        broker.post("/list-pins", json!({})).await[0]["content"],
        "stays"
    );
}

#[tokio::test]
async fn who_comes_here_has_nothing_to_show_at_the_other_door_and_is_given_nothing() {
    let broker = Broker::start().await;
    let ours = broker.register(1).await;
    let nothing = swarm_peers::peer::SHOWS_NOTHING;
    for token in [
        format!("{ours}."),
        format!("{ours}.{nothing}"),
        ours.clone(),
        nothing.to_owned(),
    ] {
        let mut client = broker.daemon.as_whoever_shows(&token).await;
        let refused = client.call(&peers::Me {}).await.unwrap_err();
        assert!(
            refused.to_string().contains("Authorization"),
            "{token}: {refused}"
        );
    }
    // Nor is it given a secret when the same identity joins there.
    let mut owner = broker.daemon.owner().await;
    let all = owner.call(&peers::List::default()).await.unwrap().peers;
    let identity = all[0].identity.clone();
    assert_eq!(all[0].id.as_str(), ours);
    for gone in [false, true] {
        if gone {
            broker.post("/unregister", json!({"id": ours})).await;
        }
        let join = peers::Join {
            identity: identity.clone(),
            name: None,
            reach: swarm_peers::peer::Reach::Push,
            credential: Some(format!("{ours}.{nothing}")),
        };
        let refused = owner.call(&join).await.unwrap_err();
        assert!(
            refused.to_string().contains("without a secret"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn those_of_one_door_see_those_of_the_other_and_write_to_them() {
    let broker = Broker::start().await;
    let mut alice = broker.daemon.join("alice").await;
    let ours = broker.register(1).await;
    let listed = broker
        .post(
            "/list-peers",
            json!({"scope": "machine", "cwd": "/", "git_root": null}),
        )
        .await;
    let ids: BTreeSet<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [alice.joined.id.as_str(), &ours].into());
    let seen = alice.call(&peers::List::default()).await.peers;
    assert_eq!(seen[0].id.as_str(), ours);
    assert_eq!(seen[0].summary.as_deref(), Some("server 1"));
    broker.send(&ours, "alice", "by name").await;
    let waiting = alice.call(&inbox::Read::default()).await.messages;
    assert_eq!(waiting[0].message.text, "by name");
    assert_eq!(waiting[0].message.from.as_str(), ours);
    let mut socket = broker.socket(&ours).await;
    let sent = alice.call(&send(&ours, "an answer")).await.message;
    assert_eq!(socket.texts(1).await, ["an answer"]);
    // The receipt is seen by who sent it.
    let shown = socket.until(async {
        loop {
            let shown = alice.call(&messages::Show { message: sent }).await;
            if shown.receipts[0].seen.is_some() {
                break shown;
            }
        }
    });
    assert_eq!(shown.await.receipts[0].way.as_deref(), Some("push"));
    let unknown = alice.refused(&send("zzzzzzzz", "x")).await;
    assert_eq!(unknown.code, ErrorCode::UnknownPeer);
    broker.send(&ours, "user", "to the person").await;
    let mut owner = broker.daemon.owner().await;
    let waiting = owner.call(&inbox::Read::default()).await.unwrap().messages;
    assert_eq!(waiting[0].message.text, "to the person");
}

#[tokio::test]
async fn no_program_of_another_user_is_let_in() {
    let broker = Broker::start().await;
    if !rustix::process::geteuid().is_root() {
        // Nobody else can be played then.
        return;
    }
    let program = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /health HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3",
        port = broker.at.port()
    );
    for (user, status) in [("65534", "HTTP/1.1 403"), ("0", "HTTP/1.1 200")] {
        let mut bash = tokio::process::Command::new("setpriv");
        bash.args(["--reuid", user, "--clear-groups", "bash", "-c", &program]);
        let Ok(answer) = bash.output().await else {
            return;
        };
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.starts_with(status), "{user}: {answer}");
    }
}

#[tokio::test]
async fn whatever_is_in_a_body_the_broker_goes_on() {
    let broker = Broker::unlimited().await;
    let id = broker.register(1).await;
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{202e}"),
        json!([]),
        json!([[1]]),
        json!({"a": {}}),
        json!("x".repeat(5_000)),
        json!("../../etc/passwd"),
        json!(id),
    ];
    let keys = [
        "id",
        "pid",
        "cwd",
        "git_root",
        "tty",
        "summary",
        "tags",
        "scope",
        "exclude_id",
        "tag",
        "from_id",
        "to_id",
        "text",
        "limit",
        "peer_id",
        "status",
        "description",
        "deadline",
        "role",
        "task_id",
        "state",
        "result",
        "author_id",
        "title",
        "content",
        "language",
        "file_path",
        "message",
        "priority",
        "pin_id",
        "target_id",
    ];
    let mut http = broker.http().await;
    for path in ROUTES {
        for (n, shift) in (0..odd.len()).flat_map(|n| [(n, 0), (n, 5)]) {
            let values = (0..keys.len()).map(|k| odd[(n + k * shift) % odd.len()].clone());
            let keys = keys.map(str::to_owned).into_iter();
            let body = serde_json::Value::Object(keys.zip(values).collect());
            let answer = http.ask("POST", path, "", &body.to_string()).await;
            assert!(
                [200, 403, 500].contains(&answer.status),
                "{path}: {answer:?}"
            );
            drop(answer.json());
        }
    }
    let health = http.ask("GET", "/health", "", "").await;
    assert_eq!(health.status, 200);
}
