//! Who may come, and as whom.

use super::{Connection, Happened, Join};
use crate::{
    Event, Identity, PeerId, PeerName, Rejection, decide::Deciding, ids::MAX_NAME, state::State,
};

/// The longest part of an identity, in bytes.
const MAX_PART: usize = 4_096;

pub(super) fn decide(deciding: &mut Deciding<'_>, join: &Join) -> Result<(), Rejection> {
    let who = &join.identity;
    check(who)?;
    let state = deciding.state;
    let known = state.with_key(&who.key());
    if let Some(known) = known {
        // Else whoever says that it is that peer, without a secret, would have been given one.
        if known.shows_nothing() {
            return Err(Rejection::ShowsNothing {
                peer: known.id.clone(),
            });
        }
        // Its place is given to nobody else while it is there.
        let is_itself = join.former.as_ref() == Some(&known.credential);
        if known.connection == Connection::Here && !is_itself {
            return Err(Rejection::AlreadyHere {
                peer: known.id.clone(),
            });
        }
        let wanted = join.name.as_ref().unwrap_or(&known.name);
        let event = Happened::CameBack {
            peer: known.id.clone(),
            name: free_name(state, wanted, Some(&known.id)),
            identity: Box::new(who.clone()),
            credential: join.credential.clone(),
            reach: join.reach,
        };
        deciding.push(Event::Peer(event));
        return Ok(());
    }
    if join.id.is_reserved() || state.peer(&join.id).is_some() {
        return Err(Rejection::IdTaken {
            id: join.id.clone(),
        });
    }
    let by_id = || PeerName::new(join.id.as_str());
    let wanted = join.name.clone().map_or_else(by_id, Ok);
    let event = Happened::Joined {
        peer: join.id.clone(),
        name: wanted.map_or_else(
            |_| PeerName::user(),
            |wanted| free_name(state, &wanted, None),
        ),
        identity: Box::new(who.clone()),
        credential: join.credential.clone(),
        reach: join.reach,
    };
    deciding.push(Event::Peer(event));
    Ok(())
}

/// Whether no part of an identity is too long.
pub(crate) fn check(who: &Identity) -> Result<(), Rejection> {
    let parts = [Some(&who.client), Some(&who.host), Some(&who.cwd)];
    let optional = [&who.session, &who.worktree, &who.repository, &who.tty];
    let parts = parts.into_iter().chain(optional.map(Option::as_ref));
    let longest = parts.flatten().map(String::len).max().unwrap_or(0);
    if longest > MAX_PART {
        return Err(Rejection::TooLarge {
            what: "part of the identity",
            size: longest as u64,
            most: MAX_PART as u64,
            unit: "bytes",
        });
    }
    Ok(())
}

/// `wanted`, or with the first number behind it that makes it nobody else's.
pub(crate) fn free_name(state: &State, wanted: &PeerName, own: Option<&PeerId>) -> PeerName {
    let is_free = |name: &PeerName| {
        let taken = state.named(name).is_some_and(|peer| Some(&peer.id) != own);
        // Nobody is called like the id of somebody else: a message could mean either.
        let id = PeerId::new(name.as_str()).ok();
        let is_id = id
            .is_some_and(|id| id.is_reserved() || (state.peer(&id).is_some() && Some(&id) != own));
        !taken && !is_id
    };
    if is_free(wanted) {
        return wanted.clone();
    }
    let stem: String = wanted.as_str().chars().take(MAX_NAME - 8).collect();
    // There are fewer peers than that.
    (2..u32::MAX)
        .filter_map(|n| PeerName::new(format!("{stem}-{n}")).ok())
        .find(is_free)
        .unwrap_or_else(|| wanted.clone())
}
