//! What may happen next, and what happens next if everybody does what it should.

use swarm_peers::{MessageId, peer::Connection};

use super::{
    bounds::{Bounds, WHO, Who},
    client::{Ack, Said},
    world::World,
};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// Somebody sends one of the things that may be sent, by its place among them.
    Send(usize),
    /// The daemon hands the next message to the program of somebody.
    Push(Who),
    /// The program shows what it has in hand the longest.
    Show(Who),
    /// A session asks for what waits, and is shown the answer.
    Ask(Who),
    /// A session does what somebody wanted.
    Act(Who, MessageId),
    /// The daemon hears what somebody has said.
    Arrive(Who, Ack),
    /// The same, and will hear it again.
    ArriveTwice(Who, Ack),
    /// A program dies.
    Vanish(Who),
    /// A program says goodbye and ends.
    Leave(Who),
    /// A program is started for a session, which may have kept the former secret.
    Join { who: Who, remembers: bool },
    /// A program connects again.
    Connect(Who),
    /// The daemon finds that it has not heard of somebody.
    Lose(Who),
    /// The daemon has heard of somebody again.
    Find(Who),
    /// The daemon is killed and started again.
    Crash,
    /// A day passes, and the daemon looks at what has become old.
    Day,
}

impl World {
    /// Everything that may happen next.
    pub(super) fn actions(&self, bounds: &Bounds) -> Vec<Action> {
        let mut actions = Vec::new();
        for (n, sending) in bounds.sendings.iter().enumerate() {
            let from = &self.clients[sending.from()];
            if self.may_send(n) && from.program.is_some() {
                actions.push(Action::Send(n));
            }
        }
        for who in 0..WHO.len() {
            self.of_client(who, &mut actions);
            self.of_presence(who, &mut actions);
            if bounds.mortal.contains(&who) {
                self.of_mortal(who, &mut actions);
            }
        }
        if self.left.crashes > 0 {
            actions.push(Action::Crash);
        }
        if self.left.days > 0 {
            actions.push(Action::Day);
        }
        actions
    }

    fn of_client(&self, who: Who, actions: &mut Vec<Action>) {
        let client = &self.clients[who];
        for ack in &client.wire {
            actions.push(Action::Arrive(who, *ack));
            if self.left.repeats > 0 {
                actions.push(Action::ArriveTwice(who, *ack));
            }
        }
        let Some(program) = &client.program else {
            return;
        };
        if !program.in_hand.is_empty() {
            actions.push(Action::Show(who));
        }
        if self.next_for(who).is_some() {
            actions.push(Action::Push(who));
        }
        if self.is_served(who) && self.daemon.mailbox(who).is_some_and(|m| !m.is_empty()) {
            actions.push(Action::Ask(who));
        }
        let entries = self.daemon.ledger.entries().iter();
        let wanted = entries.filter(|e| {
            e.wants_action && client.shown.contains(&e.id) && !client.acted.contains(&e.id)
        });
        actions.extend(wanted.map(|e| Action::Act(who, e.id)));
    }

    fn of_presence(&self, who: Who, actions: &mut Vec<Action>) {
        let client = &self.clients[who];
        let peer = self.daemon.peer(who);
        let connection = peer.map(|peer| peer.connection);
        let is_here = connection == Some(Connection::Here);
        if client.program.is_some() {
            if matches!(connection, Some(Connection::Lost { .. })) {
                actions.push(Action::Find(who));
            }
            if peer.is_some() && !client.is_connected() {
                actions.push(Action::Connect(who));
            }
        } else if is_here {
            actions.push(Action::Lose(who));
            let remembers = true;
            actions.push(Action::Join { who, remembers });
        }
        if peer.is_none() || (client.program.is_none() && !is_here) {
            let remembers = false;
            actions.push(Action::Join { who, remembers });
        }
    }

    fn of_mortal(&self, who: Who, actions: &mut Vec<Action>) {
        if self.clients[who].program.is_none() {
            return;
        }
        if self.left.vanishes > 0 {
            actions.extend([Action::Vanish(who), Action::Leave(who)]);
        }
        let connection = self.daemon.peer(who).map(|peer| peer.connection);
        if self.left.silences > 0 && connection == Some(Connection::Here) {
            actions.push(Action::Lose(who));
        }
    }

    /// What happens next if everybody does what it should; `None` if nothing is left to do. Nobody asks for its messages: being
    /// told is enough.
    pub(super) fn fair(&self) -> Option<Action> {
        (0..WHO.len()).find_map(|who| {
            let client = &self.clients[who];
            let mut actions = Vec::new();
            self.of_presence(who, &mut actions);
            let returns = |a: &&Action| match a {
                Action::Join { .. } | Action::Connect(_) | Action::Find(_) => true,
                Action::Lose(_) => client.program.is_none(),
                _ => false,
            };
            if let Some(action) = actions.iter().find(returns) {
                return Some(*action);
            }
            actions.clear();
            self.of_client(who, &mut actions);
            // That somebody has acted is refused until it has seen what it acted upon, so it comes last.
            let is_early = |a: &Action| {
                matches!(
                    a,
                    Action::Arrive(
                        _,
                        Ack {
                            said: Said::Acted(_),
                            ..
                        }
                    )
                )
            };
            actions.retain(|a| !matches!(a, Action::ArriveTwice(..) | Action::Ask(_)));
            let goes_on = actions.iter().find(|a| !is_early(a));
            goes_on.or_else(|| actions.first()).copied()
        })
    }
}
