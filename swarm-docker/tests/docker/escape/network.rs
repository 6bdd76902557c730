//! Whom an agent reaches.

use std::os::{linux::net::SocketAddrExt as _, unix::net};

use bollard::models::HostConfig;
use serde_json::json;
use swarm_core::ids::RunId;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinSet};

use super::attempt::{Attempt, none_succeeds, proven};
use crate::support::{Background, Bench, shell};

/// What stays out of reach on every network.
#[rustfmt::skip]
const ALWAYS: &[Attempt] = &[
    proven("it reaches a service that listens on the loopback of the host", "nc -w 2 127.0.0.1 $PORT | grep -q hello"),
    proven("it sees an abstract socket of the host", "grep -q $A-$B /proc/net/unix"),
    proven("it sees the connections of the host", "grep -qi :$HEX /proc/net/tcp"),
];

/// What stays out of reach without a network.
#[rustfmt::skip]
const WITHOUT_NETWORK: &[Attempt] = &[
    proven("it reaches a service that listens on the loopback of the host", "nc -w 2 127.0.0.1 $PORT | grep -q hello"),
    proven("it sees an abstract socket of the host", "grep -q $A-$B /proc/net/unix"),
    proven("it reaches a service of the host by the address of its bridge", "nc -w 2 $BRIDGE $PORT | grep -q hello"),
    proven("it has a route to anywhere", "ip route | grep -q ."),
];

/// Greets everybody at an address of the host.
struct Greeter {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Greeter {
    async fn at(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                drop(caller.write_all(b"hello\n").await);
            }
        });
        Self {
            port,
            _tasks: tasks,
        }
    }
}

async fn try_all(address: &str, network: bool, attempts: &[Attempt]) {
    let bench = Bench::new().await;
    let greeter = Greeter::at(address).await;
    let (a, b) = (RunId::random().to_string(), RunId::random().to_string());
    let name = net::SocketAddr::from_abstract_name(format!("{a}-{b}")).unwrap();
    let _socket = net::UnixListener::bind_addr(&name).unwrap();
    let bridge = bench.docker.inspect_network("bridge", None).await.unwrap();
    let bridge = bridge.ipam.and_then(|ipam| ipam.config);
    let bridge = bridge.into_iter().flatten().find_map(|pool| pool.gateway);
    let vars = json!({
        "A": a, "B": b, "PORT": greeter.port.to_string(), "HEX": format!("{:04x}", greeter.port),
        "BRIDGE": bridge.unwrap_or_else(|| "127.0.0.1".to_owned()),
    });
    let sandbox = json!({"network": network, "env_vars": vars});
    let without_walls = HostConfig {
        network_mode: Some("host".to_owned()),
        ..HostConfig::default()
    };
    none_succeeds(&bench, sandbox, attempts, without_walls).await;
}

#[tokio::test]
async fn an_agent_with_a_network_does_not_reach_what_the_host_keeps_to_itself() {
    try_all("127.0.0.1", true, ALWAYS).await;
}

#[tokio::test]
async fn an_agent_without_a_network_reaches_nobody() {
    try_all("0.0.0.0", false, WITHOUT_NETWORK).await;
}

#[tokio::test]
async fn an_agent_does_not_reach_another_one_by_its_name_either() {
    let bench = Bench::new().await;
    let sandbox = json!({"network": true});
    let listener = Background::start(
        &bench.runtime,
        &shell(
            sandbox.clone(),
            "echo hello | nc -l -p 5000 & echo hello | nc -u -l -p 5001 & ip -4 addr show eth0 | \
             grep -o 'inet [0-9.]*' | cut -d ' ' -f 2; wait",
        ),
    );
    listener.printed("\n").await;
    let address = listener.sink.text().trim().to_owned();
    let [container] = bench.containers().await.try_into().unwrap();
    let name = container.names.unwrap().remove(0).replace('/', "");
    let script = format!(
        "for to in {address} {name}; do nc -w 1 $to 5000 </dev/null; echo x | nc -u -w 1 $to 5001; \
         ping -c 1 -W 1 $to >/dev/null 2>&1 && echo pong; done; echo over"
    );
    let caller = Background::start(&bench.runtime, &shell(sandbox, &script));
    let heard = caller.sink.clone();
    caller.end().await.unwrap();
    listener.stop.cancel();
    listener.end().await.unwrap();
    assert_eq!(heard.text(), "over\n");
    bench.assert_nothing_left().await;
}
