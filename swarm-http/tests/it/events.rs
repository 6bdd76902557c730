//! What happens, as those see it who watch.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{api::send, daemon::Daemon, security::Raw};

/// A stream of server-sent events.
struct Watching(BufReader<TcpStream>);

impl Watching {
    async fn open(daemon: &Daemon, query: &str, header: &str) -> Self {
        let mut socket = TcpStream::connect(daemon.address.listens).await.unwrap();
        let request = format!(
            "GET /v1/events{query} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{header}\r\n",
            daemon.address.listens, daemon.token
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut watching = Self(BufReader::new(socket));
        assert!(watching.line().await.contains(" 200 "));
        while !watching.line().await.is_empty() {}
        watching
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).await.unwrap() > 0, "it ended");
        line.trim_end().to_owned()
    }

    /// The next event.
    async fn event(&mut self) -> serde_json::Value {
        loop {
            if let Some(data) = self.line().await.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
        }
    }

    async fn sequences(&mut self, count: usize) -> Vec<u64> {
        let mut sequences = Vec::new();
        for _ in 0..count {
            sequences.push(self.event().await["sequence"].as_u64().unwrap());
        }
        sequences
    }
}

#[tokio::test]
async fn events_come_from_any_place_on_and_then_as_they_happen() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    daemon.join("bob").await;
    let mut all = Watching::open(&daemon, "?after=0", "").await;
    assert_eq!(all.sequences(2).await, [1, 2]);
    let mut new = Watching::open(&daemon, "", "").await;
    alice.call(&send("bob", "hello")).await;
    assert_eq!(all.sequences(1).await, [3]);
    let event = new.event().await;
    assert_eq!(
        (&event["sequence"], &event["kind"]),
        (&3.into(), &"post".into())
    );
    assert_eq!(event["data"]["message"]["text"], "hello");
    // Who comes back goes on where it was, whatever it asked for at first.
    let mut again = Watching::open(&daemon, "?after=0", "last-event-id: 2\r\n").await;
    assert_eq!(again.sequences(1).await, [3]);
}

#[tokio::test]
async fn numbers_for_prometheus_count_what_there_is() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    daemon.join("bob").await;
    alice.call(&send("bob", "hello")).await;
    let (status, text) = Raw::good(&daemon, "GET", "/metrics").send(&daemon).await;
    assert_eq!(status, 200);
    for line in [
        "swarm_peers_here 2",
        "swarm_messages_waiting 1",
        "swarm_log_head 3",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
