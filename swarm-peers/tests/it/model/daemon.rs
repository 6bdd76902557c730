//! The daemon: what it has committed, and beside it what it owes.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    sync::LazyLock,
};

use swarm_core::{decider::Decider as _, time::Timestamp};
use swarm_peers::{Command, Event, Mailbox, Peer, PeerId, Peers, Rejection, Request, State};

use super::{
    bounds::{WHO, Who},
    ledger::Ledger,
    world::Checked,
};

/// Everything that outlives the process of the daemon.
#[derive(Default)]
pub(super) struct Daemon {
    pub(super) state: State,
    pub(super) ledger: Ledger,
    log: Option<Committed>,
    /// Of the state as it would be written, and of the ledger.
    pub(super) fingerprint: u128,
}

/// What one command has led to.
struct Committed {
    before: Option<Rc<Daemon>>,
    at: Timestamp,
    events: Vec<Event>,
}

impl PartialEq for Daemon {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Daemon {}

impl Hash for Daemon {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.fingerprint.hash(hasher);
    }
}

impl Daemon {
    pub(super) fn peer(&self, who: Who) -> Option<&Peer> {
        self.state.peer(&IDS[who])
    }

    pub(super) fn mailbox(&self, who: Who) -> Option<&Mailbox> {
        self.peer(who).map(|peer| &peer.mailbox)
    }

    pub(super) fn decide(
        &self,
        peers: &Peers,
        by: PeerId,
        request: impl Into<Request>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        peers.decide(&self.state, &Command::new(by, request), now)
    }

    /// What is known after these events, which are for good from now on.
    pub(super) fn commit(self: &Rc<Self>, events: Vec<Event>, at: Timestamp) -> Checked<Self> {
        let mut state = self.state.clone();
        let mut ledger = self.ledger.clone();
        for event in &events {
            Peers::evolve(&mut state, event, at);
            ledger.note(event)?;
        }
        let before = Some(Rc::clone(self));
        Ok(Self {
            fingerprint: fingerprint(&state, &ledger),
            state,
            ledger,
            log: Some(Committed { before, at, events }),
        })
    }

    /// Whether nothing has changed for anybody but `who`.
    pub(super) fn check_others(&self, after: &Self, who: Who) -> Checked<()> {
        let mut others = (0..WHO.len()).filter(|other| *other != who);
        match others.find(|other| self.mailbox(*other) != after.mailbox(*other)) {
            Some(other) => Err(format!("{} confirms for {}", WHO[who], WHO[other])),
            None => Ok(()),
        }
    }

    /// What it knows after it was killed and started again: what its log says and nothing else.
    pub(super) fn restart(&self) -> Checked<()> {
        let mut log = Vec::new();
        let mut last = self.log.as_ref();
        while let Some(committed) = last {
            log.push(committed);
            last = committed
                .before
                .as_ref()
                .and_then(|before| before.log.as_ref());
        }
        let mut again = State::default();
        for committed in log.into_iter().rev() {
            for event in &committed.events {
                let written = serde_json::to_string(event).unwrap();
                let read: Event = serde_json::from_str(&written).unwrap();
                Peers::evolve(&mut again, &read, committed.at);
            }
        }
        if again == self.state {
            return Ok(());
        }
        Err("the state after a restart is another".to_owned())
    }
}

static IDS: LazyLock<[PeerId; WHO.len()]> =
    LazyLock::new(|| WHO.map(|who| PeerId::new(who).unwrap()));

pub(super) fn id(who: Who) -> PeerId {
    IDS[who].clone()
}

fn fingerprint(state: &State, ledger: &Ledger) -> u128 {
    let written = serde_json::to_vec(state).unwrap();
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, &written, ledger).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
