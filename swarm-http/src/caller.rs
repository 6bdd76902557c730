//! On whose behalf a request is made.

use swarm_peers::PeerId;
use tokio_util::sync::CancellationToken;

/// Who asks. It has proven that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The person whose machine this is, or a program that may act for it.
    Owner,
    /// One peer, and nobody else.
    Peer(PeerId),
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    /// Fires when what it has shown no longer counts: whatever is still open for it ends then.
    pub(crate) revoked: CancellationToken,
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
