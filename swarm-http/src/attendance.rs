//! Who was heard of when. Nothing of this is kept: only that somebody was lost, found or became idle is an event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm_peers::{PeerId, State, Sweep, peer::Connection};
use tokio::time::Instant;

/// After so long without a sign, a peer counts as lost.
pub(crate) const LOST_AFTER: Duration = Duration::from_mins(1);
/// After so long without doing anything, a peer counts as idle.
pub(crate) const IDLE_AFTER: Duration = Duration::from_mins(5);

/// What was heard of each peer.
#[derive(Debug)]
pub(crate) struct Attendance {
    /// Since when anybody could be heard.
    opened: Instant,
    peers: Mutex<HashMap<PeerId, Heard>>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    of: Instant,
    act: Instant,
    /// Open connections that tell when they break.
    connections: usize,
}

/// An open connection of a peer. As long as it is there, so is the peer.
#[derive(Debug)]
pub(crate) struct Connected {
    attendance: Arc<Attendance>,
    peer: PeerId,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.attendance.hear(&self.peer, |heard| {
            heard.connections = heard.connections.saturating_sub(1);
        });
    }
}

impl Attendance {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            peers: Mutex::default(),
        })
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<PeerId, Heard>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, peer: &PeerId, change: impl FnOnce(&mut Heard)) {
        let now = Instant::now();
        let mut peers = self.peers();
        let heard = peers.entry(peer.clone()).or_insert(Heard {
            of: now,
            act: now,
            connections: 0,
        });
        heard.of = now;
        change(heard);
    }

    /// `peer` gave a sign of life.
    pub(crate) fn sign(&self, peer: &PeerId) {
        self.hear(peer, |_| ());
    }

    /// `peer` did something.
    pub(crate) fn act(&self, peer: &PeerId) {
        self.hear(peer, |heard| heard.act = heard.of);
    }

    /// `peer` is there for as long as the answer is kept.
    pub(crate) fn connect(self: &Arc<Self>, peer: &PeerId) -> Connected {
        self.hear(peer, |heard| heard.connections += 1);
        Connected {
            attendance: Arc::clone(self),
            peer: peer.clone(),
        }
    }

    /// When `peer` was last heard of: so long ago.
    pub(crate) fn last_seen(&self, peer: &PeerId) -> Option<Duration> {
        self.peers().get(peer).map(|heard| heard.of.elapsed())
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.peers().values().map(|heard| heard.connections).sum()
    }

    /// What has changed since `state`. Whom nobody has heard of since the daemon began has been there until then.
    pub(crate) fn sweep(&self, state: &State) -> Sweep {
        let now = Instant::now();
        let mut peers = self.peers();
        peers.retain(|id, heard| heard.connections > 0 || state.peer(id).is_some());
        let mut sweep = Sweep::default();
        for peer in state.peers().filter(|peer| !peer.id.is_user()) {
            let heard = peers.get(&peer.id).copied().unwrap_or(Heard {
                of: self.opened,
                act: self.opened,
                connections: 0,
            });
            let silent = now.duration_since(heard.of) >= LOST_AFTER;
            let is_gone = heard.connections == 0 && silent;
            match peer.connection {
                Connection::Here if is_gone => sweep.lost.push(peer.id.clone()),
                Connection::Lost { .. } if !is_gone => sweep.found.push(peer.id.clone()),
                _ => {}
            }
            let is_idle = now.duration_since(heard.act) >= IDLE_AFTER;
            match (peer.idle, is_idle) {
                (false, true) => sweep.idle.push(peer.id.clone()),
                (true, false) => sweep.active.push(peer.id.clone()),
                _ => {}
            }
        }
        sweep
    }
}
