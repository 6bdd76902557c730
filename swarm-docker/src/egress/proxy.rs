//! The proxy of one agent: decides, and copies.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http_body_util::{Either, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use swarm_core::spec::{AllowedHosts, Host, Via};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes},
    net::{TcpStream, UnixListener, lookup_host},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    idle::watched,
    ledger::Ledger,
    policy,
    relay::relay,
    target::{Target, target},
};

/// How many connections an agent has at once. Further ones wait.
const AT_ONCE: usize = 128;
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 << 10;
/// The most headers of a request.
const MOST_HEADERS: usize = 100;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long it may take to reach one address of a host.
const REACH: Duration = Duration::from_secs(10);
/// How many addresses of a host are tried.
const ADDRESSES: usize = 8;
/// How long a connection may be silent. Models think for minutes.
const IDLE: Duration = Duration::from_mins(10);
/// How much of each direction of a tunnel is in memory, in bytes.
const COPY: usize = 16 << 10;
/// The pause after a connection that could not be accepted, because there are too many open files.
const BREATHER: Duration = Duration::from_millis(100);

type Answer = Response<Either<Full<Bytes>, Incoming>>;
/// From a name to its addresses.
pub(super) type Resolve = fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;

/// Asks the resolver of this machine.
pub(super) fn resolve(name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
    Box::pin(async move {
        let found = lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// The proxy of one agent. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    hosts: Arc<AllowedHosts>,
    ledger: Ledger,
    resolve: Resolve,
}

/// One connection of the agent's.
#[derive(Default)]
struct Connection {
    /// What a tunnel leads to, once it is agreed.
    tunnel: Mutex<Option<(OnUpgrade, TcpStream)>>,
    /// The connection to the server of a plain request. Ends with this one.
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Proxy {
    pub(super) fn new(hosts: AllowedHosts, ledger: Ledger, resolve: Resolve) -> Self {
        Self {
            hosts: Arc::new(hosts),
            ledger,
            resolve,
        }
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Serves whoever connects, for ever. When this is dropped, every connection is closed.
    #[expect(clippy::infinite_loop, reason = "it ends when it is dropped")]
    pub(super) async fn serve(&self, listener: &UnixListener) -> Infallible {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut connections = JoinSet::new();
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await;
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let proxy = self.clone();
                    connections.spawn(async move {
                        proxy.connection(stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection of an agent was not accepted");
                    sleep(BREATHER).await;
                }
            }
        }
    }

    /// Serves one connection to its end: one request, or one tunnel.
    pub(super) async fn connection<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, activity) = watched(stream);
        let served = async {
            let connection = Arc::new(Connection::default());
            let service = service_fn(|request| {
                let (proxy, connection) = (self.clone(), Arc::clone(&connection));
                async move { Ok::<_, Infallible>(proxy.answer(request, &connection).await) }
            });
            let served = http1::Builder::new()
                // What follows the first request is not looked at, so nothing can be hidden behind it.
                .keep_alive(false)
                // Who has said all that it has to say still gets its answer.
                .half_close(true)
                .max_buf_size(LONGEST_HEAD)
                .max_headers(MOST_HEADERS)
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection of an agent broke off");
            }
            connection.tunnel().await;
        };
        tokio::select! {
            () = served => {}
            () = activity.ceased(IDLE) => {}
        }
    }

    async fn answer(&self, mut request: Request<Incoming>, connection: &Connection) -> Answer {
        let target = match target(request.method(), request.uri()) {
            Ok(target) => target,
            Err(problem) => {
                let noted = self.ledger.note("(no host)", 0, Err(problem)).await;
                return refusal(noted, StatusCode::BAD_REQUEST, problem);
            }
        };
        let host = target.host.to_string();
        let addresses = match self.decide(&target).await {
            Ok((addresses, reason)) => {
                if let Err(error) = self.ledger.note(&host, target.port, Ok(&reason)).await {
                    return refusal(Err(error), StatusCode::INTERNAL_SERVER_ERROR, "");
                }
                addresses
            }
            Err((status, problem)) => {
                let noted = self.ledger.note(&host, target.port, Err(problem)).await;
                return refusal(noted, status, &format!("{host}: {problem}"));
            }
        };
        let server = match reach(&addresses).await {
            Ok(server) => server,
            Err(error) => return bad_gateway(&host, &error),
        };
        match target.via {
            Via::Tunnel => {
                let upgrade = hyper::upgrade::on(&mut request);
                let mut tunnel = connection
                    .tunnel
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *tunnel = Some((upgrade, server));
                Response::new(Either::Left(Full::default()))
            }
            Via::Http => match relay(request, &target, server, &connection.tasks).await {
                Ok(answer) => answer.map(Either::Right),
                Err(error) => bad_gateway(&host, &error),
            },
        }
    }

    /// The addresses that may be talked to, and why; or why there are none.
    async fn decide(
        &self,
        target: &Target,
    ) -> Result<(Vec<SocketAddr>, String), (StatusCode, &'static str)> {
        let denied = |problem| (StatusCode::FORBIDDEN, problem);
        let reason = policy::listed(&self.hosts, target).map_err(denied)?;
        let name = match &target.host {
            // It is listed as what it is.
            Host::Ip(ip) => return Ok((vec![SocketAddr::new(*ip, target.port)], reason)),
            Host::Name(name) => name.clone(),
        };
        let found = (self.resolve)(name)
            .await
            .map_err(|_| (StatusCode::BAD_GATEWAY, "its name is not known"))?;
        let usable = policy::usable(&self.hosts, target, found, is_own).map_err(denied)?;
        Ok((usable, reason))
    }
}

impl Connection {
    /// Copies through the tunnel, if one was agreed, until both sides are done.
    async fn tunnel(&self) {
        let agreed = self
            .tunnel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((upgrade, mut server)) = agreed
            && let Ok(agent) = upgrade.await
        {
            let mut agent = TokioIo::new(agent);
            drop(copy_bidirectional_with_sizes(&mut agent, &mut server, COPY, COPY).await);
        }
    }
}

/// Connects to the first that answers.
async fn reach(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses.iter().take(ADDRESSES) {
        match timeout(REACH, TcpStream::connect(address)).await {
            Ok(Ok(server)) => {
                // Small pieces of a conversation are not to wait for more.
                drop(server.set_nodelay(true));
                return Ok(server);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Whether an address is this machine's: only then can somebody listen on it.
fn is_own(ip: IpAddr) -> bool {
    // A machine may be set to let anybody listen on any address, and then this says nothing.
    const NOBODYS: [u8; 4] = [192, 0, 2, 1];
    UdpSocket::bind((ip, 0)).is_ok() && UdpSocket::bind((IpAddr::from(NOBODYS), 0)).is_err()
}

fn bad_gateway(host: &str, error: &io::Error) -> Answer {
    let problem = format!("{host}: it cannot be reached: {error}");
    refusal(Ok(()), StatusCode::BAD_GATEWAY, &problem)
}

/// An answer of our own. What cannot be written down is not allowed either.
fn refusal(noted: io::Result<()>, status: StatusCode, problem: &str) -> Answer {
    let (status, problem) = match noted {
        Ok(()) => (status, problem),
        Err(error) => {
            tracing::warn!(%error, "what an agent tried to reach could not be written down");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the decision could not be written down",
            )
        }
    };
    let text = format!("swarm: {problem}\n");
    let mut answer = Response::new(Either::Left(Full::new(Bytes::from(text))));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}

#[cfg(test)]
mod tests;
