//! Who is not let in, tried at the real socket.

use std::fmt::Write as _;

use swarm_core::error_code::ErrorCode;
use swarm_http::{Kind, Who, operations};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    api::send,
    daemon::{Daemon, join},
};

/// What a client sends, byte for byte.
pub(crate) struct Raw<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    body: &'a [u8],
}

impl<'a> Raw<'a> {
    /// What would be let in.
    pub(crate) fn good(daemon: &Daemon, method: &'a str, path: &'a str) -> Self {
        Self {
            method,
            path,
            headers: vec![
                ("host", daemon.address.listens.to_string()),
                ("authorization", format!("Bearer {}", daemon.token)),
                ("content-type", "application/json".to_owned()),
            ],
            body: b"{}",
        }
    }

    pub(crate) fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// The status, and everything that came.
    pub(crate) async fn send(&self, daemon: &Daemon) -> (u16, String) {
        let mut socket = TcpStream::connect(daemon.address.listens).await.unwrap();
        let mut request = format!(
            "{} {} HTTP/1.1\r\nconnection: close\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        write!(request, "content-length: {}\r\n\r\n", self.body.len()).unwrap();
        // It may be refused before everything was read.
        drop(socket.write_all(request.as_bytes()).await);
        drop(socket.write_all(self.body).await);
        let mut answer = Vec::new();
        drop(socket.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (
            status.unwrap_or_else(|| panic!("no answer: {answer:?}")),
            answer,
        )
    }
}

fn method(kind: Kind) -> &'static str {
    match kind {
        Kind::Question => "GET",
        Kind::Command => "POST",
    }
}

#[tokio::test]
async fn no_operation_answers_without_a_token_or_with_a_wrong_one() {
    let daemon = Daemon::start().await;
    let bob = daemon.join("bob").await.joined;
    for entry in operations::ALL {
        let path = format!("/v1/{}", entry.name);
        let good = || Raw::good(&daemon, method(entry.kind), &path);
        let (status, _) = good().without("authorization").send(&daemon).await;
        assert_eq!(status, 401, "{path}");
        for wrong in [
            "Bearer ".to_owned(),
            "Bearer x".to_owned(),
            format!("Basic {}", daemon.token),
            format!("Bearer {}x", daemon.token),
            format!("Bearer {}.{}", bob.id, "0".repeat(64)),
            "Bearer user.".to_owned(),
            "Bearer swarm.".to_owned(),
        ] {
            let (status, _) = good().with("authorization", &wrong).send(&daemon).await;
            assert_eq!(status, 401, "{path} with {wrong}");
        }
    }
    for path in [
        "/v1/openapi.json",
        "/v1/socket",
        "/v1/events",
        "/v1/runs/watch?run=x",
        "/metrics",
        "/nowhere",
        "/",
    ] {
        let raw = Raw::good(&daemon, "GET", path).without("authorization");
        assert_eq!(raw.send(&daemon).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_is_let_in_nowhere() {
    let daemon = Daemon::start().await;
    let port = daemon.address.listens.port();
    let upgrade = |raw: Raw<'static>| {
        raw.with("connection", "upgrade")
            .with("upgrade", "websocket")
            .with("sec-websocket-version", "13")
            .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    for origin in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://evil.example:{port}"),
    ] {
        for raw in [
            Raw::good(&daemon, "POST", "/v1/messages/send"),
            Raw::good(&daemon, "GET", "/v1/peers/list"),
            Raw::good(&daemon, "GET", "/health"),
            upgrade(Raw::good(&daemon, "GET", "/v1/socket")),
        ] {
            let path = raw.path;
            let (status, answer) = raw.with("origin", &origin).send(&daemon).await;
            assert_eq!(status, 403, "{path} from {origin}: {answer}");
        }
    }
    let own = Raw::good(&daemon, "GET", "/v1/peers/list");
    let own = own.with("origin", format!("http://localhost:{port}"));
    assert_eq!(own.send(&daemon).await.0, 200);
}

#[tokio::test]
async fn a_name_of_somebody_else_that_was_pointed_here_leads_nowhere() {
    let daemon = Daemon::start().await;
    let port = daemon.address.listens.port();
    for host in [
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.1.evil.example:{port}"),
        String::new(),
    ] {
        for path in ["/v1/peers/list", "/health", "/v1/socket"] {
            let raw = Raw::good(&daemon, "GET", path).with("host", &host);
            assert_eq!(raw.send(&daemon).await.0, 403, "{path} at {host:?}");
        }
    }
    // The target of the request counts, and a second header does not help.
    let absolute = format!("http://evil.example:{port}/v1/peers/list");
    let (status, _) = Raw::good(&daemon, "GET", &absolute).send(&daemon).await;
    assert_eq!(status, 403);
    let mut twice = Raw::good(&daemon, "GET", "/v1/peers/list");
    twice.headers.push(("host", "evil.example".to_owned()));
    let (status, _) = twice.send(&daemon).await;
    assert!(matches!(status, 400 | 403), "{status}");
}

#[tokio::test]
async fn a_command_that_is_not_said_to_be_json_is_refused() {
    let daemon = Daemon::start().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "multipart/form-data",
    ] {
        let raw = Raw::good(&daemon, "POST", "/v1/pins/pin").with("content-type", kind);
        assert_eq!(raw.send(&daemon).await.0, 403, "{kind:?}");
    }
    let raw = Raw::good(&daemon, "POST", "/v1/pins/pin").without("content-type");
    assert_eq!(raw.send(&daemon).await.0, 403);
    let get = Raw::good(&daemon, "GET", "/v1/pins/pin")
        .send(&daemon)
        .await;
    assert_eq!(get.0, 405, "commands are not questions");
}

#[tokio::test]
async fn what_is_too_large_or_no_json_is_refused_with_a_reason() {
    let daemon = Daemon::start().await;
    let large = vec![b' '; 3 * 1024 * 1024];
    for (body, status, code) in [
        (&large[..], 413, "too_large"),
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"null", 400, "invalid_input"),
        (b"[[[[", 400, "invalid_input"),
        (br#"["a list is no object"]"#, 400, "invalid_input"),
        (br#"{"content":5}"#, 400, "invalid_input"),
        (br#"{"content":"x","more":1}"#, 400, "invalid_input"),
        (b"\xff\xfe", 400, "invalid_json"),
    ] {
        let raw = Raw {
            body,
            ..Raw::good(&daemon, "POST", "/v1/pins/pin")
        };
        let (found, answer) = raw.send(&daemon).await;
        assert_eq!(found, status, "{answer}");
        assert!(answer.contains(code), "{code}: {answer}");
    }
    let deep = "[".repeat(100_000);
    let raw = Raw {
        body: deep.as_bytes(),
        ..Raw::good(&daemon, "POST", "/v1/pins/pin")
    };
    assert_eq!(raw.send(&daemon).await.0, 400);
}

#[tokio::test]
async fn a_peer_is_nobody_else_and_lets_nobody_in() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let mut bob = daemon.join("bob").await;
    for entry in operations::ALL {
        if entry.who == Who::Owner {
            let path = format!("/v1/{}", entry.name);
            let raw = Raw::good(&daemon, method(entry.kind), &path);
            let raw = raw.with("authorization", format!("Bearer {}", bob.joined.credential));
            assert_eq!(raw.send(&daemon).await.0, 403, "{path}");
        }
    }
    for path in ["/v1/events", "/v1/runs/watch?run=x", "/metrics"] {
        let raw = Raw::good(&daemon, "GET", path);
        let raw = raw.with("authorization", format!("Bearer {}", bob.joined.credential));
        assert_eq!(raw.send(&daemon).await.0, 403, "{path}");
    }
    let refused = bob.refused(&join("mallory")).await;
    assert_eq!(refused.code, ErrorCode::Forbidden);
    // Nothing in a request says who asks: a field that would is none that there is.
    let raw = Raw {
        body: br#"{"to":"bob","text":"x","from":"user"}"#,
        ..Raw::good(&daemon, "POST", "/v1/messages/send")
    };
    assert_eq!(raw.send(&daemon).await.0, 400);
    alice.call(&send("bob", "for bob only")).await;
    let read = operations::inbox::Read::default();
    assert!(alice.call(&read).await.messages.is_empty());
    assert_eq!(bob.call(&read).await.messages.len(), 1);
}

#[tokio::test]
async fn the_token_is_readable_for_its_owner_only_and_a_token_that_is_not_is_not_used() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let daemon = Daemon::start().await;
    let file = daemon.folder.path().join("daemon/token");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let folder = fs::metadata(daemon.folder.path().join("daemon")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = swarm_http::DaemonHome::new(daemon.folder.path())
        .token()
        .unwrap_err();
    assert!(
        error.to_string().contains("by others than its owner"),
        "{error}"
    );
}

#[tokio::test]
async fn who_has_left_or_joined_again_hears_nothing_more_with_the_old_credential() {
    let daemon = Daemon::start().await;
    let mut alice = daemon.join("alice").await;
    let patient = || operations::inbox::Read {
        wait: Some(60),
        ..operations::inbox::Read::default()
    };
    for how in ["joins again", "leaves"] {
        let mut bob = daemon.join("bob").await;
        let credential = bob.joined.credential.clone();
        let mut owner = daemon.owner().await;
        let again = async {
            // The other one waits already, or will come too late: both are refused.
            tokio::task::yield_now().await;
            if how == "leaves" {
                let mut bob = daemon.as_whoever_shows(&credential).await;
                bob.call(&operations::peers::Leave {}).await.unwrap();
            } else {
                let mut again = join("bob");
                again.credential = Some(credential.clone());
                let joined = owner.call(&again).await.unwrap();
                let mut bob = daemon.as_whoever_shows(&joined.credential).await;
                bob.call(&operations::peers::Leave {}).await.unwrap();
            }
        };
        let waits = patient();
        let (refused, ()) = futures_util::future::join(bob.refused(&waits), again).await;
        assert_eq!(refused.code, ErrorCode::Unauthorized, "{how}");
        let refused = bob.refused(&send("alice", "still here?")).await;
        assert_eq!(refused.code, ErrorCode::Unauthorized, "{how}");
    }
    let read = operations::inbox::Read::default();
    assert!(alice.call(&read).await.messages.is_empty());
}

#[tokio::test]
async fn a_home_that_others_may_write_to_has_no_daemon() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let settings = swarm_http::app::Settings::new(folder.path());
    let never = std::future::pending();
    let refused = swarm_http::daemon::run(settings, 0, never, |_| panic!("it began"));
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    assert!(
        refused.message.contains("others may write to it"),
        "{refused:?}"
    );
    assert!(!folder.path().join("daemon").exists());
}

#[tokio::test]
async fn anybody_here_may_ask_whether_the_daemon_lives_and_nothing_else() {
    let daemon = Daemon::start().await;
    for path in ["/health", "/ready"] {
        let raw = Raw::good(&daemon, "GET", path).without("authorization");
        assert_eq!(raw.send(&daemon).await.0, 200, "{path}");
    }
}
