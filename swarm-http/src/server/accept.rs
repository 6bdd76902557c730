//! Takes connections in: not more than there is room for, and none that says nothing.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How many connections there may be of which it is not known yet who they are, or that ask one thing after the other. Sockets are not
/// among them. Who comes after that waits until one goes.
pub(super) const MOST: usize = 4_096;
/// How long after the last answer, or after it began, a connection may take to ask for something.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to leave it when nobody can be taken in, since too many files are open.
const PAUSE: Duration = Duration::from_millis(500);

/// Answers with `router` to whoever comes, `most` at once, until `stopping` fires; then finishes what is under way, for as long as
/// `grace`.
pub(super) async fn accept(
    listener: TcpListener,
    router: Router,
    most: usize,
    stopping: CancellationToken,
    grace: Duration,
) {
    let room = Arc::new(Semaphore::new(most));
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, next(&listener).await)
        };
        let (place, stream) = tokio::select! {
            () = stopping.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        // Small answers and frames are not to wait for each other. If it fails, they do.
        drop(stream.set_nodelay(true));
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let (connection, ending) = (connection.with_upgrades(), stopping.clone());
        connections.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    drop(timeout(grace, all_ended).await);
}

/// Who comes next. That somebody is gone again before that, or that too many files are open, is no reason to end.
async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_theirs(&error) => {}
            Err(error) => {
                tracing::error!(%error, "nobody can be let in now");
                sleep(PAUSE).await;
            }
        }
    }
}

fn is_theirs(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_sent_away_and_makes_room_for_who_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        let stopping = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, router, 1, stopping.clone(), PAUSE));
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut waits = TcpStream::connect(address).await.unwrap();
        let ask = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        waits.write_all(ask).await.unwrap();
        let began = tokio::time::Instant::now();
        let mut answer = String::new();
        waits.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
        let mut nothing = Vec::new();
        drop(silent.read_to_end(&mut nothing).await);
        assert!(!String::from_utf8_lossy(&nothing).contains("here"));
        stopping.cancel();
        serving.join_next().await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
