//! What the daemon owes to whom, kept by the events alone, and how far each message got.

use std::collections::BTreeMap;

use swarm_peers::{Event, Message, MessageId, PeerId, State, mailbox::Stage, peer, post};

use super::{
    bounds::{WHO, Who},
    client::Client,
    daemon::id,
    world::Checked,
};

/// Every message that was ever sent, the oldest first.
#[derive(Clone, Default, Hash)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
}

/// One message, for each of its recipients.
#[derive(Clone, Hash)]
pub(super) struct Entry {
    pub(super) id: MessageId,
    pub(super) from: PeerId,
    thread: MessageId,
    text: String,
    pub(super) wants_action: bool,
    to: BTreeMap<Who, Fate>,
}

/// What the events say of a message and one of its recipients.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Fate {
    Owed,
    GivenUp,
    /// It was given up, and has been listed for long enough.
    Unlisted,
    /// The recipient was forgotten.
    Forgotten,
}

/// How far a message got, as its sender may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Receipt {
    Stored,
    Injected,
    Seen,
    Acted,
    GivenUp,
}

impl Ledger {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entry(&self, message: MessageId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == message)
    }

    pub(super) fn newest(&self) -> MessageId {
        self.entries
            .last()
            .map_or_else(MessageId::default, |entry| entry.id)
    }

    pub(super) fn newest_for(&self, who: Who) -> MessageId {
        let mut entries = self.entries.iter().rev();
        let newest = entries.find(|entry| entry.to.contains_key(&who));
        newest.map_or_else(MessageId::default, |entry| entry.id)
    }

    pub(super) fn note(&mut self, event: &Event) -> Checked<()> {
        match event {
            Event::Post(post::Happened::Sent { message, to }) => self.sent(message, to),
            Event::Post(post::Happened::Undeliverable { message, to }) => {
                self.turn(*message, to, Fate::Owed, Fate::GivenUp)
            }
            Event::Post(post::Happened::DeadLetterExpired { message, to }) => {
                self.turn(*message, to, Fate::GivenUp, Fate::Unlisted)
            }
            Event::Peer(peer::Happened::Forgotten { peer }) => {
                let who = place(peer)?;
                let fates = self.entries.iter_mut().filter_map(|e| e.to.get_mut(&who));
                for fate in fates.filter(|fate| **fate == Fate::Owed) {
                    *fate = Fate::Forgotten;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn sent(&mut self, message: &Message, to: &[PeerId]) -> Checked<()> {
        let is_new = self
            .entries
            .iter()
            .all(|e| e.id < message.id && e.text != message.text);
        if !is_new {
            return Err(format!(
                "message {} has an old number, or was there",
                message.id
            ));
        }
        let replied = message.reply_to.and_then(|replied| self.entry(replied));
        if message.thread != replied.map_or(message.id, |replied| replied.thread) {
            return Err(format!("message {} is in a wrong conversation", message.id));
        }
        let to = to.iter().map(|to| Ok((place(to)?, Fate::Owed)));
        self.entries.push(Entry {
            id: message.id,
            from: message.from.clone(),
            thread: message.thread,
            text: message.text.clone(),
            wants_action: message.wants_action,
            to: to.collect::<Checked<_>>()?,
        });
        Ok(())
    }

    fn turn(&mut self, message: MessageId, to: &PeerId, from: Fate, into: Fate) -> Checked<()> {
        let who = place(to)?;
        let mut entries = self.entries.iter_mut();
        let entry = entries.find(|entry| entry.id == message);
        match entry.and_then(|entry| entry.to.get_mut(&who)) {
            Some(fate) if *fate == from => {
                *fate = into;
                Ok(())
            }
            _ => Err(format!(
                "message {message} for {to} is given up twice, or was never sent"
            )),
        }
    }

    /// How far each message got with each recipient.
    ///
    /// # Errors
    ///
    /// If one is nowhere, or if the daemon believes more than the recipient has done.
    pub(super) fn receipts(
        &self,
        state: &State,
        clients: &[Client],
    ) -> Checked<BTreeMap<(MessageId, Who), Receipt>> {
        let each = self
            .entries
            .iter()
            .flat_map(|e| e.to.keys().map(move |who| (e, *who)));
        each.map(|(entry, who)| {
            let receipt = entry.receipt(who, state, &clients[who]);
            let receipt =
                receipt.map_err(|why| format!("message {} for {}: {why}", entry.id, WHO[who]))?;
            Ok(((entry.id, who), receipt))
        })
        .collect()
    }

    /// Whether `who` may be shown `message` after what it was shown.
    pub(super) fn check_order(&self, message: MessageId, who: Who, client: &Client) -> Checked<()> {
        let Some(entry) = self.entry(message).filter(|e| e.to.contains_key(&who)) else {
            return Err(format!(
                "{} is handed message {message}, which is not for it",
                WHO[who]
            ));
        };
        let later = self.entries.iter().skip_while(|e| e.id != message).skip(1);
        match later
            .into_iter()
            .find(|e| e.from == entry.from && client.shown.contains(&e.id))
        {
            Some(e) => Err(format!("{} was shown {} before {message}", WHO[who], e.id)),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn receipt(&self, who: Who, state: &State, client: &Client) -> Checked<Receipt> {
        let was_shown = client.shown.contains(&self.id);
        let acted = self.wants_action && client.acted.contains(&self.id);
        let peer = match self.to[&who] {
            Fate::Unlisted => return Ok(Receipt::GivenUp),
            Fate::GivenUp => {
                let mut dead = state.dead_letters();
                let is_listed = dead.any(|d| d.message.id == self.id && d.to == id(who));
                let listed = is_listed.then_some(Receipt::GivenUp);
                return listed.ok_or_else(|| "it is given up, and no dead letter".to_owned());
            }
            Fate::Forgotten if !was_shown => {
                return Err("it waited for somebody who was forgotten".to_owned());
            }
            Fate::Forgotten if acted => return Ok(Receipt::Acted),
            Fate::Forgotten => return Ok(Receipt::Seen),
            Fate::Owed => state.peer(&id(who)),
        };
        let mailbox = &peer
            .ok_or_else(|| "its recipient is not there".to_owned())?
            .mailbox;
        let waits = mailbox
            .unseen()
            .any(|m| m.id == self.id && m.text == self.text);
        let receipt = if waits && self.id > mailbox.injected() {
            Receipt::Stored
        } else if waits {
            Receipt::Injected
        } else if !was_shown {
            return Err(
                "it is lost: it does not wait, nobody was shown it, it is no dead letter"
                    .to_owned(),
            );
        } else if !self.wants_action || mailbox.to_act().any(|id| id == self.id) {
            Receipt::Seen
        } else {
            Receipt::Acted
        };
        let too_much = (self.id <= mailbox.injected() && !client.taken.contains(&self.id))
            || (self.id <= mailbox.seen() && !was_shown)
            || (receipt == Receipt::Acted && !acted);
        if too_much {
            return Err(format!(
                "the daemon takes it for {receipt:?}, and it is not"
            ));
        }
        let stage = match receipt {
            Receipt::Stored => Some(Stage::Stored),
            Receipt::Injected => Some(Stage::Injected),
            Receipt::Seen if self.wants_action => Some(Stage::Seen),
            _ => None,
        };
        if mailbox.stage(self.id) != stage {
            return Err(format!(
                "it is {receipt:?}, and its stage {:?}",
                mailbox.stage(self.id)
            ));
        }
        Ok(receipt)
    }
}

fn place(peer: &PeerId) -> Checked<Who> {
    let place = WHO.iter().position(|who| *who == peer.as_str());
    place.ok_or_else(|| format!("{peer} is none of {WHO:?}"))
}
