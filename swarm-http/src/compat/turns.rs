//! Who hands out the messages of a peer. One at a time: else one way could overtake the other, or both hand out the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use swarm_peers::PeerId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// More than this are looked through for those that nobody needs any more.
const MANY: usize = 1024;

/// The turns of all peers.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<PeerId, Arc<Turn<()>>>>);

impl Turns {
    /// The turn of `peer`, once nobody else has it, for as long as the answer is kept.
    pub(super) fn take(
        &self,
        peer: &PeerId,
    ) -> impl Future<Output = OwnedMutexGuard<()>> + Send + 'static + use<> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() > MANY {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        let turn = turns.entry(peer.clone()).or_default();
        Arc::clone(turn).lock_owned()
    }
}
