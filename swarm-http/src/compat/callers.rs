//! For whom a request speaks. It only says so, and is believed if that is a peer that shows no secret; never if it is another.

use swarm_core::error_code::ErrorCode;
use swarm_peers::{PeerId, PeerName, peer};

use super::{Compat, answer::Refusal};
use crate::{Caller, Failure};

/// What the commands of both systems call themselves.
const COMMAND_LINE: &str = "cli";
/// How long the ids are that their brokers make.
const ID: usize = 8;

/// Who it could be.
pub(super) enum Said {
    /// A peer that shows no secret, and whether it counts as being here.
    Known(PeerId, bool),
    /// Nobody knows it.
    Unknown(PeerId),
    /// Nobody can be called so.
    Nobody,
}

impl Compat {
    /// Who says that it is `id`.
    pub(super) async fn who(&self, id: &str) -> Result<Said, Refusal> {
        let Ok(id) = PeerId::new(id) else {
            return Ok(Said::Nobody);
        };
        let found = self.app.ask({
            let id = id.clone();
            move |state| {
                let named = PeerName::new(id.as_str()).ok();
                let named = named.and_then(|name| state.named(&name));
                state.peer(&id).or(named).map(|peer| {
                    let is_here = peer.connection == peer::Connection::Here;
                    (peer.id == id && peer.shows_nothing(), is_here)
                })
            }
        });
        match found.await? {
            Some((true, is_here)) => Ok(Said::Known(id, is_here)),
            Some((false, _)) => Err(foreign(&id)),
            None if id == PeerId::user() || id == PeerId::swarm() => Err(foreign(&id)),
            None => Ok(Said::Unknown(id)),
        }
    }

    /// The peer for which a request does something. One that is not known yet is let in if its id could be from a broker of theirs: it
    /// may have registered there before this daemon took its place.
    pub(super) async fn caller(&self, id: &str) -> Result<Caller, Refusal> {
        let not_here = |id: &str| {
            let id: String = id.chars().take(80).collect();
            Refusal::Failed(Failure::new(
                ErrorCode::NotYours,
                format!("Peer {id} is not registered here"),
            ))
        };
        let known = match self.who(id).await? {
            Said::Known(known, true) => known,
            Said::Known(known, false) => {
                self.appear(&known).await?;
                known
            }
            Said::Unknown(unknown) if could_be_theirs(&unknown) => {
                self.appear(&unknown).await?;
                unknown
            }
            Said::Unknown(_) | Said::Nobody => return Err(not_here(id)),
        };
        self.app.note(&known, true);
        Ok(Caller::Peer(known))
    }

    /// Has `id` be here.
    async fn appear(&self, id: &PeerId) -> Result<(), Refusal> {
        let request = peer::Request::Appear {
            id: id.clone(),
            host: self.host.clone(),
        };
        // On behalf of nobody: the rule of this request is that it has to be a peer that shows nothing.
        let appeared = self.app.command(&Caller::Owner, request, |_, _| ());
        appeared.await.map_err(|failure| match failure.code {
            ErrorCode::Forbidden => foreign(id),
            _ => failure.into(),
        })
    }
}

fn could_be_theirs(id: &PeerId) -> bool {
    let id = id.as_str();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    id == COMMAND_LINE || (id.len() == ID && id.bytes().all(plain))
}

fn foreign(id: &PeerId) -> Refusal {
    Refusal::Foreign(format!(
        "{id} is not registered here: it shows a secret when it speaks, and nobody speaks for it without"
    ))
}
