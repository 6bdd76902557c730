//! What nobody can bring about in any state, however dishonest it is.

use std::rc::Rc;

use swarm_core::time::Timestamp;
use swarm_peers::{MessageId, PeerId, Peers, Rejection, Way, peer, peer::Connection, post};

use super::{
    bounds::{WHO, Who},
    daemon::{Daemon, id},
    world::Checked,
};
use crate::village::join;

/// Everybody confirms everything, and somebody else comes in the name of each.
pub(super) fn probe(daemon: &Rc<Daemon>, peers: &Peers, now: Timestamp) -> Checked<()> {
    let everything: Vec<MessageId> = (1..=daemon.ledger.newest().0 + 1).map(MessageId).collect();
    for who in (0..WHO.len()).filter(|who| daemon.peer(*who).is_some()) {
        for message in &everything {
            confirm(daemon, peers, now, (who, *message))?;
        }
        if daemon.peer(who).unwrap().connection == Connection::Here {
            let stranger = peer::Request::Join(join(WHO[who], "/work").into());
            let decided = daemon.decide(peers, PeerId::user(), stranger, now);
            if !matches!(decided, Err(Rejection::AlreadyHere { .. })) {
                return Err(format!("somebody else can be {}", WHO[who]));
            }
        }
    }
    Ok(())
}

fn confirm(
    daemon: &Rc<Daemon>,
    peers: &Peers,
    now: Timestamp,
    (who, message): (Who, MessageId),
) -> Checked<()> {
    let (up_to, way) = (message, Way::Push);
    let newest = daemon.ledger.newest_for(who);
    for request in [
        post::Request::Injected { up_to, way },
        post::Request::Seen { up_to, way },
        post::Request::Acted { message },
    ] {
        let is_future = message > newest && !matches!(request, post::Request::Acted { .. });
        let Ok(events) = daemon.decide(peers, id(who), request.clone(), now) else {
            continue;
        };
        if is_future {
            return Err(format!(
                "{} may say {request:?} before it was sent that",
                WHO[who]
            ));
        }
        let after = daemon.commit(events, now)?;
        daemon.check_others(&after, who)?;
    }
    Ok(())
}
