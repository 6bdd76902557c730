//! Which peers have a socket. One each: while that is alive, nobody else listens in by the same id.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm_peers::PeerId;
use tokio::{
    sync::{mpsc, oneshot, watch},
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
    /// The folder of its session, and how often somebody there has looked up who is here.
    cwd: String,
    lookups: Arc<watch::Sender<u64>>,
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
    /// How often its session has looked up who is here.
    pub(super) lookups: watch::Receiver<u64>,
}

impl Sockets {
    /// A place for a socket of `peer`, whose session is in `cwd`; `None` if one is alive there.
    pub(super) async fn seat(&self, peer: &PeerId, cwd: &str) -> Option<Seat> {
        loop {
            let open = self.open().get(peer).cloned();
            let Some(open) = open else {
                let (asks, asked) = mpsc::channel(1);
                let ends = CancellationToken::new();
                let (counts, lookups) = watch::channel(0);
                let open = Open {
                    asks,
                    ends: ends.clone(),
                    cwd: cwd.to_owned(),
                    lookups: Arc::new(counts),
                };
                match self.open().entry(peer.clone()) {
                    Entry::Occupied(_) => continue,
                    Entry::Vacant(free) => drop(free.insert(open)),
                }
                return Some(Seat {
                    sockets: self.clone(),
                    peer: peer.clone(),
                    asked,
                    ends,
                    lookups,
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

    /// Somebody in `cwd` has looked up who is here.
    pub(super) fn looked_up(&self, cwd: &str) {
        for open in self.open().values().filter(|open| open.cwd == cwd) {
            open.lookups.send_modify(|count| *count += 1);
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
