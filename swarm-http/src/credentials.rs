//! By what clients are known to be who they say.
//!
//! The owner shows the token of the home; a peer shows what it was given when it joined: its id, a dot, and a secret. Only hashes of
//! secrets are kept.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use swarm_core::hash;
use swarm_peers::{
    Event, PeerId, State,
    peer::{Connection, Happened},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Caller, caller::Admitted};

/// Whose secrets have which hash. Follows the events.
#[derive(Debug)]
pub(crate) struct Credentials {
    owner: String,
    peers: RwLock<HashMap<PeerId, Known>>,
}

/// What is known of a secret. Once it is dropped, the secret counts no longer.
#[derive(Debug)]
struct Known {
    hash: String,
    revoked: CancellationToken,
}

impl Known {
    fn new(hash: &str) -> Self {
        Self {
            hash: hash.to_owned(),
            revoked: CancellationToken::new(),
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.revoked.cancel();
    }
}

/// A secret that nobody can guess: 64 hexadecimal digits.
pub(crate) fn new_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What a peer shows from now on.
pub(crate) fn credential(peer: &PeerId, secret: &str) -> String {
    format!("{peer}.{secret}")
}

/// The hash under which a secret is kept.
pub(crate) fn hashed(secret: &str) -> String {
    hash::hex(secret.as_bytes())
}

/// The secret in what a peer shows.
pub(crate) fn secret_in(credential: &str) -> Option<&str> {
    credential.rsplit_once('.').map(|(_, secret)| secret)
}

impl Credentials {
    pub(crate) fn new(owner_token: &str, state: &State) -> Self {
        let peers = state.peers().filter(|peer| {
            let has_left = matches!(peer.connection, Connection::Left { .. });
            !peer.id.is_user() && !has_left
        });
        let peers = peers.map(|peer| (peer.id.clone(), Known::new(&peer.credential)));
        Self {
            owner: hashed(owner_token),
            peers: RwLock::new(peers.collect()),
        }
    }

    /// Whose `token` is. Hashes are compared, so the time that it takes tells nothing about the secret.
    pub(crate) fn admit(&self, token: &str) -> Option<Admitted> {
        if hashed(token) == self.owner {
            return Some(Admitted {
                caller: Caller::Owner,
                revoked: CancellationToken::new(),
            });
        }
        let (id, secret) = token.rsplit_once('.')?;
        let id = PeerId::new(id).ok()?;
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let known = peers.get(&id)?;
        (known.hash == hashed(secret)).then(|| Admitted {
            revoked: known.revoked.clone(),
            caller: Caller::Peer(id),
        })
    }

    pub(crate) fn follow(&self, event: &Event) {
        let Event::Peer(happened) = event else { return };
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        match happened {
            Happened::Joined {
                peer, credential, ..
            }
            | Happened::CameBack {
                peer, credential, ..
            } => {
                peers.insert(peer.clone(), Known::new(credential));
            }
            Happened::Left { peer } | Happened::Forgotten { peer } => {
                peers.remove(peer);
            }
            _ => {}
        }
    }
}
