//! How much may happen in one exploration.

use swarm_peers::Settings;

use crate::village::DAY;

/// One of the peers, by its place in [`WHO`].
pub(super) type Who = usize;

pub(super) const WHO: [&str; 3] = ["ann", "bob", "cid"];
pub(super) const ANN: Who = 0;
pub(super) const BOB: Who = 1;
pub(super) const CID: Who = 2;

/// What may be sent, each once, in whatever order; and how often things may go wrong.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) sendings: Vec<Sending>,
    pub(super) limits: Limits,
    /// Whose programs die, or are not heard of.
    pub(super) mortal: Vec<Who>,
    pub(super) settings: Settings,
    pub(super) resume: Resume,
}

/// How often something may still happen.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Limits {
    /// That a program dies, without a word or with one.
    pub(super) vanishes: u8,
    /// That the daemon is killed and started again.
    pub(super) crashes: u8,
    /// That somebody is there and is not heard of.
    pub(super) silences: u8,
    /// That a confirmation comes again.
    pub(super) repeats: u8,
    /// That a day passes.
    pub(super) days: u8,
}

/// Something that may be sent.
#[derive(Clone, Copy)]
pub(super) enum Sending {
    To {
        from: Who,
        to: Who,
        wants_action: bool,
    },
    /// An answer to what it was shown last.
    Answer {
        from: Who,
    },
    Broadcast {
        from: Who,
    },
}

impl Sending {
    pub(super) const fn from(self) -> Who {
        match self {
            Self::To { from, .. } | Self::Answer { from } | Self::Broadcast { from } => from,
        }
    }
}

/// Where pushing begins for a program that has just connected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resume {
    /// After what the session has seen.
    Seen,
    /// After what some program of the session has taken, perhaps a dead one.
    Injected,
}

impl Bounds {
    pub(super) fn new(sendings: &[Sending], mortal: &[Who], limits: Limits) -> Self {
        Self {
            sendings: sendings.to_vec(),
            limits,
            mortal: mortal.to_vec(),
            settings: Settings {
                rate: None,
                keep_waiting: DAY,
                keep_done: DAY,
                ..Settings::default()
            },
            resume: Resume::Seen,
        }
    }
}

pub(super) const fn to(from: Who, to: Who) -> Sending {
    Sending::To {
        from,
        to,
        wants_action: false,
    }
}

pub(super) const fn wanting(from: Who, to: Who) -> Sending {
    Sending::To {
        from,
        to,
        wants_action: true,
    }
}
