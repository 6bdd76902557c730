//! What survives the daemon, and who is known again.

use serde_json::json;

use super::theirs::Broker;
use crate::daemon::Daemon;

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill_and_comes_once_and_in_order() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let mut sent = Vec::new();
    let mut folder = None;
    let mut broker = Some(broker);
    for round in 0..5 {
        let now = match folder.take() {
            None => broker.take().unwrap(),
            Some(folder) => {
                Broker::of(Daemon::start_in(folder, |settings| settings.peers.rate = None).await)
                    .await
            }
        };
        for n in 0..10 {
            let text = format!("{round}.{n}");
            now.send(&a, &b, &text).await;
            sent.push(text);
        }
        // In the middle of an answer that nobody has read.
        let mut http = now.http().await;
        let body = json!({"id": b}).to_string();
        http.request("POST", "/poll-messages", "", &body).await;
        http.stream.readable().await.unwrap();
        folder = Some(now.daemon.kill());
        http.vanish();
    }
    let daemon = Daemon::start_in(folder.unwrap(), |_| ()).await;
    let broker = Broker::of(daemon).await;
    assert_eq!(broker.poll(&b).await, sent);
    assert!(broker.poll(&b).await.is_empty());
    let rows = broker
        .post(
            "/list-peers",
            json!({"scope": "directory", "cwd": "/work/2"}),
        )
        .await;
    assert_eq!((&rows[0]["id"], &rows[0]["pid"]), (&json!(b), &json!(2)));
}

#[tokio::test]
async fn a_session_whose_server_starts_again_has_its_id_and_what_waits() {
    let broker = Broker::start().await;
    let a = broker.register(1).await;
    let place = |pid: i64| json!({"pid": pid, "cwd": "/w", "git_root": null, "tty": "pts/9", "summary": ""});
    let first = broker.post("/register", place(100)).await["id"].clone();
    let first = first.as_str().unwrap();
    // Two at once are two; the same process is one.
    let second = broker.post("/register", place(101)).await["id"].clone();
    assert_ne!(second, json!(first));
    assert_eq!(
        broker.post("/register", place(100)).await["id"],
        json!(first)
    );
    broker.post("/unregister", json!({"id": first})).await;
    broker.send(&a, first, "while you were out").await;
    assert_eq!(
        broker.post("/register", place(102)).await["id"],
        json!(first)
    );
    assert_eq!(broker.poll(first).await, ["while you were out"]);
    // A process that is elsewhere now is no longer where it was.
    broker
        .post(
            "/register",
            json!({"pid": 101, "cwd": "/v", "git_root": null, "tty": null, "summary": ""}),
        )
        .await;
    let rows = broker
        .post("/list-peers", json!({"scope": "directory", "cwd": "/w"}))
        .await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_that_registered_with_another_broker_goes_on_under_its_id() {
    let broker = Broker::start().await;
    let a = broker.register(1).await;
    let unknown = json!({"from_id": a, "to_id": "q1w2e3r4", "text": "x"});
    assert_eq!(broker.post("/send-message", unknown).await["ok"], false);
    broker.post("/heartbeat", json!({"id": "q1w2e3r4"})).await;
    broker.send(&a, "q1w2e3r4", "hello").await;
    let mut socket = broker.socket("q1w2e3r4").await;
    assert_eq!(socket.texts(1).await, ["hello"]);
    // Only what could be an id of theirs.
    for id in [
        "Q1W2E3R4",
        "q1w2e3r",
        "q1w2e3r45",
        "a b c d ",
        "../../..",
        "ä1w2e3r4",
    ] {
        let refused = broker
            .post(
                "/send-message",
                json!({"from_id": id, "to_id": a, "text": "x"}),
            )
            .await;
        assert_eq!(refused["ok"], false, "{id}");
    }
}
