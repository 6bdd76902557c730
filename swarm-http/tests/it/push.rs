//! Messages that come by themselves, over a socket.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::{
    api::send,
    daemon::{Daemon, Peer, join},
};

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(daemon: &Daemon, credential: &str) -> Self {
        let url = format!("ws://{}/v1/socket", daemon.address.listens);
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {credential}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let stream = TcpStream::connect(daemon.address.listens).await.unwrap();
        Self(client_async(request, stream).await.unwrap().0)
    }

    async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code with which the other side closes, once it does.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Close(Some(close)) => return close.code.into(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn send(&mut self, call: Value) {
        self.0.send(Message::text(call.to_string())).await.unwrap();
    }

    /// The texts of the next messages.
    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            let next = self.next().await;
            if let Some(message) = next.get("message") {
                texts.push(message["text"].as_str().unwrap().to_owned());
            }
        }
        texts
    }
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

async fn flood(alice: &mut Peer, range: std::ops::Range<usize>) -> u64 {
    let mut last = 0;
    for n in range {
        last = alice.call(&send("bob", &n.to_string())).await.message.0;
    }
    last
}

async fn unlimited() -> Daemon {
    Daemon::start_with(|settings| settings.peers.rate = None).await
}

#[tokio::test]
async fn messages_come_in_order_and_what_was_not_confirmed_comes_again_on_the_next_connection() {
    let daemon = unlimited().await;
    let mut alice = daemon.join("alice").await;
    let bob = daemon.join("bob").await.joined;
    flood(&mut alice, 0..5).await;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    assert_eq!(socket.texts(5).await, numbers(0..5));
    let last = flood(&mut alice, 5..8).await;
    assert_eq!(socket.texts(3).await, numbers(5..8));
    // Gone without a word.
    drop(socket);
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    assert_eq!(socket.texts(8).await, numbers(0..8));
    let confirm = json!({"id": 1, "call": "inbox/seen", "with": {"up_to": last, "way": "push"}});
    socket.send(confirm).await;
    assert_eq!(socket.next().await, json!({"id": 1, "answer": {}}));
    drop(socket);
    flood(&mut alice, 8..9).await;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    assert_eq!(socket.texts(1).await, numbers(8..9));
}

#[tokio::test]
async fn what_a_program_took_and_did_not_show_comes_again_for_the_next_program_of_the_session() {
    let daemon = unlimited().await;
    let mut alice = daemon.join("alice").await;
    let bob = daemon.join("bob").await.joined;
    let first = flood(&mut alice, 0..1).await;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    assert_eq!(socket.texts(1).await, numbers(0..1));
    let taken = json!({"id": 1, "call": "inbox/injected", "with": {"up_to": first, "way": "push"}});
    socket.send(taken).await;
    socket.next().await;
    // It dies before it has shown it.
    drop(socket);
    flood(&mut alice, 1..2).await;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    assert_eq!(socket.texts(2).await, numbers(0..2));
}

#[tokio::test]
async fn who_confirms_nothing_gets_no_more_than_a_window_until_it_does() {
    let daemon = unlimited().await;
    let mut alice = daemon.join("alice").await;
    let bob = daemon.join("bob").await.joined;
    flood(&mut alice, 0..100).await;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    assert_eq!(socket.texts(64).await, numbers(0..64));
    // The next thing that comes is an answer, and no message.
    socket.send(json!({"id": 7, "call": "peers/me"})).await;
    assert_eq!(socket.next().await["id"], 7);
    let waiting = json!({"id": 8, "call": "inbox/read", "with": {"limit": 10}});
    socket.send(waiting).await;
    let answer = socket.next().await;
    let tenth = answer["answer"]["messages"][9]["id"].as_u64().unwrap();
    socket
        .send(json!({"id": 9, "call": "inbox/seen", "with": {"up_to": tenth, "way": "push"}}))
        .await;
    assert_eq!(socket.texts(10).await, numbers(64..74));
}

#[tokio::test]
async fn many_calls_are_under_way_and_are_done_in_their_order() {
    let daemon = unlimited().await;
    daemon.join("bob").await;
    let alice = daemon.join("alice").await.joined;
    let mut socket = Socket::open(&daemon, &alice.credential).await;
    for n in 0..500 {
        let text = n.to_string();
        socket
            .send(json!({"id": n, "call": "messages/send", "with": {"to": "bob", "text": text}}))
            .await;
    }
    let mut numbers = vec![0; 500];
    for _ in 0..500 {
        let answer = socket.next().await;
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        numbers[id] = answer["answer"]["message"].as_u64().unwrap();
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test]
async fn what_is_no_call_is_answered_with_a_reason_and_the_socket_goes_on() {
    let daemon = unlimited().await;
    let bob = daemon.join("bob").await.joined;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    for (frame, code) in [
        ("", "invalid_input"),
        ("[]", "invalid_input"),
        (r#"{"id":1}"#, "invalid_input"),
        (r#"{"id":1,"call":"nothing/here"}"#, "not_found"),
        (r#"{"id":1,"call":"peers/join","with":{}}"#, "forbidden"),
        (
            r#"{"id":1,"call":"messages/send","with":{"to":1}}"#,
            "invalid_input",
        ),
    ] {
        socket.0.send(Message::text(frame)).await.unwrap();
        assert_eq!(socket.next().await["error"]["code"], code, "{frame}");
    }
    socket.0.send(Message::binary(vec![0, 1, 2])).await.unwrap();
    assert_eq!(socket.next().await["error"]["code"], "invalid_input");
    socket.send(json!({"id": 2, "call": "peers/me"})).await;
    assert_eq!(socket.next().await["answer"]["name"], "bob");
}

#[tokio::test]
async fn a_socket_ends_with_the_credential_that_opened_it() {
    let daemon = unlimited().await;
    let mut alice = daemon.join("alice").await;
    let bob = daemon.join("bob").await.joined;
    let mut old = Socket::open(&daemon, &bob.credential).await;
    old.send(json!({"id": 1, "call": "peers/me"})).await;
    assert_eq!(old.next().await["id"], 1);
    let mut again = join("bob");
    again.credential = Some(bob.credential.clone());
    let bob = daemon.owner().await.call(&again).await.unwrap();
    assert_eq!(old.closed().await, 1008);
    // What comes from now on is for the new one only.
    let mut new = Socket::open(&daemon, &bob.credential).await;
    flood(&mut alice, 0..1).await;
    assert_eq!(new.texts(1).await, numbers(0..1));
    // Who leaves is told that it has, and says nothing more.
    new.send(json!({"id": 2, "call": "peers/leave", "with": {}}))
        .await;
    assert_eq!(new.next().await, json!({"id": 2, "answer": {}}));
    assert_eq!(new.closed().await, 1008);
}

#[tokio::test]
async fn a_socket_hears_that_the_daemon_ends() {
    let daemon = unlimited().await;
    let bob = daemon.join("bob").await.joined;
    let mut socket = Socket::open(&daemon, &bob.credential).await;
    socket.send(json!({"id": 1, "call": "peers/me"})).await;
    socket.next().await;
    let mut ending = tokio::task::JoinSet::new();
    ending.spawn(async move { drop(daemon.stop().await) });
    assert_eq!(socket.closed().await, 1001);
    ending.join_next().await.unwrap().unwrap();
}
