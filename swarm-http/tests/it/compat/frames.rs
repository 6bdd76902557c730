//! The socket: every frame, and the life of a connection.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use swarm_http::operations::{files::Share, reviews::SyncStatus};
use tokio_tungstenite::tungstenite::Message;

use super::theirs::{Broker, Socket};

#[tokio::test]
async fn a_socket_needs_an_id_and_an_upgrade() {
    let broker = Broker::start().await;
    let id = broker.register(1).await;
    let mut http = broker.http().await;
    for path in ["/ws", "/ws?peer_id=", "/ws?other=x"] {
        let answer = http.ask("GET", path, "", "").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (400, "Missing peer_id parameter")
        );
    }
    let answer = http.ask("GET", &format!("/ws?peer_id={id}"), "", "").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, "WebSocket upgrade failed")
    );
    assert_eq!(
        Socket::open(broker.at, "no-such-peer").await.err(),
        Some(403)
    );
    // An extension is offered as Bun does, and not taken.
    let offer = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let answer = http
        .ask("GET", &format!("/ws?peer_id={id}"), offer, "")
        .await;
    assert_eq!(answer.status, 101, "{answer:?}");
    assert!(
        !answer.headers.contains("sec-websocket-extensions"),
        "{answer:?}"
    );
}

/// All of `data`, in which everything is a text.
fn data(event: &Value) -> Value {
    let all = event["data"].as_object().unwrap();
    assert!(all.values().all(Value::is_string), "{event}");
    assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
    event["data"].clone()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of events")]
async fn every_event_has_its_keys_and_only_texts() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let mut socket = broker.socket(&b).await;
    for (path, body, kind, wanted) in [
        (
            "/delegate-task",
            json!({"to_id": b, "description": "fix it", "deadline": "noon"}),
            "task",
            json!({"action": "assigned", "task_id": "1", "from_id": a, "description": "fix it", "deadline": "noon"}),
        ),
        (
            "/delegate-task",
            json!({"to_id": b, "description": "fix it", "deadline": null}),
            "task",
            json!({"action": "assigned", "task_id": "2", "from_id": a, "description": "fix it"}),
        ),
        (
            "/update-task",
            json!({"task_id": 1, "peer_id": a, "state": "completed", "result": "done"}),
            "task",
            json!({"action": "updated", "task_id": "1", "state": "completed", "result": "done"}),
        ),
        (
            "/update-task",
            json!({"task_id": 2, "peer_id": a, "state": "rejected"}),
            "task",
            json!({"action": "updated", "task_id": "2", "state": "rejected"}),
        ),
        (
            "/share-snippet",
            json!({"author_id": a, "title": "t", "content": "c"}),
            "snippet",
            json!({"id": "1", "author_id": a, "title": "t", "language": "text"}),
        ),
        (
            "/alert-peer",
            json!({"to_id": b, "message": "fire", "priority": "critical"}),
            "alert",
            json!({"id": "1", "from_id": a, "message": "fire", "priority": "critical"}),
        ),
        (
            "/pin-message",
            json!({"author_id": a, "content": "use tabs"}),
            "pin",
            json!({"id": "1", "author_id": a, "content": "use tabs"}),
        ),
        (
            "/request-review",
            json!({"to_id": b, "cwd": "/w"}),
            "review_request",
            json!({"from_id": a, "branch": "not known", "diff_stat": "(git was not asked here) the changes are in /w"}),
        ),
    ] {
        let mut body = body;
        body["from_id"] = json!(a);
        assert_eq!(broker.post(path, body).await["ok"], true, "{path}");
        let event = socket.event().await;
        assert_eq!(event["type"], kind, "{event}");
        assert_eq!(data(&event), wanted);
    }
    for (path, kind) in [
        ("/send-message", "message"),
        ("/broadcast-message", "broadcast"),
    ] {
        broker
            .post(path, json!({"from_id": a, "to_id": b, "text": "hello"}))
            .await;
        let event = socket.event().await;
        assert_eq!(event["type"], kind);
        let mut data = data(&event);
        let sent = data.as_object_mut().unwrap().remove("sent_at").unwrap();
        assert!(sent.as_str().unwrap().ends_with('Z'));
        assert_eq!(data, json!({"from_id": a, "text": "hello"}));
    }
    // What other clients tell.
    let mut alice = broker.daemon.join("alice").await;
    let me = alice.joined.id.to_string();
    let share = Share {
        name: "a.txt".to_owned(),
        mime: "text/plain".to_owned(),
        content: "YQ==".to_owned(),
    };
    alice.call(&share).await;
    let event = socket.event().await;
    assert_eq!(event["type"], "file_shared");
    let wanted = json!({"id": "1", "author_id": me, "filename": "a.txt", "size_bytes": "1"});
    assert_eq!(data(&event), wanted);
    let sync = SyncStatus {
        scope: swarm_peers::Scope::Machine,
        branch: "main".to_owned(),
        commit: "abc fix".to_owned(),
        changes: " M a\n M b".to_owned(),
    };
    alice.call(&sync).await;
    let event = socket.event().await;
    assert_eq!(event["type"], "sync_status");
    let wanted = json!({"from_id": me, "branch": "main", "last_commit": "abc fix", "uncommitted_changes": "2"});
    assert_eq!(data(&event), wanted);
}

#[tokio::test]
async fn comings_and_goings_are_told_to_every_socket() {
    let broker = Broker::start().await;
    let id = broker.register(1).await;
    let mut socket = broker.socket(&id).await;
    let new = broker.register(2).await;
    let joined = socket.next().await;
    assert_eq!(joined["type"], "peer_joined");
    assert_eq!(
        data(&joined),
        json!({"id": new, "cwd": "/work/2", "summary": "server 2"})
    );
    let alice = broker.daemon.join("alice").await.joined;
    assert_eq!(socket.next().await["data"]["id"], json!(alice.id));
    broker.post("/unregister", json!({"id": new})).await;
    let left = socket.next().await;
    assert_eq!(
        (&left["type"], data(&left)),
        (&json!("peer_left"), json!({"id": new}))
    );
}

#[tokio::test]
async fn nobody_listens_in_by_an_id_whose_socket_is_alive() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let mut socket = broker.socket(&b).await;
    let second = socket.until(Socket::open(broker.at, &b)).await;
    assert_eq!(second.err(), Some(409));
    broker.send(&a, &b, "for one").await;
    assert_eq!(socket.texts(1).await, ["for one"]);
    // One that does not answer makes way.
    let mut third = broker.socket(&b).await;
    broker.send(&a, &b, "for the other").await;
    let texts = third.texts(1).await;
    assert!(
        texts == ["for one"] || texts == ["for the other"],
        "{texts:?}"
    );
}

#[tokio::test]
async fn who_leaves_is_told_nothing_more_and_is_back_with_its_next_heartbeat() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let mut socket = broker.socket(&b).await;
    broker.post("/unregister", json!({"id": b})).await;
    loop {
        match socket.0.next().await {
            Some(Ok(frame)) if frame.is_close() => break,
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    broker.send(&a, &b, "waits").await;
    let list = || {
        broker.post(
            "/list-peers",
            json!({"scope": "machine", "cwd": "/", "exclude_id": a}),
        )
    };
    assert_eq!(list().await, json!([]));
    broker.post("/heartbeat", json!({"id": b})).await;
    assert_eq!(list().await[0]["id"], json!(b));
    assert_eq!(broker.poll(&b).await, ["waits"]);
}

#[tokio::test]
async fn a_socket_hears_that_the_daemon_ends_and_what_it_sends_does_not_matter() {
    let broker = Broker::start().await;
    let id = broker.register(1).await;
    let mut socket = broker.socket(&id).await;
    for frame in [
        Message::text("{}"),
        Message::binary(vec![0]),
        Message::Pong("999".into()),
    ] {
        socket.0.send(frame).await.unwrap();
    }
    broker.send("cli", &id, "still there").await;
    assert_eq!(socket.texts(1).await, ["still there"]);
    let mut ending = tokio::task::JoinSet::new();
    ending.spawn(broker.daemon.stop());
    loop {
        match socket.0.next().await.unwrap().unwrap() {
            Message::Close(Some(close)) => {
                assert_eq!(u16::from(close.code), 1001);
                break;
            }
            Message::Ping(_) | Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
    ending.join_next().await.unwrap().unwrap();
}
