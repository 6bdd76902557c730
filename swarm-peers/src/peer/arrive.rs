//! Who comes without a secret. What is known of it is where it is, or only the id that it says is its own.

use std::collections::BTreeSet;

use super::{Connection, Happened, MAX_SUMMARY, MAX_TAGS, Reach, SHOWS_NOTHING, check_tags, join};
use crate::{Event, Identity, Peer, PeerId, PeerName, Place, Rejection, decide::Deciding};

/// How many sessions there may be at one place at once.
const MAX_AT_ONCE: usize = 64;
/// How many peers that show nothing are kept, gone ones included: whoever can reach the door can make them.
const MAX_KEPT: usize = 10_000;

/// Somebody comes, or comes back, and shows no secret.
///
/// Who was at the same place before and is gone is it again, with its id and what waits; so is who is there with the same process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrive {
    /// The id if it has none yet, made by chance.
    pub id: PeerId,
    /// Where it is.
    pub place: Place,
    /// What it works on; cut at [`MAX_SUMMARY`] characters.
    pub summary: String,
    /// By what it can be found; those that cannot be tags are left out.
    pub tags: BTreeSet<String>,
    /// Peers with its process that are not connected: they were it, elsewhere.
    pub replaces: Vec<PeerId>,
}

pub(super) fn decide(deciding: &mut Deciding<'_>, arrive: &Arrive) -> Result<(), Rejection> {
    join::check(&Identity::at(&arrive.place, 0))?;
    let (identity, known) = whose(deciding, &arrive.place)?;
    let id = match known {
        Some(known) => {
            deciding.push(came_back(known, identity));
            known.id.clone()
        }
        None => {
            deciding.push(joined(deciding, &arrive.id, identity)?);
            arrive.id.clone()
        }
    };
    let summary: String = arrive.summary.trim().chars().take(MAX_SUMMARY).collect();
    let summary = (!summary.is_empty()).then_some(summary);
    if known.and_then(|known| known.summary.as_ref()) != summary.as_ref() {
        let peer = id.clone();
        deciding.push(Event::Peer(Happened::Summarised { peer, summary }));
    }
    let tags = arrive.tags.iter();
    let tags = tags.filter(|tag| check_tags(&BTreeSet::from([(*tag).clone()])).is_ok());
    let tags: BTreeSet<String> = tags.take(MAX_TAGS).cloned().collect();
    if known.map_or(&BTreeSet::new(), |known| &known.tags) != &tags {
        let peer = id.clone();
        deciding.push(Event::Peer(Happened::Tagged { peer, tags }));
    }
    let state = deciding.state;
    let replaced = arrive.replaces.iter().filter(|other| {
        **other != id
            && state.peer(other).is_some_and(|other| {
                other.shows_nothing()
                    && other.connection == Connection::Here
                    && other.identity.pid == arrive.place.pid
            })
    });
    for peer in replaced.cloned().collect::<BTreeSet<_>>() {
        deciding.push(Event::Peer(Happened::Left { peer }));
    }
    Ok(())
}

/// The identity that somebody at `place` gets, and who has had it before.
fn whose<'a>(
    deciding: &Deciding<'a>,
    place: &Place,
) -> Result<(Identity, Option<&'a Peer>), Rejection> {
    let state = deciding.state;
    let mut free = None;
    for n in 0..MAX_AT_ONCE {
        let identity = Identity::at(place, n);
        let Some(known) = state.with_key(&identity.key()) else {
            return Ok(free.unwrap_or((identity, None)));
        };
        if !known.shows_nothing() {
            continue;
        }
        // A process that says so again is no second session.
        if place.pid.is_some() && known.identity.pid == place.pid {
            return Ok((identity, Some(known)));
        }
        if known.connection != Connection::Here && free.is_none() {
            free = Some((identity, Some(known)));
        }
    }
    free.ok_or(Rejection::TooMany {
        what: "sessions in this folder and terminal",
        most: MAX_AT_ONCE,
    })
}

/// The first identity of `place` that nobody has.
pub(crate) fn free_identity(deciding: &Deciding<'_>, place: &Place) -> Result<Identity, Rejection> {
    let mut all = (0..MAX_AT_ONCE).map(|n| Identity::at(place, n));
    let free = all.find(|identity| deciding.state.with_key(&identity.key()).is_none());
    free.ok_or(Rejection::TooMany {
        what: "sessions in this folder and terminal",
        most: MAX_AT_ONCE,
    })
}

pub(super) fn appear(
    deciding: &mut Deciding<'_>,
    id: &PeerId,
    host: &str,
) -> Result<(), Rejection> {
    match deciding.state.peer(id) {
        Some(known) if !known.shows_nothing() => Err(Rejection::NeedsSecret { id: id.clone() }),
        Some(known) if known.connection == Connection::Here => Ok(()),
        Some(known) => {
            deciding.push(came_back(known, known.identity.clone()));
            Ok(())
        }
        None => {
            let identity = Identity::called(id, host);
            join::check(&identity)?;
            deciding.push(joined(deciding, id, identity)?);
            Ok(())
        }
    }
}

fn came_back(known: &Peer, identity: Identity) -> Event {
    Event::Peer(Happened::CameBack {
        peer: known.id.clone(),
        name: known.name.clone(),
        identity: Box::new(identity),
        credential: SHOWS_NOTHING.to_owned(),
        reach: known.reach,
    })
}

fn joined(deciding: &Deciding<'_>, id: &PeerId, identity: Identity) -> Result<Event, Rejection> {
    check_new(deciding, id)?;
    Ok(Event::Peer(Happened::Joined {
        peer: id.clone(),
        name: name_of(deciding, id),
        identity: Box::new(identity),
        credential: SHOWS_NOTHING.to_owned(),
        reach: Reach::Push,
    }))
}

/// Whether there can be one more peer that shows nothing, under this id.
pub(crate) fn check_new(deciding: &Deciding<'_>, id: &PeerId) -> Result<(), Rejection> {
    if id.is_reserved() {
        return Err(Rejection::NeedsSecret { id: id.clone() });
    }
    // Nor is it what somebody is called: what is meant for that peer would go here.
    let named = PeerName::new(id.as_str()).ok();
    let named = named.and_then(|name| deciding.state.named(&name));
    if deciding.state.peer(id).is_some() || named.is_some() {
        return Err(Rejection::IdTaken { id: id.clone() });
    }
    let kept = deciding.state.peers().filter(|peer| peer.shows_nothing());
    if kept.count() >= MAX_KEPT {
        return Err(Rejection::TooMany {
            what: "peers that show no secret",
            most: MAX_KEPT,
        });
    }
    Ok(())
}

/// Its id is its name, if nobody else is called so.
pub(crate) fn name_of(deciding: &Deciding<'_>, id: &PeerId) -> PeerName {
    PeerName::new(id.as_str()).map_or_else(
        |_| PeerName::user(),
        |wanted| join::free_name(deciding.state, &wanted, None),
    )
}
