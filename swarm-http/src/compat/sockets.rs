//! Which peers have a socket. One each: while that is alive, nobody else listens in by the same id.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm_peers::PeerId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long a socket may take to show that it is alive.
const PATIENCE: Duration = Duration::from_secs(2);

/// The sockets that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets(Arc<Mutex<HashMap<PeerId, Open>>>);

#[derive(Clone, Debug)]
struct Open {
    asks: mpsc::Sender<oneshot::Sender<()>>,
    ends: CancellationToken,
}

/// The place of one socket.
#[derive(Debug)]
pub(super) struct Seat {
    sockets: Sockets,
    peer: PeerId,
    /// Somebody wants to know whether it is alive.
    pub(super) asked: mpsc::Receiver<oneshot::Sender<()>>,
    /// Fires when it is to end.
    pub(super) ends: CancellationToken,
}

impl Sockets {
    /// A place for a socket of `peer`; `None` if one is alive there.
    pub(super) async fn seat(&self, peer: &PeerId) -> Option<Seat> {
        loop {
            let open = self.open().get(peer).cloned();
            let Some(open) = open else {
                let (asks, asked) = mpsc::channel(1);
                let ends = CancellationToken::new();
                let mut all = self.open();
                if all.contains_key(peer) {
                    continue;
                }
                let ends_too = ends.clone();
                all.insert(
                    peer.clone(),
                    Open {
                        asks,
                        ends: ends_too,
                    },
                );
                return Some(Seat {
                    sockets: self.clone(),
                    peer: peer.clone(),
                    asked,
                    ends,
                });
            };
            let (sender, alive) = oneshot::channel();
            let is_alive = async {
                open.asks.send(sender).await.ok()?;
                alive.await.ok()
            };
            if timeout(PATIENCE, is_alive)
                .await
                .is_ok_and(|alive| alive.is_some())
            {
                return None;
            }
            open.ends.cancel();
            self.leave(peer, &open.asks);
        }
    }

    /// Ends the socket of `peer`.
    pub(super) fn end(&self, peer: &PeerId) {
        if let Some(open) = self.open().get(peer) {
            open.ends.cancel();
        }
    }

    /// Whether `peer` has one.
    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.open().contains_key(peer)
    }

    /// How many peers have one.
    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    fn leave(&self, peer: &PeerId, asks: &mpsc::Sender<oneshot::Sender<()>>) {
        let mut all = self.open();
        if all
            .get(peer)
            .is_some_and(|open| open.asks.same_channel(asks))
        {
            all.remove(peer);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<PeerId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.asked.close();
        let mut all = self.sockets.open();
        // Another one may have it by now.
        if all
            .get(&self.peer)
            .is_some_and(|open| open.asks.is_closed())
        {
            all.remove(&self.peer);
        }
    }
}
