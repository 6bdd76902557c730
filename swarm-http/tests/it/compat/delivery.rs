//! Nothing is lost and nothing comes twice, whatever dies at the moment of delivery.

use serde_json::json;
use tokio::io::AsyncReadExt as _;

use super::theirs::{Broker, Http, texts};

#[tokio::test]
async fn what_was_sent_before_the_socket_opened_comes_first_and_in_order() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let numbers: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    for number in &numbers[..50] {
        broker.send(&a, &b, number).await;
    }
    let mut socket = broker.socket(&b).await;
    for number in &numbers[50..] {
        broker.send(&a, &b, number).await;
    }
    assert_eq!(socket.texts(100).await, numbers);
}

#[tokio::test]
async fn what_a_program_has_does_not_come_again_by_another_way() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let mut socket = broker.socket(&b).await;
    broker.send(&a, &b, "one").await;
    assert_eq!(socket.texts(1).await, ["one"]);
    // Neither on request,
    assert!(socket.until(broker.poll(&b)).await.is_empty());
    let history = broker.post("/message-history", json!({"peer_id": b})).await;
    assert_eq!(history[0]["delivered"], 1);
    drop(socket);
    // nor once the socket is gone, nor on the next one.
    assert!(broker.poll(&b).await.is_empty());
    broker.send(&a, &b, "two").await;
    let mut socket = broker.socket(&b).await;
    assert_eq!(socket.texts(1).await, ["two"]);
}

#[tokio::test]
async fn what_a_dying_program_did_not_confirm_comes_again_under_its_number() {
    let broker = Broker::start().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    broker.send(&a, &b, "one").await;
    broker.send(&a, &b, "two").await;
    let mut socket = broker.socket(&b).await;
    let first = socket.event().await;
    // The ping behind it is never answered.
    drop(socket);
    let mut again = broker.socket(&b).await;
    let second = again.event().await;
    assert_eq!(first["id"], second["id"]);
    assert_eq!(second["data"]["text"], "one");
    drop(again);
    // By polling as well, until the socket is back.
    assert_eq!(broker.poll(&b).await, ["one", "two"]);
    broker.send(&a, &b, "three").await;
    let mut socket = broker.socket(&b).await;
    assert_eq!(socket.texts(1).await, ["three"]);
}

#[tokio::test]
async fn a_poll_whose_client_vanishes_before_it_has_read_the_answer_loses_nothing() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    for n in 0..20 {
        broker.send(&a, &b, &n.to_string()).await;
        let mut http = broker.http().await;
        let body = json!({"id": b}).to_string();
        http.request("POST", "/poll-messages", "", &body).await;
        if n % 2 == 0 {
            // The answer is there, and nobody reads it.
            http.stream.readable().await.unwrap();
        }
        http.vanish();
    }
    let all: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(broker.poll(&b).await, all);
    assert!(broker.poll(&b).await.is_empty());
}

#[tokio::test]
async fn an_answer_that_was_read_is_not_given_again_however_the_connection_goes_on() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    let poll = async |http: &mut Http, more: &str| {
        let body = json!({"id": b}).to_string();
        let answer = http.ask("POST", "/poll-messages", more, &body).await;
        texts(&answer.json())
    };
    // It asks for something else on it,
    broker.send(&a, &b, "one").await;
    let mut kept = broker.http().await;
    assert_eq!(poll(&mut kept, "").await, ["one"]);
    kept.post("/heartbeat", json!({"id": b})).await;
    assert!(broker.poll(&b).await.is_empty());
    // it closes it,
    broker.send(&a, &b, "two").await;
    let mut closed = broker.http().await;
    assert_eq!(poll(&mut closed, "").await, ["two"]);
    drop(closed);
    assert!(broker.poll(&b).await.is_empty());
    // it wanted it to be closed.
    broker.send(&a, &b, "three").await;
    let mut once = broker.http().await;
    assert_eq!(poll(&mut once, "Connection: close\r\n").await, ["three"]);
    drop(once);
    assert!(broker.poll(&b).await.is_empty());
}

#[tokio::test]
async fn while_it_is_not_known_whether_an_answer_was_taken_nothing_overtakes_it() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    broker.send(&a, &b, "one").await;
    let mut silent = broker.http().await;
    let body = json!({"id": b}).to_string();
    silent.request("POST", "/poll-messages", "", &body).await;
    silent.stream.readable().await.unwrap();
    broker.send(&a, &b, "two").await;
    assert!(broker.poll(&b).await.is_empty());
    silent.vanish();
    assert_eq!(broker.poll(&b).await, ["one", "two"]);
}

#[tokio::test]
async fn a_poller_gets_what_once_only_sockets_were_told() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    for (path, body) in [
        (
            "/delegate-task",
            json!({"from_id": a, "to_id": b, "description": "fix it"}),
        ),
        (
            "/alert-peer",
            json!({"from_id": a, "to_id": b, "message": "fire", "priority": "warning"}),
        ),
        (
            "/share-snippet",
            json!({"author_id": a, "title": "t", "content": "c"}),
        ),
        ("/pin-message", json!({"author_id": a, "content": "p"})),
    ] {
        broker.post(path, body).await;
    }
    assert_eq!(
        broker.poll(&b).await,
        [
            format!("New task assigned by {a}: fix it (Task #1)"),
            format!("⚠️ ALERT [WARNING] from {a}: fire"),
            format!("New snippet shared by {a}: \"t\" (Snippet #1)"),
            format!("📌 New pin by {a}: p"),
        ]
    );
    // And nobody is told of what it did itself.
    assert!(broker.poll(&a).await.is_empty());
}

#[tokio::test]
async fn the_next_message_waits_until_its_server_has_looked_up_who_sent_the_last() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    for n in 0..3 {
        broker.send(&a, &b, &n.to_string()).await;
    }
    let mut socket = broker.socket(&b).await;
    let mut http = broker.http().await;
    let lookup = json!({"scope": "machine", "cwd": "/work/2", "git_root": "/work"});
    assert_eq!(socket.texts(1).await, ["0"]);
    http.post("/list-peers", lookup.clone()).await;
    assert_eq!(socket.texts(1).await, ["1"]);
    // It has the message, and has not looked up yet.
    let other = json!({"scope": "machine", "cwd": "/elsewhere", "git_root": null});
    let early = tokio::select! {
        biased;
        early = socket.event() => Some(early),
        () = async {
            for _ in 0..3 {
                http.post("/list-peers", other.clone()).await;
            }
        } => None,
    };
    assert_eq!(early, None);
    http.post("/list-peers", lookup).await;
    assert_eq!(socket.texts(1).await, ["2"]);
}

#[tokio::test]
async fn a_connection_that_stays_silent_is_closed_and_then_it_is_known_what_was_read() {
    let broker = Broker::unlimited().await;
    let (a, b) = (broker.register(1).await, broker.register(2).await);
    broker.send(&a, &b, "one").await;
    let mut silent = broker.http().await;
    let body = json!({"id": b}).to_string();
    let answer = silent.ask("POST", "/poll-messages", "", &body).await;
    assert_eq!(texts(&answer.json()), ["one"]);
    broker.send(&a, &b, "two").await;
    // As long as it is open and silent, nobody knows.
    assert!(broker.poll(&b).await.is_empty());
    assert_eq!(silent.stream.read(&mut [0]).await.unwrap(), 0);
    drop(silent);
    assert_eq!(broker.poll(&b).await, ["two"]);
}
