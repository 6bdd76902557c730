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

#[cfg(test)]
mod tests {
    use swarm_core::{decider::Decider as _, time::Timestamp};
    use swarm_peers::{Command, Identity, Peers, peer};
    use tokio::time::advance;

    use super::*;

    const ALMOST_LOST: Duration = Duration::from_millis(59_999);

    /// A state with one peer, which follows what was swept.
    struct Village {
        peers: Peers,
        state: State,
        bob: PeerId,
    }

    impl Village {
        fn new() -> Self {
            let mut village = Self {
                peers: Peers::new(swarm_peers::Settings::default()),
                state: State::default(),
                bob: PeerId::new("bob").unwrap(),
            };
            let join = peer::Join {
                id: village.bob.clone(),
                name: None,
                identity: Identity {
                    client: "test".to_owned(),
                    host: "here".to_owned(),
                    cwd: "/work".to_owned(),
                    session: None,
                    worktree: None,
                    repository: None,
                    tty: None,
                    pid: None,
                },
                credential: String::new(),
                former: None,
                reach: peer::Reach::default(),
            };
            let join = peer::Request::Join(Box::new(join));
            village.happens(&Command::new(PeerId::user(), join));
            village
        }

        fn happens(&mut self, command: &Command) {
            let now = Timestamp::default();
            for event in self.peers.decide(&self.state, command, now).unwrap() {
                Peers::evolve(&mut self.state, &event, now);
            }
        }

        /// Whether bob is here, and whether he is idle, once it was looked.
        fn swept(&mut self, attendance: &Attendance) -> (bool, bool) {
            let sweep = attendance.sweep(&self.state);
            self.happens(&Command::new(PeerId::swarm(), sweep));
            let bob = self.state.peer(&self.bob).unwrap();
            (bob.connection == Connection::Here, bob.idle)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_for_a_minute_is_lost_and_found_by_any_sign() {
        let mut village = Village::new();
        let attendance = Attendance::new();
        attendance.sign(&village.bob);
        advance(ALMOST_LOST).await;
        assert_eq!(village.swept(&attendance), (true, false));
        advance(Duration::from_millis(1)).await;
        assert_eq!(village.swept(&attendance), (false, false));
        assert_eq!(attendance.last_seen(&village.bob), Some(LOST_AFTER));
        attendance.sign(&village.bob);
        assert_eq!(village.swept(&attendance), (true, false));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_connected_is_here_however_silent_and_idle_if_it_does_nothing() {
        let mut village = Village::new();
        let attendance = Attendance::new();
        let first = attendance.connect(&village.bob);
        let second = attendance.connect(&village.bob);
        advance(IDLE_AFTER).await;
        attendance.sign(&village.bob);
        assert_eq!(village.swept(&attendance), (true, true));
        attendance.act(&village.bob);
        assert_eq!(village.swept(&attendance), (true, false));
        drop(first);
        advance(LOST_AFTER).await;
        assert_eq!(village.swept(&attendance), (true, false));
        assert_eq!(attendance.connections(), 1);
        // From the end of the last connection on, silence counts.
        drop(second);
        assert_eq!(village.swept(&attendance), (true, false));
        advance(LOST_AFTER).await;
        assert_eq!(village.swept(&attendance), (false, false));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_start_of_the_daemon_everybody_has_a_minute_to_be_heard() {
        let mut village = Village::new();
        let attendance = Attendance::new();
        advance(ALMOST_LOST).await;
        assert_eq!(village.swept(&attendance), (true, false));
        advance(Duration::from_millis(1)).await;
        assert_eq!(village.swept(&attendance), (false, false));
    }
}
