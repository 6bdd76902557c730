//! The surface of claude-peers and claude-swarm: their servers and commands work with this daemon as they are.
//!
//! It is a translation and keeps nothing: every write is a command, every read the same state and the same history. What those programs
//! get wrong with each other is put right on this side as far as it can be (`docs/guide/coming-from.md` says how far).
//!
//! # Who is who
//!
//! Nobody shows a secret here, since those programs have none. So who comes here is a peer of a kind of its own
//! ([`SHOWS_NOTHING`](swarm_peers::peer::SHOWS_NOTHING)): whoever says that it is such a peer is believed, and nobody is ever believed
//! to be one of the others (`callers.rs`). What cannot be known is who of them is who.
//!
//! # What is delivered
//!
//! One way at a time hands out the messages of a peer (`turns.rs`): its socket, or an answer to a poll. A message is done with once a
//! program has it: when the pong to the ping behind it has come (`socket.rs`), or when the client of a poll has read the whole answer
//! (`connection.rs`).

mod alerts;
mod answer;
mod callers;
mod connection;
mod dashboard;
mod dispatch;
mod fields;
mod files;
mod frames;
mod gate;
mod herald;
mod messages;
mod owner;
mod pace;
mod peers;
mod pins;
mod polls;
mod reviews;
mod snippets;
mod socket;
mod sockets;
mod stats;
mod tasks;
mod times;
mod turns;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware, routing::any};
use swarm_core::error_code::ErrorCode;
use tokio::{net::TcpListener, sync::broadcast, time::timeout};
use tokio_util::task::TaskTracker;

use self::{
    connection::{Listening, Witness},
    herald::Told,
    sockets::Sockets,
    turns::Turns,
};
use crate::{App, Failure, place, server};

/// The port at which their programs look for a broker.
pub const USUAL_PORT: u16 = 7899;
/// How long what is under way may take once the daemon is to end.
const GRACE: Duration = Duration::from_secs(5);
/// Comings and goings that one who is slow may be behind.
const TOLD: usize = 256;

/// What a request of this surface may touch.
#[derive(Debug)]
pub(crate) struct Compat {
    pub(crate) app: Arc<App>,
    host: String,
    turns: Turns,
    sockets: Sockets,
    told: broadcast::Sender<Told>,
    /// Sockets, and answers of which it is not known yet whether they were taken.
    under_way: TaskTracker,
}

/// A listener at `port` on this machine.
///
/// # Errors
///
/// If the port is taken, as it is while another broker runs.
pub async fn listen(port: u16) -> Result<TcpListener, Failure> {
    let listening = server::listen(port).await;
    listening.map_err(|failure| {
        Failure::new(
            failure.code,
            format!(
                "programs of claude-peers and claude-swarm cannot be let in: {}; a broker of theirs may have the port: end it, or set \
                 CLAUDE_SWARM_PORT to another one for both sides",
                failure.message
            ),
        )
    })
}

/// Answers at `listener`, which is on this machine, until the app is to end.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(ErrorCode::Internal, error.to_string());
    let port = listener.local_addr().map_err(failed)?.port();
    let stopping = app.stopping();
    let compat = Arc::new(Compat {
        app,
        host: place::host(),
        turns: Turns::default(),
        sockets: Sockets::default(),
        told: broadcast::Sender::new(TOLD),
        under_way: TaskTracker::new(),
    });
    let router = Router::new()
        .route("/ws", any(socket::open))
        .fallback(dispatch::dispatch)
        .layer(middleware::from_fn_with_state(port, gate::check))
        .with_state(Arc::clone(&compat))
        .into_make_service_with_connect_info::<Witness>();
    let drained = axum::serve(Listening(listener), router)
        .with_graceful_shutdown(stopping.clone().cancelled_owned());
    let mut drained = std::pin::pin!(drained.into_future());
    let ended = tokio::select! {
        ended = &mut drained => Some(ended),
        () = herald::tell(Arc::clone(&compat)) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => timeout(GRACE, drained).await.unwrap_or(Ok(())),
    };
    compat.under_way.close();
    // They end by themselves once the app does; one that does not is left to its fate.
    drop(timeout(GRACE, compat.under_way.wait()).await);
    ended.map_err(failed)
}
