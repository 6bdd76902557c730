//! On whose behalf a request is made.

use swarm_peers::PeerId;

/// Who asks. It has proven that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The person whose machine this is, or a program that may act for it.
    Owner,
    /// One peer, and nobody else.
    Peer(PeerId),
}

impl Caller {
    /// As which peer it speaks.
    pub fn peer(&self) -> PeerId {
        match self {
            Self::Owner => PeerId::user(),
            Self::Peer(id) => id.clone(),
        }
    }
}
