//! Everything that is known about peers: a fold over their events.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use swarm_core::{suggest::nearest, time::Timestamp};

use crate::{
    Alert, AlertId, DeadLetter, File, FileId, Identity, MessageId, Peer, PeerId, PeerName, Pin,
    PinId, Rejection, Snippet, SnippetId, Task, TaskId,
    identity::Key as IdentityKey,
    import::Key,
    mailbox::Mailbox,
    peer::{Connection, Presence, Reach},
    rate::Rate,
    tally::Tally,
};

/// What is known. It is had again from the events, or from what was written of it and the events after that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct State {
    peers: BTreeMap<PeerId, Peer>,
    by_key: HashMap<IdentityKey, PeerId>,
    by_name: HashMap<PeerName, PeerId>,
    pub(crate) things: Things,
}

/// What peers have besides themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Things {
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    pub(crate) snippets: BTreeMap<SnippetId, Snippet>,
    pub(crate) files: BTreeMap<FileId, File>,
    pub(crate) alerts: BTreeMap<AlertId, Alert>,
    pub(crate) pins: BTreeMap<PinId, Pin>,
    pub(crate) dead: VecDeque<DeadLetter>,
    /// Messages by the hour of the day, UTC, in which they were sent.
    pub(crate) hours: [u64; 24],
    pub(crate) tasks_completed: u64,
    pub(crate) last_message: MessageId,
    pub(crate) last_task: TaskId,
    pub(crate) last_snippet: SnippetId,
    pub(crate) last_file: FileId,
    pub(crate) last_alert: AlertId,
    pub(crate) last_pin: PinId,
    /// What was brought in from other systems, so that it is not brought in again.
    #[serde(default)]
    pub(crate) imported: BTreeSet<Key>,
}

/// The state as it is written down. What can be found out from it is not in it.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    peers: Vec<Peer>,
    things: Things,
}

impl From<Written> for State {
    fn from(written: Written) -> Self {
        let mut state = Self {
            things: written.things,
            ..Self::default()
        };
        for peer in written.peers {
            state.add(peer);
        }
        state
    }
}

impl From<State> for Written {
    fn from(state: State) -> Self {
        Self {
            peers: state.peers.into_values().collect(),
            things: state.things,
        }
    }
}

/// With the person whose machine this is, and nobody else.
impl Default for State {
    fn default() -> Self {
        let mut state = Self {
            peers: BTreeMap::new(),
            by_key: HashMap::new(),
            by_name: HashMap::new(),
            things: Things::default(),
        };
        state.add(Peer {
            id: PeerId::user(),
            name: PeerName::user(),
            identity: Identity {
                client: "person".to_owned(),
                host: String::new(),
                cwd: String::new(),
                session: None,
                worktree: None,
                repository: None,
                tty: None,
                pid: None,
            },
            credential: String::new(),
            summary: None,
            tags: BTreeSet::new(),
            presence: Presence::default(),
            connection: Connection::Here,
            idle: false,
            reach: Reach::Answers,
            joined: Timestamp::default(),
            mailbox: Mailbox::default(),
            tally: Tally::default(),
            rate: Rate::default(),
        });
        state
    }
}

impl State {
    /// The peer with this id.
    pub fn peer(&self, id: &PeerId) -> Option<&Peer> {
        self.peers.get(id)
    }

    /// Everybody, also who is gone and not forgotten, in the order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values()
    }

    /// Who is called so.
    pub fn named(&self, name: &PeerName) -> Option<&Peer> {
        self.peers.get(self.by_name.get(name)?)
    }

    /// Who is meant by an id or a name.
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownPeer`], with the nearest name.
    pub fn find(&self, address: &str) -> Result<&Peer, Rejection> {
        let by_id = PeerId::new(address).ok().and_then(|id| self.peer(&id));
        let by_name = || {
            PeerName::new(address)
                .ok()
                .and_then(|name| self.named(&name))
        };
        by_id.or_else(by_name).ok_or_else(|| {
            let known = self.peers.values();
            let known = known.flat_map(|peer| [peer.name.as_str(), peer.id.as_str()]);
            Rejection::UnknownPeer {
                address: address.chars().take(80).collect(),
                suggestion: nearest(address, known).map(str::to_owned),
            }
        })
    }

    /// Every task that is kept, the newest last.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = &Task> {
        self.things.tasks.values()
    }

    /// Every snippet that is kept, the newest last.
    pub fn snippets(&self) -> impl DoubleEndedIterator<Item = &Snippet> {
        self.things.snippets.values()
    }

    /// Every file that is kept, the newest last.
    pub fn files(&self) -> impl DoubleEndedIterator<Item = &File> {
        self.things.files.values()
    }

    /// Every alert that is kept, the newest last.
    pub fn alerts(&self) -> impl DoubleEndedIterator<Item = &Alert> {
        self.things.alerts.values()
    }

    /// Every pin, the newest last.
    pub fn pins(&self) -> impl DoubleEndedIterator<Item = &Pin> {
        self.things.pins.values()
    }

    /// Messages that nobody will get any more, the newest last.
    pub fn dead_letters(&self) -> impl DoubleEndedIterator<Item = &DeadLetter> {
        self.things.dead.iter()
    }

    /// How many messages were sent in each hour of the day, UTC.
    pub const fn hours(&self) -> &[u64; 24] {
        &self.things.hours
    }

    pub(crate) fn with_key(&self, key: &IdentityKey) -> Option<&Peer> {
        self.peers.get(self.by_key.get(key)?)
    }

    pub(crate) fn add(&mut self, peer: Peer) {
        if !peer.id.is_user() {
            self.by_key.insert(peer.identity.key(), peer.id.clone());
        }
        self.by_name.insert(peer.name.clone(), peer.id.clone());
        self.peers.insert(peer.id.clone(), peer);
    }

    /// For changes of anything but its name and its identity.
    pub(crate) fn peer_mut(&mut self, id: &PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id)
    }

    /// It has sent something that counts against its rate.
    pub(crate) fn note_sent(&mut self, from: &PeerId, at: Timestamp) {
        if let Some(from) = self.peer_mut(from) {
            from.rate.note(at);
        }
    }

    /// Nothing happens if there is no such peer.
    pub(crate) fn change(&mut self, id: &PeerId, change: impl FnOnce(&mut Peer)) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let (key, name) = (peer.identity.key(), peer.name.clone());
        change(peer);
        let (new_key, new_name) = (peer.identity.key(), peer.name.clone());
        if new_key != key {
            self.by_key.remove(&key);
            self.by_key.insert(new_key, id.clone());
        }
        if new_name != name {
            self.by_name.remove(&name);
            self.by_name.insert(new_name, id.clone());
        }
    }

    pub(crate) fn forget(&mut self, id: &PeerId) {
        if let Some(peer) = self.peers.remove(id) {
            self.by_key.remove(&peer.identity.key());
            self.by_name.remove(&peer.name);
        }
    }
}
