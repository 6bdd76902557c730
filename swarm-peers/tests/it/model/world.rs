//! The daemon, the three sessions, and everything that can happen between them.

use std::{collections::BTreeMap, rc::Rc};

use swarm_core::time::Timestamp;
use swarm_peers::{
    Event, Mailbox, MessageId, PeerId, Rejection, Request, Scope, Sweep, Way, peer, post,
};

use super::{
    action::Action,
    bounds::{Bounds, Limits, Resume, Sending, WHO, Who},
    census::Census,
    client::{Ack, Client, Program, Said},
    daemon::{Daemon, id},
    daemons::Daemons,
    ledger::Receipt,
};
use crate::village::{DAY, join};

/// Something, or what is wrong.
pub(super) type Checked<T> = Result<T, String>;

/// What is the case between two things that happen.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) daemon: Rc<Daemon>,
    pub(super) clients: [Client; WHO.len()],
    pub(super) left: Limits,
    /// Which of the things that may be sent were, a bit each.
    sent: u64,
    day: u32,
}

impl World {
    /// Everybody is there and connected, and nobody has said anything.
    pub(super) fn new(bounds: &Bounds, daemons: &mut Daemons) -> Checked<Self> {
        let mut world = Self {
            daemon: Rc::default(),
            clients: Default::default(),
            left: bounds.limits,
            sent: 0,
            day: 0,
        };
        for who in 0..WHO.len() {
            world.join(who, false, bounds, daemons)?;
        }
        Ok(world)
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000_000).plus(DAY * self.day)
    }

    pub(super) const fn may_send(&self, sending: usize) -> bool {
        self.sent & (1 << sending) == 0
    }

    /// Whether the daemon takes what this program says for what `who` says.
    pub(super) fn is_known(&self, who: Who, program: u8) -> bool {
        let peer = self.daemon.peer(who);
        peer.is_some_and(|peer| is_secret(&peer.credential, program))
    }

    /// Whether the program of `who` is connected, and believed.
    pub(super) fn is_served(&self, who: Who) -> bool {
        let client = &self.clients[who];
        client.is_connected() && self.is_known(who, client.programs)
    }

    /// What is to be handed to `who` next.
    pub(super) fn next_for(&self, who: Who) -> Option<MessageId> {
        let handed = self.clients[who].program.as_ref()?.handed?;
        let peer = self.daemon.peer(who).filter(|_| self.is_served(who))?;
        peer.mailbox.after(handed).next().map(|message| message.id)
    }

    /// Whether nothing waits for anybody to see it, or to act upon it.
    pub(super) fn is_delivered(&self) -> bool {
        let mut mailboxes = (0..WHO.len()).filter_map(|who| self.daemon.mailbox(who));
        mailboxes.all(|mailbox| mailbox.is_empty() && mailbox.to_act().next().is_none())
    }

    pub(super) fn receipts(&self) -> Checked<BTreeMap<(MessageId, Who), Receipt>> {
        self.daemon
            .ledger
            .receipts(&self.daemon.state, &self.clients)
    }

    /// What is the case after `action`.
    ///
    /// # Errors
    ///
    /// If something happens by it that must never happen.
    pub(super) fn after(
        &self,
        action: Action,
        bounds: &Bounds,
        daemons: &mut Daemons,
        census: &mut Census,
    ) -> Checked<Self> {
        let mut next = self.clone();
        match action {
            Action::Send(sending) => next.send(sending, bounds, daemons)?,
            Action::Push(who) => next.push(who, census),
            Action::Show(who) => {
                let program = next.clients[who].program.as_mut();
                if let Some(message) = program.and_then(|p| p.in_hand.pop_front()) {
                    next.show(who, message, census)?;
                }
            }
            Action::Ask(who) => {
                let mailbox = self.daemon.mailbox(who);
                for message in mailbox.into_iter().flat_map(Mailbox::unseen) {
                    next.clients[who].taken.insert(message.id);
                    next.show(who, message.id, census)?;
                }
            }
            Action::Act(who, message) => {
                next.clients[who].acted.insert(message);
                next.clients[who].say(Said::Acted(message));
            }
            Action::Arrive(who, ack) => {
                next.clients[who].wire.remove(&ack);
                next.hear(who, ack, daemons, census)?;
            }
            Action::ArriveTwice(who, ack) => {
                next.left.repeats -= 1;
                next.hear(who, ack, daemons, census)?;
            }
            Action::Vanish(who) => {
                next.clients[who].program = None;
                next.left.vanishes -= 1;
            }
            Action::Leave(who) => {
                if self.is_known(who, self.clients[who].programs) {
                    next.ask(id(who), peer::Request::Leave, daemons)?
                        .map_err(refused)?;
                }
                next.clients[who].program = None;
                next.left.vanishes -= 1;
            }
            Action::Join { who, remembers } => next.join(who, remembers, bounds, daemons)?,
            Action::Connect(who) => next.connect(who, bounds),
            Action::Lose(who) => {
                if self.clients[who].program.is_some() {
                    next.left.silences -= 1;
                }
                let lost = vec![id(who)];
                next.sweep(
                    Sweep {
                        lost,
                        ..Sweep::default()
                    },
                    daemons,
                )?;
            }
            Action::Find(who) => {
                let found = vec![id(who)];
                next.sweep(
                    Sweep {
                        found,
                        ..Sweep::default()
                    },
                    daemons,
                )?;
            }
            Action::Crash => next.crash(),
            Action::Day => {
                next.left.days -= 1;
                next.day += 1;
                next.sweep(Sweep::default(), daemons)?;
            }
        }
        self.check_cursors(&next)?;
        Ok(next)
    }

    fn ask(
        &mut self,
        by: PeerId,
        request: impl Into<Request>,
        daemons: &mut Daemons,
    ) -> Checked<Result<Vec<Event>, Rejection>> {
        let now = self.now();
        daemons.ask(&mut self.daemon, (by, request.into()), now)
    }

    fn sweep(&mut self, sweep: Sweep, daemons: &mut Daemons) -> Checked<()> {
        self.ask(PeerId::swarm(), sweep, daemons)?
            .map_err(refused)?;
        Ok(())
    }

    fn send(&mut self, sending: usize, bounds: &Bounds, daemons: &mut Daemons) -> Checked<()> {
        self.sent |= 1 << sending;
        let text = format!("words {sending}");
        let from = bounds.sendings[sending].from();
        let (to, reply_to, wants_action) = match bounds.sendings[sending] {
            Sending::Broadcast { .. } => {
                let scope = Scope::Machine;
                return self.say(from, post::Request::Broadcast { scope, text }, daemons);
            }
            Sending::To {
                to, wants_action, ..
            } => (WHO[to].to_owned(), None, wants_action),
            Sending::Answer { .. } => {
                let shown = self.clients[from].shown.iter().rev();
                let mut entries = shown.filter_map(|id| self.daemon.ledger.entry(*id));
                // Nobody answers the daemon.
                let Some(last) = entries.find(|e| WHO.contains(&e.from.as_str())) else {
                    return Ok(());
                };
                (last.from.to_string(), Some(last.id), false)
            }
        };
        let request = post::Request::Send {
            to,
            text,
            reply_to,
            wants_action,
        };
        self.say(from, request, daemons)
    }

    /// Somebody sends something, or is told that nobody is there or that there is no room.
    fn say(&mut self, from: Who, request: post::Request, daemons: &mut Daemons) -> Checked<()> {
        use Rejection::{MailboxFull, UnknownPeer};
        match self.ask(id(from), request, daemons)? {
            Ok(_) | Err(MailboxFull { .. } | UnknownPeer { .. }) => Ok(()),
            Err(why) => Err(refused(why)),
        }
    }

    fn push(&mut self, who: Who, census: &mut Census) {
        let Some(message) = self.next_for(who) else {
            return;
        };
        let client = &mut self.clients[who];
        client.taken.insert(message);
        client.say(Said::Injected(message));
        if let Some(program) = &mut client.program {
            program.handed = Some(message);
            if program.in_hand.contains(&message) {
                census.handed_again += 1;
            } else {
                program.in_hand.push_back(message);
            }
        }
    }

    fn show(&mut self, who: Who, message: MessageId, census: &mut Census) -> Checked<()> {
        if !self.clients[who].shown.contains(&message) {
            let ledger = &self.daemon.ledger;
            ledger.check_order(message, who, &self.clients[who])?;
        }
        if !self.clients[who].show(message) {
            census.repeats_dropped += 1;
        }
        Ok(())
    }

    /// The daemon hears a confirmation, and believes it if it knows who says it.
    fn hear(
        &mut self,
        who: Who,
        ack: Ack,
        daemons: &mut Daemons,
        census: &mut Census,
    ) -> Checked<()> {
        // The door keeps out whom the daemon has forgotten; it has to join again.
        if !self.is_known(who, ack.program) {
            return Ok(());
        }
        let way = Way::Push;
        let request = match ack.said {
            Said::Injected(up_to) => post::Request::Injected { up_to, way },
            Said::Seen(up_to) => post::Request::Seen { up_to, way },
            Said::Acted(message) => post::Request::Acted { message },
        };
        let before = Rc::clone(&self.daemon);
        match (self.ask(id(who), request, daemons)?, ack.said) {
            (Ok(events), _) if events.is_empty() => census.heard_already += 1,
            (Ok(_), _) => {}
            // It has overtaken another, and is said again.
            (Err(Rejection::NotSeen { .. }), Said::Acted(_)) => {
                self.clients[who].wire.insert(ack);
            }
            (Err(why), said) => return Err(format!("{} says truly {said:?}: {why}", WHO[who])),
        }
        if Rc::ptr_eq(&before, &self.daemon) {
            return Ok(());
        }
        before.check_others(&self.daemon, who)
    }

    fn join(
        &mut self,
        who: Who,
        remembers: bool,
        bounds: &Bounds,
        daemons: &mut Daemons,
    ) -> Checked<()> {
        let client = &mut self.clients[who];
        let former = remembers.then(|| secret(client.programs));
        client.programs += 1;
        let credential = secret(client.programs);
        let join = peer::Join {
            credential,
            former,
            ..join(WHO[who], "/work")
        };
        let joined = self.ask(PeerId::user(), peer::Request::Join(join.into()), daemons)?;
        joined.map_err(refused)?;
        // What the former program said has no effect from now on, whenever it comes.
        if (0..self.clients[who].programs).any(|former| self.is_known(who, former)) {
            return Err(format!(
                "a former program of {} is still believed",
                WHO[who]
            ));
        }
        self.clients[who].wire.clear();
        self.clients[who].program = Some(Program::default());
        self.connect(who, bounds);
        Ok(())
    }

    fn connect(&mut self, who: Who, bounds: &Bounds) {
        let from = self.daemon.mailbox(who).map(|mailbox| match bounds.resume {
            Resume::Seen => mailbox.seen(),
            Resume::Injected => mailbox.injected(),
        });
        let client = &mut self.clients[who];
        if let Some(program) = &mut client.program {
            program.handed = from;
        }
        // It does not know whether the daemon has heard it.
        for message in client.acted.clone() {
            client.say(Said::Acted(message));
        }
    }

    /// What is on its way is lost, with everything that was only in memory. That the state is had again from its events is looked
    /// at where it comes about.
    fn crash(&mut self) {
        self.left.crashes -= 1;
        for client in &mut self.clients {
            client.wire.clear();
            if let Some(program) = &mut client.program {
                program.handed = None;
            }
        }
    }

    /// Cursors go forward, unless somebody was forgotten.
    fn check_cursors(&self, next: &Self) -> Checked<()> {
        if Rc::ptr_eq(&self.daemon, &next.daemon) {
            return Ok(());
        }
        for (who, name) in WHO.iter().enumerate() {
            let mailboxes = (self.daemon.mailbox(who), next.daemon.mailbox(who));
            if let (Some(before), Some(after)) = mailboxes
                && (after.seen() < before.seen() || after.injected() < before.injected())
            {
                return Err(format!("a cursor of {name} went back"));
            }
        }
        Ok(())
    }
}

fn secret(program: u8) -> String {
    char::from(b'a' + program).to_string()
}

fn is_secret(credential: &str, program: u8) -> bool {
    credential.as_bytes() == [b'a' + program]
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(why: Rejection) -> String {
    format!("what is right is refused: {why}")
}
