//! The other side: asks the daemon.

use std::{ops::ControlFlow, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use swarm_core::{
    error_code::{Coded, ErrorCode},
    ids::RunId,
};
use thiserror::Error;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use serde::Deserialize;

use crate::{
    Address, DaemonHome, Failure, HomeError, Operation, Problem, ProblemDetail, operation::Kind,
    runs::Passing,
};

/// How long the daemon may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may take to answer, besides what it was told to wait.
const ANSWER: Duration = Duration::from_secs(90);
/// The largest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Asks the daemon of a home, over one connection.
#[derive(Debug)]
pub struct Client {
    address: Address,
    authorization: String,
    requests: Requests,
    /// Drives the connection; ends with this.
    connection: JoinSet<()>,
}

/// Why the daemon did not do what it was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// It is not there, or does not answer.
    #[error(
        "the daemon {what}; `swarm status` shows whether it runs, `swarm logs` what it said last"
    )]
    Unreachable {
        /// What became of it.
        what: String,
    },
    /// Its files cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// It refused.
    #[error("{}", .0.message)]
    Refused(Failure),
}

impl Coded for ClientError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable { .. } => ErrorCode::DaemonUnreachable,
            Self::Home(error) => error.code(),
            Self::Refused(failure) => failure.code,
        }
    }
}

fn unreachable(what: impl Into<String>) -> ClientError {
    ClientError::Unreachable { what: what.into() }
}

impl Client {
    /// Connects to the daemon of `home` as the owner. Reads two small files, which blocks for a moment.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreachable`] if there is none.
    pub async fn connect(home: &DaemonHome) -> Result<Self, ClientError> {
        let address = home.address()?.filter(|_| home.is_running());
        let (Some(address), Some(token)) = (address, home.token()?) else {
            return Err(unreachable("is not running"));
        };
        Self::connect_to(address, &token).await
    }

    /// Connects to the daemon at `address` as whoever shows `token`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreachable`] if nobody answers there.
    pub async fn connect_to(address: Address, token: &str) -> Result<Self, ClientError> {
        let (requests, driving) = open(&address).await?;
        let mut client = Self {
            authorization: format!("Bearer {token}"),
            requests,
            address,
            connection: driving,
        };
        // A daemon that is about to end takes connections until it does. Nothing is asked of one that does not answer.
        let health = client.request(Method::GET, "/health", Vec::new());
        let late = |_| unreachable(format!("does not answer within {} s", CONNECT.as_secs()));
        timeout(CONNECT, health).await.map_err(late)??;
        Ok(client)
    }

    /// Where the daemon is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Whoever shows `token` asks from now on.
    pub fn speak_as(&mut self, token: &str) {
        self.authorization = format!("Bearer {token}");
    }

    /// Asks for `operation`, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] with what the daemon says; [`ClientError::Unreachable`] if it says nothing. In the latter case a
    /// command may have happened.
    pub async fn call<O: Operation>(&mut self, operation: &O) -> Result<O::Answer, ClientError> {
        let unwritable = |error: String| {
            ClientError::Refused(Failure::new(
                ErrorCode::InvalidInput,
                format!("{} cannot be asked for: {error}", O::NAME),
            ))
        };
        let (method, path, body) = match O::KIND {
            Kind::Question => {
                let query = serde_urlencoded::to_string(operation);
                let query = query.map_err(|error| unwritable(error.to_string()))?;
                (Method::GET, format!("/v1/{}?{query}", O::NAME), Vec::new())
            }
            Kind::Command => {
                let body = serde_json::to_vec(operation);
                let body = body.map_err(|error| unwritable(error.to_string()))?;
                (Method::POST, format!("/v1/{}", O::NAME), body)
            }
        };
        let (status, body) = self.request(method, &path, body).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                unreachable(format!("gave an answer that is not understood ({error})"))
            });
        }
        Err(ClientError::Refused(refusal(status, &body)))
    }

    /// Gives every event after the place `after` to `each`, as JSON, and those that come later, until `each` says that it is enough or
    /// the daemon ends.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the daemon refuses, or breaks off.
    pub async fn events(
        &mut self,
        after: u64,
        mut each: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let path = format!("/v1/events?after={after}");
        self.follow(&path, |_, data| each(data)).await
    }

    /// Gives everything that happens to `run` after the place `after` to `each`, until nobody drives it any more or `each` says that it
    /// is enough.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if there is no such run, or with why it could not go on; [`ClientError::Unreachable`] if the daemon ends
    /// before that is known: the run goes on with the next one.
    pub async fn watch(
        &mut self,
        run: &RunId,
        after: u64,
        mut each: impl FnMut(Watched<'_>) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let mut ended = None;
        let path = format!("/v1/runs/watch?run={run}&after={after}");
        self.follow(&path, |kind, data| match kind {
            "over" => {
                ended = Some(match serde_json::from_str::<Over>(data) {
                    Ok(Over { error: None }) => Ok(()),
                    Ok(Over { error: Some(error) }) => Err(ClientError::Refused(error.failure())),
                    Err(error) => Err(unreachable(format!("is not understood ({error})"))),
                });
                ControlFlow::Break(())
            }
            "passing" => match serde_json::from_str(data) {
                Ok(passing) => each(Watched::Passing(passing)),
                // A newer daemon may show more than is known here.
                Err(_) => ControlFlow::Continue(()),
            },
            _ => each(Watched::Event(data)),
        })
        .await?;
        ended.unwrap_or_else(|| Err(unreachable("ended, or broke off")))
    }

    /// Gives each event of a stream to `each`: its kind, and what is in it.
    async fn follow(
        &mut self,
        path: &str,
        mut each: impl FnMut(&str, &str) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let request = self.prepared(Method::GET, path, Vec::new())?;
        self.ready().await?;
        let response = self.requests.send_request(request).await;
        let response = response.map_err(|error| broken(&error))?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| unreachable(format!("broke off: {error}")))?;
            return Err(ClientError::Refused(refusal(status, &body.to_bytes())));
        }
        let mut text = Vec::new();
        let mut kind = String::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            text.extend(frame.data_ref().into_iter().flatten());
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                if let Some(data) = line.strip_prefix("data: ") {
                    if each(&kind, data).is_break() {
                        return Ok(());
                    }
                } else if let Some(named) = line.strip_prefix("event: ") {
                    named.clone_into(&mut kind);
                } else if line.is_empty() {
                    kind.clear();
                }
            }
        }
        Ok(())
    }

    /// Until something can be asked. A connection on which nothing was asked for a while is closed by the daemon; then there is
    /// another one.
    async fn ready(&mut self) -> Result<(), ClientError> {
        if self.requests.ready().await.is_err() {
            (self.requests, self.connection) = open(&self.address).await?;
        }
        let ready = self.requests.ready().await;
        ready.map_err(|error| broken(&error))
    }

    fn prepared(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.listens.to_string())
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unreachable(format!("cannot be asked: {error}")))
    }

    async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = self.prepared(method, path, body)?;
        self.ready().await?;
        let answered = timeout(ANSWER, async {
            let response = self.requests.send_request(request).await;
            let response = response.map_err(|error| broken(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await;
            let body = body.map_err(|error| unreachable(format!("broke off: {error}")))?;
            Ok((status, body.to_bytes()))
        });
        let late = |_| unreachable(format!("did not answer within {} s", ANSWER.as_secs()));
        answered.await.map_err(late)?
    }
}

type Requests = SendRequest<Full<Bytes>>;

/// A connection to the daemon at `address`, and what drives it.
async fn open(address: &Address) -> Result<(Requests, JoinSet<()>), ClientError> {
    let stream = timeout(CONNECT, TcpStream::connect(address.listens)).await;
    let stream = stream
        .map_err(|_| unreachable(format!("does not answer at {}", address.listens)))?
        .map_err(|error| unreachable(format!("is not at {}: {error}", address.listens)))?;
    // Small requests must not wait for each other.
    drop(stream.set_nodelay(true));
    let shaken = handshake(TokioIo::new(stream)).await;
    let (requests, connection) = shaken.map_err(|error| broken(&error))?;
    let mut driving = JoinSet::new();
    driving.spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "the connection to the daemon broke");
        }
    });
    Ok((requests, driving))
}

fn broken(error: &hyper::Error) -> ClientError {
    unreachable(format!("broke the connection: {error}"))
}

/// What the daemon says of a request that it did not do.
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { error }) => error.failure(),
        Err(_) => Failure::new(
            ErrorCode::Internal,
            format!("the daemon answered with {status} and no reason"),
        ),
    }
}

/// Something that happens to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched<'a> {
    /// What is in its log: an object with `sequence`, `at`, `kind` and `data`.
    Event(&'a str),
    /// What is shown and not kept.
    Passing(Passing),
}

/// Nobody drives a run any more.
#[derive(Deserialize)]
struct Over {
    error: Option<ProblemDetail>,
}
