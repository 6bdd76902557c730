//! Lets clients of this machine in.

mod accept;
mod events;
pub mod gate;
mod metrics;
mod routes;
mod socket;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use swarm_core::error_code::ErrorCode;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::{App, Failure};

/// How long requests that are under way may take once the daemon is to end.
const GRACE: Duration = Duration::from_secs(5);

/// A listener on this machine and nowhere else. Port 0 takes any that is free.
///
/// # Errors
///
/// If the port is taken.
pub async fn listen(port: u16) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(
            ErrorCode::StartFailed,
            format!("cannot listen at {address}: {error}; choose another port, or 0 for any that is free"),
        )
    })
}

/// Answers at `listener` until the app is to end: then nobody else is let in, who waits for something is told, and what is under way
/// is finished.
///
/// # Errors
///
/// If the listener has no address.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(ErrorCode::Internal, error.to_string());
    let port = listener.local_addr().map_err(failed)?.port();
    let sockets = TaskTracker::new();
    let stopping = app.stopping();
    let router = routes::router(app, port, sockets.clone());
    accept::accept(listener, router, accept::MOST, stopping, GRACE).await;
    sockets.close();
    // Sockets end by themselves once the app does; one that does not is left to its fate.
    drop(tokio::time::timeout(GRACE, sockets.wait()).await);
    Ok(())
}
