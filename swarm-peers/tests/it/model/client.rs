//! A session and the program that speaks for it, outside the daemon.

use std::collections::{BTreeSet, VecDeque};

use swarm_peers::MessageId;

/// A session. What it was shown it knows for good; what its program has in hand dies with the program.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Client {
    pub(super) program: Option<Program>,
    /// How many programs it had. The secret of each is its number.
    pub(super) programs: u8,
    pub(super) shown: BTreeSet<MessageId>,
    pub(super) acted: BTreeSet<MessageId>,
    /// What any of its programs has ever taken.
    pub(super) taken: BTreeSet<MessageId>,
    /// What it has said and the daemon has not heard yet. It arrives in any order, also when who said it is dead.
    pub(super) wire: BTreeSet<Ack>,
}

/// A running program.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Program {
    /// Taken, and not shown yet.
    pub(super) in_hand: VecDeque<MessageId>,
    /// Up to where this connection has handed messages over; the daemon has that in memory only. `None` without a connection.
    pub(super) handed: Option<MessageId>,
}

/// A confirmation on its way to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ack {
    pub(super) said: Said,
    /// Which of the programs of the session said it.
    pub(super) program: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Said {
    Injected(MessageId),
    Seen(MessageId),
    Acted(MessageId),
}

impl Client {
    pub(super) fn say(&mut self, said: Said) {
        let program = self.programs;
        self.wire.insert(Ack { said, program });
    }

    /// The session is shown a message, unless it knows it. Whether it was.
    pub(super) fn show(&mut self, message: MessageId) -> bool {
        let is_new = self.shown.insert(message);
        if let Some(last) = self.shown.last() {
            self.say(Said::Seen(*last));
        }
        is_new
    }

    pub(super) fn is_connected(&self) -> bool {
        self.program.as_ref().is_some_and(|p| p.handed.is_some())
    }
}
