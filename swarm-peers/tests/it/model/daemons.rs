//! Every state that the daemon was in, each looked at once.

use std::{collections::HashMap, rc::Rc};

use swarm_core::time::Timestamp;
use swarm_peers::{Event, PeerId, Peers, Rejection, Request, Settings};

use super::{daemon::Daemon, probe::probe, world::Checked};

pub(super) struct Daemons {
    peers: Peers,
    known: HashMap<u128, Rc<Daemon>>,
    /// Where each went on to, and by which events.
    after: HashMap<u128, Vec<Step>>,
}

type Step = (Timestamp, Vec<Event>, Rc<Daemon>);

impl Daemons {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            peers: Peers::new(settings),
            known: HashMap::new(),
            after: HashMap::new(),
        }
    }

    /// Lets `daemon` decide, and commit what it has decided.
    ///
    /// # Errors
    ///
    /// If that must never be. A refusal is no error, and is given back.
    pub(super) fn ask(
        &mut self,
        daemon: &mut Rc<Daemon>,
        (by, request): (PeerId, Request),
        now: Timestamp,
    ) -> Checked<Result<Vec<Event>, Rejection>> {
        let events = match daemon.decide(&self.peers, by, request, now) {
            Ok(events) => events,
            Err(refused) => return Ok(Err(refused)),
        };
        if !events.is_empty() {
            *daemon = self.commit(daemon, &events, now)?;
        }
        Ok(Ok(events))
    }

    fn commit(
        &mut self,
        daemon: &Rc<Daemon>,
        events: &[Event],
        now: Timestamp,
    ) -> Checked<Rc<Daemon>> {
        let after = self.after.entry(daemon.fingerprint).or_default();
        let known = after.iter().find(|(at, by, _)| *at == now && by == events);
        if let Some((_, _, known)) = known {
            return Ok(Rc::clone(known));
        }
        let next = daemon.commit(events.to_vec(), now)?;
        let next = match self.known.get(&next.fingerprint) {
            Some(known) => Rc::clone(known),
            None => {
                let next = Rc::new(next);
                next.restart()?;
                probe(&next, &self.peers, now)?;
                self.known.insert(next.fingerprint, Rc::clone(&next));
                next
            }
        };
        after.push((now, events.to_vec(), Rc::clone(&next)));
        Ok(next)
    }
}
