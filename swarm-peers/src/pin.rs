//! Something that everybody should see who comes.

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{About, Event, PeerId, PinId, Rejection, Scope, decide::Deciding, state::State};

/// Something that was pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pin {
    /// Its number.
    pub id: PinId,
    /// Who pinned it.
    pub author: PeerId,
    /// What it says. Untrusted.
    pub content: String,
    /// When it was pinned.
    pub created: Timestamp,
}

/// What peers may ask for concerning pins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To pin something.
    Pin {
        /// What.
        content: String,
    },
    /// To take a pin away. Its author may, and the person.
    Unpin {
        /// Which.
        pin: PinId,
    },
}

/// What happened to a pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// It was pinned.
    Pinned {
        /// Its number.
        pin: PinId,
        /// By whom.
        author: PeerId,
        /// What.
        content: String,
    },
    /// It was taken away.
    Unpinned {
        /// Which.
        pin: PinId,
        /// By whom.
        by: PeerId,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    match request {
        Request::Pin { content } => {
            deciding.may_send()?;
            deciding.check_words("pin", content)?;
            deciding.check_room("pins", deciding.state.things.pins.len())?;
            let pin = deciding.state.things.last_pin.next();
            deciding.push(Event::Pin(Happened::Pinned {
                pin,
                author: me,
                content: content.clone(),
            }));
            deciding.tell_all(Scope::Machine, About::Pin { pin }, content.clone())
        }
        Request::Unpin { pin } => {
            let found = deciding.state.things.pins.get(pin);
            let found = found.ok_or(Rejection::UnknownPin { pin: *pin })?;
            deciding.is_mine(format!("pin {pin}"), &found.author)?;
            deciding.push(Event::Pin(Happened::Unpinned { pin: *pin, by: me }));
            Ok(())
        }
    }
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Pinned {
            pin,
            author,
            content,
        } => {
            state.things.last_pin = state.things.last_pin.max(*pin);
            let new = Pin {
                id: *pin,
                author: author.clone(),
                content: content.clone(),
                created: at,
            };
            state.things.pins.insert(*pin, new);
            state.note_sent(author, at);
        }
        Happened::Unpinned { pin, .. } => {
            state.things.pins.remove(pin);
        }
    }
}
