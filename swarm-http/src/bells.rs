//! Says to whoever waits for a peer's messages that there are more. What there is, is read from the mailbox.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use swarm_peers::{Event, PeerId};
use tokio::sync::watch;

/// One bell for each peer that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<HashMap<PeerId, watch::Sender<()>>>);

impl Bells {
    /// Rings whenever something comes for `peer` from now on.
    pub(crate) fn listen(&self, peer: &PeerId) -> watch::Receiver<()> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = bells
            .entry(peer.clone())
            .or_insert_with(|| watch::Sender::new(()));
        bell.subscribe()
    }

    pub(crate) fn follow(&self, event: &Event) {
        let recipients = event.recipients();
        if recipients.is_empty() {
            return;
        }
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for peer in recipients {
            if let Some(bell) = bells.get(peer)
                && bell.send(()).is_err()
            {
                // Nobody listens any more.
                bells.remove(peer);
            }
        }
    }
}
