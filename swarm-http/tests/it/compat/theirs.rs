//! Programs of claude-peers and claude-swarm, as far as a broker sees them.

use std::net::SocketAddr;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use crate::daemon::Daemon;

/// A daemon that lets their programs in.
pub(crate) struct Broker {
    pub(crate) daemon: Daemon,
    pub(crate) at: SocketAddr,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        Self::of(Daemon::start().await).await
    }

    pub(crate) async fn unlimited() -> Self {
        Self::of(Daemon::start_with(|settings| settings.peers.rate = None).await).await
    }

    pub(crate) async fn of(mut daemon: Daemon) -> Self {
        let at = daemon.let_theirs_in().await;
        Self { daemon, at }
    }

    pub(crate) async fn http(&self) -> Http {
        Http::open(self.at).await
    }

    /// A request on a connection of its own that has to be answered with 200.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.http().await.post(path, body).await
    }

    /// Registers a server whose process is `pid`, in `/work/pid`.
    pub(crate) async fn register(&self, pid: i64) -> String {
        let body = json!({
            "pid": pid, "cwd": format!("/work/{pid}"), "git_root": "/work", "tty": "pts/1", "summary": format!("server {pid}"),
        });
        let answer = self.post("/register", body).await;
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, from: &str, to: &str, text: &str) {
        let body = json!({"from_id": from, "to_id": to, "text": text});
        assert_eq!(self.post("/send-message", body).await, json!({"ok": true}));
    }

    pub(crate) async fn socket(&self, id: &str) -> Socket {
        Socket::open(self.at, id).await.unwrap()
    }

    /// The texts of what a poll answers, on a connection that then closes as it should.
    pub(crate) async fn poll(&self, id: &str) -> Vec<String> {
        texts(&self.post("/poll-messages", json!({"id": id})).await)
    }
}

pub(crate) fn texts(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().unwrap().iter();
    let texts = messages.map(|message| message["text"].as_str().unwrap().to_owned());
    texts.collect()
}

/// A connection that is kept.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
    at: SocketAddr,
}

/// An answer, byte for byte.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Http {
    pub(crate) async fn open(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        Self { stream, at }
    }

    /// What their clients send, and `more` headers.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        self.request(method, path, more, body).await;
        self.answer().await
    }

    pub(crate) async fn request(&mut self, method: &str, path: &str, more: &str, body: &str) {
        let host = if more.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.at)
        };
        let kind = if more.to_lowercase().contains("content-type:") || method != "POST" {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{kind}User-Agent: Bun/1.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
             {more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // It may be refused before everything was read.
        drop(self.stream.write_all(request.as_bytes()).await);
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&head)),
            }
        }
        let headers = String::from_utf8(head).unwrap().to_lowercase();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        let length = headers.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).await.unwrap();
        Answer {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Value {
        let answer = self.ask("POST", path, "", &body.to_string()).await;
        assert_eq!(answer.status, 200, "{path} {body}: {answer:?}");
        answer.json()
    }

    /// Gone without having read what has come, as a process that is killed.
    pub(crate) fn vanish(self) {
        drop(self.stream);
    }
}

/// The socket of a server. It answers pings when it reads on.
pub(crate) struct Socket(pub(crate) WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn open(at: SocketAddr, id: &str) -> Result<Self, u16> {
        let stream = TcpStream::connect(at).await.unwrap();
        let url = format!("ws://{at}/ws?peer_id={id}");
        match client_async(url, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next event; the ping behind it is answered when the one after that is waited for.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next event that is neither a coming nor a going.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            let event = self.next().await;
            if event["type"] != "peer_joined" && event["type"] != "peer_left" {
                return event;
            }
        }
    }

    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            let event = self.event().await;
            texts.push(event["data"]["text"].as_str().unwrap().to_owned());
        }
        texts
    }

    /// Reads on, and so answers what was asked, until `done`.
    pub(crate) async fn until<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return done,
                frame = self.0.next() => assert!(!matches!(frame, None | Some(Err(_))), "{frame:?}"),
            }
        }
    }
}
