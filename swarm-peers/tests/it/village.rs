//! A few peers and what they do; everything that happens is written and read again on the way.

use std::time::Duration;

use swarm_core::{decider::Decider as _, time::Timestamp};
use swarm_peers::{
    Command, Event, Identity, Message, PeerId, PeerName, Peers, Rejection, Request, Settings,
    State, Sweep,
    peer::{self, Join, Reach},
    post,
};

/// A state and how it came to be.
pub(crate) struct Village {
    pub(crate) peers: Peers,
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) log: Vec<(Timestamp, Event)>,
}

pub(crate) type Told = Result<Vec<Event>, Rejection>;

impl Village {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            peers: Peers::new(settings),
            state: State::default(),
            now: Timestamp::from_millis(1_000_000_000),
            log: Vec::new(),
        }
    }

    /// With peers of these ids, all in one folder.
    pub(crate) fn of(ids: &[&str]) -> Self {
        let mut village = Self::new(Settings::default());
        for id in ids {
            village.join(id).unwrap();
        }
        village
    }

    pub(crate) fn join(&mut self, id: &str) -> Told {
        self.ask("user", peer::Request::Join(Box::new(join(id, "/work"))))
    }

    pub(crate) fn ask(&mut self, by: &str, request: impl Into<Request>) -> Told {
        let command = Command::new(PeerId::new(by).unwrap(), request);
        let events = self.peers.decide(&self.state, &command, self.now)?;
        for event in &events {
            let written = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&written).unwrap();
            assert_eq!(read, *event, "{written}");
            Peers::evolve(&mut self.state, &read, self.now);
            self.log.push((self.now, read));
        }
        Ok(events)
    }

    pub(crate) fn send(&mut self, from: &str, to: &str, text: &str) -> Told {
        self.ask(
            from,
            post::Request::Send {
                to: to.to_owned(),
                text: text.to_owned(),
                reply_to: None,
                wants_action: false,
            },
        )
    }

    pub(crate) fn sweep(&mut self, sweep: Sweep) -> Vec<Event> {
        self.ask("swarm", sweep).unwrap()
    }

    pub(crate) fn wait(&mut self, long: Duration) {
        self.now = self.now.plus(long);
    }

    pub(crate) fn unseen(&self, peer: &str) -> Vec<&Message> {
        let peer = self.state.find(peer).unwrap();
        peer.mailbox.unseen().map(AsRef::as_ref).collect()
    }

    pub(crate) fn texts(&self, peer: &str) -> Vec<&str> {
        let unseen = self.unseen(peer).into_iter();
        unseen.map(|message| message.text.as_str()).collect()
    }
}

pub(crate) fn join(id: &str, cwd: &str) -> Join {
    Join {
        id: PeerId::new(id).unwrap(),
        name: None,
        identity: Identity {
            client: "claude-code".to_owned(),
            host: "here".to_owned(),
            cwd: cwd.to_owned(),
            session: Some(format!("session-of-{id}")),
            worktree: None,
            repository: None,
            tty: None,
            pid: None,
        },
        credential: format!("secret-of-{id}"),
        former: None,
        reach: Reach::Answers,
    }
}

pub(crate) fn name(name: &str) -> PeerName {
    PeerName::new(name).unwrap()
}

pub(crate) const DAY: Duration = Duration::from_hours(24);
