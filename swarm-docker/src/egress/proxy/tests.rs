//! The proxy over real sockets, without an engine.

use std::{io::ErrorKind, net::Ipv4Addr};

use proptest::prelude::*;
use swarm_core::runtime::EgressDecision;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::TcpListener,
};

use super::*;
use crate::egress::ledger;

/// A resolver with an evil name and an unknown one.
fn resolve_in_tests(name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
    Box::pin(async move {
        match name.as_str() {
            "rebound.example" | "listed.example" => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
            "metadata.example" => Ok(vec![Ipv4Addr::new(169, 254, 169, 254).into()]),
            _ => Err(ErrorKind::NotFound.into()),
        }
    })
}

fn proxy(list: &[&str]) -> Proxy {
    let hosts = list.iter().map(|host| host.parse().unwrap()).collect();
    Proxy::new(hosts, ledger::temporary(), resolve_in_tests)
}

/// A connection to a proxy, served as long as this lives.
struct Agent {
    stream: DuplexStream,
    _served: JoinSet<()>,
}

impl Agent {
    fn connect(proxy: &Proxy) -> Self {
        let (stream, theirs) = duplex(64 << 10);
        let proxy = proxy.clone();
        let mut served = JoinSet::new();
        served.spawn(async move { proxy.connection(theirs).await });
        Self {
            stream,
            _served: served,
        }
    }

    /// Says something and hears everything until the connection ends.
    async fn says(mut self, request: impl AsRef<[u8]>) -> String {
        // The proxy may have heard enough before the end.
        drop(self.stream.write_all(request.as_ref()).await);
        let mut answer = Vec::new();
        let heard = timeout(Duration::from_mins(1), self.stream.read_to_end(&mut answer)).await;
        heard.expect("the proxy closes").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn hears(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            heard.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8(heard).unwrap()
    }
}

/// A server that answers one connection and tells what it heard.
struct Server {
    address: SocketAddr,
    heard: JoinSet<String>,
}

impl Server {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut heard = JoinSet::new();
        heard.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            // The head, and what comes right behind it.
            while !String::from_utf8_lossy(&request).contains("\r\n\r\n") {
                let read = stream.read(&mut piece).await.unwrap();
                request.extend_from_slice(&piece[..read]);
                if read == 0 {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest).await);
            request.extend(rest);
            String::from_utf8_lossy(&request).into_owned()
        });
        Self { address, heard }
    }

    async fn heard(mut self) -> String {
        self.heard.join_next().await.unwrap().unwrap()
    }
}

const OK: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\nhello";

fn told(proxy: &Proxy) -> Vec<(String, u16, bool)> {
    let decisions = proxy.ledger().decisions().into_iter();
    decisions
        .map(
            |EgressDecision {
                 host,
                 port,
                 allowed,
                 ..
             }| (host, port, allowed),
        )
        .collect()
}

#[tokio::test]
async fn a_listed_server_is_reached_by_plain_http() {
    let server = Server::answering(OK).await;
    let address = server.address;
    let proxy = proxy(&[&address.to_string()]);
    let request = format!(
        "POST http://{address}/a?b HTTP/1.1\r\nHost: evil.example\r\nProxy-Authorization: x\r\n\
         Connection: X-Drop\r\nX-Drop: 1\r\nX-Keep: 1\r\nContent-Length: 4\r\n\r\nbody"
    );
    let answer = Agent::connect(&proxy).says(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(!answer.contains("hop"), "{answer}");
    let heard = server.heard().await;
    assert!(heard.starts_with("POST /a?b HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains(&format!("host: {address}\r\n")), "{heard}");
    assert!(
        heard.contains("x-keep: 1") && heard.ends_with("body"),
        "{heard}"
    );
    for gone in ["evil", "proxy-authorization", "x-drop"] {
        assert!(!heard.contains(gone), "{gone}: {heard}");
    }
    assert_eq!(
        told(&proxy),
        [(address.ip().to_string(), address.port(), true)]
    );
}

#[tokio::test]
async fn a_tunnel_to_a_listed_server_carries_bytes_both_ways() {
    let server = Server::answering("from the server").await;
    let address = server.address;
    let proxy = proxy(&[&address.to_string()]);
    let mut agent = Agent::connect(&proxy);
    let connect = format!("CONNECT {address} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    agent.stream.write_all(connect.as_bytes()).await.unwrap();
    let head = agent.hears("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    agent
        .stream
        .write_all(b"\x16\x03\x01 from the agent\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(agent.hears("server").await, "from the server");
    agent.stream.shutdown().await.unwrap();
    assert!(server.heard().await.contains("from the agent"));
}

#[tokio::test]
async fn who_is_not_listed_is_denied_and_written_down() {
    let proxy = proxy(&["good.example"]);
    for (request, host, port) in [
        (
            "CONNECT evil.example:443 HTTP/1.1\r\n\r\n",
            "evil.example",
            443,
        ),
        (
            "CONNECT good.example:22 HTTP/1.1\r\n\r\n",
            "good.example",
            22,
        ),
        (
            "CONNECT GOOD.example.evil.:443 HTTP/1.1\r\n\r\n",
            "good.example.evil",
            443,
        ),
        (
            "GET http://evil.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n",
            "evil.example",
            80,
        ),
        (
            "GET http://127.0.0.1/ HTTP/1.1\r\nHost: good.example\r\n\r\n",
            "127.0.0.1",
            80,
        ),
        ("CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "[::1]", 443),
    ] {
        let answer = Agent::connect(&proxy).says(request).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
        assert!(
            answer.contains(&format!("swarm: {host}: not listed")),
            "{answer}"
        );
        assert!(
            told(&proxy).contains(&(host.to_owned(), port, false)),
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_listed_name_that_leads_inside_is_denied_unless_its_address_is_listed() {
    let names = [
        "rebound.example",
        "metadata.example",
        "unknown.example",
        "listed.example",
    ];
    let list = proxy(&names);
    for (host, status) in [
        ("rebound.example", "403"),
        ("metadata.example", "403"),
        ("unknown.example", "502"),
    ] {
        for request in [
            format!("CONNECT {host}:443 HTTP/1.1\r\n\r\n"),
            format!("GET http://{host}/ HTTP/1.1\r\n\r\n"),
        ] {
            let answer = Agent::connect(&list).says(&request).await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{request}: {answer}");
        }
    }
    assert!(told(&list).iter().all(|(_, _, allowed)| !allowed));

    let server = Server::answering(OK).await;
    let port = server.address.port();
    let both = proxy(&[
        &format!("listed.example:{port}"),
        &format!("127.0.0.1:{port}"),
    ]);
    let request = format!("GET http://listed.example:{port}/ HTTP/1.1\r\n\r\n");
    let answer = Agent::connect(&both).says(request).await;
    assert!(answer.ends_with("hello"), "{answer}");
    let heard = server.heard().await;
    assert!(
        heard.contains(&format!("host: listed.example:{port}\r\n")),
        "{heard}"
    );
}

#[tokio::test]
async fn what_names_no_host_reaches_nobody() {
    let proxy = proxy(&["127.0.0.1", "good.example"]);
    let long = "x".repeat(20 << 10);
    let many = "A: b\r\n".repeat(101);
    for request in [
        "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n".to_owned(),
        "CONNECT good.example HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT good.example:443/path HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT /good.example:443 HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT http://good.example:443/ HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT good.example:443@evil.example:443 HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT 2130706433:443 HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT 127.1:443 HTTP/1.1\r\n\r\n".to_owned(),
        "CONNECT 0x7f.0.0.1:443 HTTP/1.1\r\n\r\n".to_owned(),
        "GET http://0177.0.0.1/ HTTP/1.1\r\n\r\n".to_owned(),
        "GET http://user@127.0.0.1/ HTTP/1.1\r\n\r\n".to_owned(),
        "GET https://good.example/ HTTP/1.1\r\n\r\n".to_owned(),
        "GET ftp://good.example/ HTTP/1.1\r\n\r\n".to_owned(),
        "GET http://good.example\0.evil/ HTTP/1.1\r\n\r\n".to_owned(),
        "GET http://good.example/ HTTP/9.9\r\n\r\n".to_owned(),
        "GET http://good.example/ HTTP/1.1\r\nA\0: b\r\n\r\n".to_owned(),
        format!("GET http://good.example/{long} HTTP/1.1\r\n\r\n"),
        format!("GET http://good.example/ HTTP/1.1\r\nA: {long}\r\n\r\n"),
        format!("GET http://good.example/ HTTP/1.1\r\n{many}\r\n"),
        "POST http://127.0.0.1/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
            .to_owned(),
        "POST http://127.0.0.1/ HTTP/1.1\r\nTransfer-Encoding: chunked, x\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n".to_owned(),
        "\r\n\r\n\0\r\n\r\n".to_owned(),
    ] {
        let answer = Agent::connect(&proxy).says(&request).await;
        let shown: String = request.chars().take(80).collect();
        let refused = ["400", "414", "431", "505"];
        assert!(
            answer.is_empty() || refused.contains(&answer.split(' ').nth(1).unwrap_or_default()),
            "{shown:?}: {answer}"
        );
    }
    let allowed: Vec<_> = told(&proxy).into_iter().filter(|(.., yes)| *yes).collect();
    assert_eq!(allowed, []);
}

/// What one server takes for a body and another for a second request.
#[tokio::test]
async fn no_request_is_hidden_in_another() {
    let hidden = "GET http://hidden.example/ HTTP/1.1\r\nHost: hidden.example\r\n\r\n";
    for framing in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Content-Length: 0\r\n\r\n",
        "\r\n",
    ] {
        let server = Server::answering(OK).await;
        let address = server.address;
        let proxy = proxy(&[&address.to_string()]);
        let request = format!("POST http://{address}/ HTTP/1.1\r\n{framing}{hidden}");
        let answer = Agent::connect(&proxy).says(request).await;
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{framing:?}: {answer}"
        );
        if answer.starts_with("HTTP/1.1 200") {
            let heard = server.heard().await;
            assert!(!heard.contains("hidden"), "{framing:?}: {heard}");
            assert_eq!(heard.matches("HTTP/1.1").count(), 1, "{heard}");
        }
    }
}

#[tokio::test]
async fn who_closes_its_side_after_asking_is_answered() {
    let proxy = proxy(&[]);
    let mut agent = Agent::connect(&proxy);
    agent
        .stream
        .write_all(b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    agent.stream.shutdown().await.unwrap();
    assert!(agent.says("").await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn a_redirect_is_handed_on_and_not_followed() {
    let server = Server::answering(
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let address = server.address;
    let proxy = proxy(&[&address.to_string()]);
    let request = format!("GET http://{address}/ HTTP/1.1\r\n\r\n");
    let answer = Agent::connect(&proxy).says(request).await;
    assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    assert_eq!(told(&proxy).len(), 1);
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_a_bad_gateway() {
    for nonsense in [
        "220 ftp ready\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "",
    ] {
        let server = Server::answering(nonsense).await;
        let address = server.address;
        let proxy = proxy(&[&address.to_string()]);
        let request =
            format!("GET http://{address}/ HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
        let answer = Agent::connect(&proxy).says(request).await;
        assert!(
            answer.starts_with("HTTP/1.1 502 "),
            "{nonsense:?}: {answer}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_not_waited_for() {
    let proxy = proxy(&[]);
    for said in [
        "",
        "GET http://",
        "GET http://a.example/ HTTP/1.1\r\nA: b\r\n",
    ] {
        let start = tokio::time::Instant::now();
        let mut agent = Agent::connect(&proxy);
        agent.stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        agent.stream.read_to_end(&mut rest).await.unwrap();
        assert!(
            start.elapsed() <= 2 * HEAD,
            "{said:?}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn the_end_of_the_proxy_closes_every_tunnel() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = proxy(&[&address.to_string()]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let socket = UnixListener::bind(&path).unwrap();
    let mut served = JoinSet::new();
    served.spawn(async move {
        let never = proxy.serve(&socket).await;
        match never {}
    });
    let mut agent = tokio::net::UnixStream::connect(&path).await.unwrap();
    let connect = format!("CONNECT {address} HTTP/1.1\r\n\r\n");
    agent.write_all(connect.as_bytes()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.write_all(b"x").await.unwrap();
    served.shutdown().await;
    let mut rest = Vec::new();
    agent.read_to_end(&mut rest).await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap_or(0), 0);
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "CONNECT ",
        "GET ",
        "http://",
        "https://",
        "listed.example",
        "127.0.0.1",
        "[::1]",
        ":443",
        ":80",
        "@",
        "/",
        " HTTP/1.1",
        "\r\n",
        "\r\n\r\n",
        "Host: ",
        "listed.example:443",
        "\0",
        "\n",
        " ",
        "*",
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "%00",
        "\u{e9}",
        "#",
        "?",
        "..",
        "Upgrade: x",
    ]);
    let word = prop_oneof![
        4 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Of the hosts in these words none may be reached, because the only one that is listed leads inside.
    #[test]
    fn no_garbage_is_allowed_or_makes_it_fail(request in anything()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let proxy = proxy(&["listed.example"]);
            let mut agent = Agent::connect(&proxy);
            agent.stream.write_all(&request).await.unwrap();
            drop(agent.stream.shutdown().await);
            let mut answer = Vec::new();
            agent.stream.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            prop_assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
            prop_assert!(told(&proxy).iter().all(|(.., allowed)| !allowed));
            Ok(())
        })?;
    }
}
