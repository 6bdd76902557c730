//! How fast messages are kept and delivered, through the real socket, with every commit synced.
//!
//! `cargo bench -p swarm-http --bench broker`
//!
//! Times depend on the disk: the first line says what a bare commit takes here, and what is measured is shown as a multiple of that, too.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench reports by printing and panicking"
)]

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use swarm_core::{
    journal::{EventLog as _, NewEvent, SqliteEventLog, StreamId},
    time::{Clock as _, SystemClock},
};
use swarm_http::{
    Address, App, Client, DaemonHome,
    app::Settings,
    operations::{
        inbox,
        messages::{Broadcast, Send},
        peers,
    },
    server,
};
use swarm_peers::{Identity, PeerName, peer::Reach};
use tokio::{net::TcpStream, task::JoinSet, time::Instant};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

const SENDS: usize = 2_000;

#[tokio::main]
async fn main() {
    let bare = bare_commits().await;
    let folder = tempfile::tempdir().unwrap();
    let home = DaemonHome::new(folder.path());
    let _lock = home.lock().unwrap();
    let mut settings = Settings::new(folder.path());
    settings.peers.rate = None;
    settings.peers.max_waiting = usize::MAX;
    settings.peers.max_waiting_bytes = usize::MAX;
    let (app, _tasks) = App::open(settings, Arc::new(SystemClock)).await.unwrap();
    let listener = server::listen(0).await.unwrap();
    let bench = Bench {
        bare,
        address: Address {
            listens: listener.local_addr().unwrap(),
            pid: 0,
            version: String::new(),
            started: SystemClock.now(),
        },
        token: home.token().unwrap().unwrap(),
    };
    let mut serving = JoinSet::new();
    serving.spawn(async move { server::serve(app, listener).await.unwrap() });

    bench.join("sink").await;
    bench.one_after_the_other().await;
    bench.side_by_side(64).await;
    bench.in_flight(64).await;
    bench.receipts().await;
    bench.broadcast(100).await;
    bench.listing(1_000).await;
    bench.empty_inbox().await;
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

async fn bare_commits() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let log = SqliteEventLog::open(&folder.path().join("bare.db")).unwrap();
    let stream = StreamId::domain("bare");
    let mut times = Vec::new();
    for _ in 0..500 {
        let event = NewEvent {
            at: SystemClock.now(),
            kind: "bare",
            version: 1,
            data: "{}".repeat(100),
        };
        let began = Instant::now();
        log.append(&stream, vec![event]).await.unwrap();
        times.push(began.elapsed());
    }
    let bare = at(&mut times, 50);
    println!("{:<52} {:>10} {:>10}", "what", "figure", "target");
    println!("{:<52} {:>10}", "a bare commit of one event, p50", ms(bare));
    bare
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

struct Bench {
    /// What a commit takes here.
    bare: Duration,
    address: Address,
    token: String,
}

fn send(text: &str) -> Send {
    Send {
        to: "sink".to_owned(),
        text: text.to_owned(),
        reply_to: None,
        wants_action: false,
    }
}

impl Bench {
    fn took(&self, what: &str, time: Duration, target: Duration) {
        let commits = time.as_secs_f64() / self.bare.as_secs_f64();
        let verdict = if time <= target { "PASS" } else { "MISS" };
        println!(
            "{what:<52} {:>10} {:>10} {verdict}  ({commits:.1} commits)",
            ms(time),
            ms(target)
        );
    }

    fn rate(&self, what: &str, per_second: f64, target: f64) {
        let in_a_commit = per_second * self.bare.as_secs_f64();
        let verdict = if per_second >= target { "PASS" } else { "MISS" };
        println!(
            "{what:<52} {per_second:>8.0}/s {target:>8.0}/s {verdict}  ({in_a_commit:.1} in the time of a commit)"
        );
    }

    async fn join(&self, name: &str) -> String {
        let mut owner = self.client(&self.token).await;
        let join = peers::Join {
            identity: Identity {
                client: "bench".to_owned(),
                host: "here".to_owned(),
                cwd: "/".to_owned(),
                session: Some(name.to_owned()),
                worktree: None,
                repository: None,
                tty: None,
                pid: None,
            },
            name: Some(PeerName::new(name).unwrap()),
            reach: Reach::Push,
            credential: None,
        };
        owner.call(&join).await.unwrap().credential
    }

    async fn client(&self, token: &str) -> Client {
        Client::connect_to(self.address.clone(), token)
            .await
            .unwrap()
    }

    async fn socket(&self, credential: &str) -> WebSocketStream<TcpStream> {
        let url = format!("ws://{}/v1/socket", self.address.listens);
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {credential}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let stream = TcpStream::connect(self.address.listens).await.unwrap();
        stream.set_nodelay(true).unwrap();
        client_async(request, stream).await.unwrap().0
    }

    async fn one_after_the_other(&self) {
        let credential = self.join("one").await;
        let mut client = self.client(&credential).await;
        let mut times = Vec::with_capacity(SENDS);
        let began = Instant::now();
        for n in 0..SENDS {
            let one = Instant::now();
            client.call(&send(&n.to_string())).await.unwrap();
            times.push(one.elapsed());
        }
        let what = "one sender, one send after the other";
        self.rate(what, per_second(SENDS, began), 5_000.0);
        let p50 = at(&mut times, 50);
        self.took("a send, p50", p50, Duration::from_micros(500));
    }

    async fn side_by_side(&self, senders: usize) {
        let mut sending = JoinSet::new();
        let mut clients = Vec::new();
        for n in 0..senders {
            let credential = self.join(&format!("many-{n}")).await;
            clients.push(self.client(&credential).await);
        }
        let began = Instant::now();
        for mut client in clients {
            sending.spawn(async move {
                for n in 0..500 {
                    client.call(&send(&n.to_string())).await.unwrap();
                }
            });
        }
        sending.join_all().await;
        let what = format!("{senders} senders by HTTP");
        self.rate(&what, per_second(senders * 500, began), 25_000.0);
    }

    async fn in_flight(&self, window: usize) {
        let credential = self.join("piped").await;
        let (mut out, mut back) = self.socket(&credential).await.split();
        let count = SENDS * 10;
        let began = Instant::now();
        let mut sent = 0;
        for answered in 0..count {
            while sent < count && sent < answered + window {
                let call = json!({"id": sent, "call": "messages/send", "with": {"to": "sink", "text": "x"}});
                out.send(Message::text(call.to_string())).await.unwrap();
                sent += 1;
            }
            back.next().await.unwrap().unwrap();
        }
        let what = format!("one sender by WebSocket, {window} in flight");
        self.rate(&what, per_second(count, began), 5_000.0);
    }

    async fn receipts(&self) {
        let (from, to) = (self.join("from").await, self.join("to").await);
        let mut client = self.client(&from).await;
        let mut socket = self.socket(&to).await;
        let mut times = Vec::new();
        for n in 0..1_000_u64 {
            let hello = Send {
                to: "to".to_owned(),
                ..send("hello")
            };
            let began = Instant::now();
            let (_, frame) =
                futures_util::future::join(client.call(&hello), next(&mut socket)).await;
            times.push(began.elapsed());
            let seen = json!({"id": n, "call": "inbox/seen", "with": {"up_to": frame["message"]["id"], "way": "push"}});
            socket.send(Message::text(seen.to_string())).await.unwrap();
            next(&mut socket).await;
        }
        let (p50, p99) = (at(&mut times, 50), at(&mut times, 99));
        let target = Duration::from_micros(400);
        self.took("send until received by WebSocket, p50", p50, target);
        self.took("the same, p99", p99, Duration::from_millis(3));
    }

    async fn broadcast(&self, peers: usize) {
        let from = self.join("crier").await;
        let mut crier = self.client(&from).await;
        let mut sockets = Vec::new();
        for n in 0..peers {
            let to = self.join(&format!("hears-{n}")).await;
            sockets.push(self.socket(&to).await);
        }
        let mut times = Vec::new();
        for _ in 0..50 {
            let cry = Broadcast {
                scope: swarm_peers::Scope::default(),
                text: "hear".to_owned(),
            };
            let began = Instant::now();
            let heard = futures_util::future::join_all(sockets.iter_mut().map(next));
            let (cried, _) = futures_util::future::join(crier.call(&cry), heard).await;
            cried.unwrap();
            times.push(began.elapsed());
        }
        let what = format!("broadcast until the last of {peers} has it, p50");
        self.took(&what, at(&mut times, 50), Duration::from_millis(5));
    }

    async fn listing(&self, peers: usize) {
        for n in 0..peers {
            self.join(&format!("listed-{n}")).await;
        }
        let mut owner = self.client(&self.token).await;
        let mut times = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            let found = owner.call(&peers::List::default()).await.unwrap().peers;
            times.push(began.elapsed());
            assert!(found.len() >= peers);
        }
        let what = format!("a list of {peers} peers and more, p50");
        self.took(&what, at(&mut times, 50), Duration::from_millis(1));
    }

    async fn empty_inbox(&self) {
        let credential = self.join("empty").await;
        let mut client = self.client(&credential).await;
        let mut times = Vec::new();
        for _ in 0..2_000 {
            let began = Instant::now();
            client.call(&inbox::Read::default()).await.unwrap();
            times.push(began.elapsed());
        }
        let p50 = at(&mut times, 50);
        self.took("an empty inbox, p50", p50, Duration::from_micros(100));
    }
}

/// The next thing that the daemon says, besides asking whether somebody is there.
async fn next(socket: &mut WebSocketStream<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is shown without decimals")]
fn per_second(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}
