//! The forwarder: copies between loopback in the agent's network and a socket of ours. Runs in a container of its own.

use std::{convert::Infallible, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};

/// How many connections there are at once. Further ones wait.
const AT_ONCE: usize = 128;
/// How much of each direction of a connection is in memory, in bytes.
const COPY: usize = 16 << 10;
/// The pause after a connection that could not be accepted.
const BREATHER: Duration = Duration::from_millis(100);

/// Listens on `address`, and copies each connection to and from the socket at `path`, which is looked up each time: whoever
/// listens there may come back. Never returns but with an error.
///
/// Says that it listens by connecting to the socket once without a word.
///
/// # Errors
///
/// If nobody can listen on `address`.
#[expect(clippy::infinite_loop, reason = "it ends when its container does")]
pub async fn forward(address: SocketAddr, path: &Path) -> io::Result<Infallible> {
    let listener = TcpListener::bind(address).await?;
    drop(UnixStream::connect(path).await);
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let path: Arc<Path> = path.into();
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await;
        while connections.try_join_next().is_some() {}
        let Ok((mut agent, _)) = listener.accept().await else {
            sleep(BREATHER).await;
            continue;
        };
        let path = Arc::clone(&path);
        connections.spawn(async move {
            if let Ok(mut proxy) = UnixStream::connect(&path).await {
                drop(copy_bidirectional_with_sizes(&mut agent, &mut proxy, COPY, COPY).await);
            }
            drop(permit);
        });
    }
}
