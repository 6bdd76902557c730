//! Who is here, or was.

pub(crate) mod arrive;
mod join;

use std::collections::BTreeSet;

pub use arrive::Arrive;

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{
    Event, Identity, Mailbox, PeerId, PeerName, Rejection, decide::Deciding, ids::MAX_NAME,
    rate::Rate, state::State, tally::Tally,
};

/// The longest summary, in characters.
pub const MAX_SUMMARY: usize = 1_000;
/// The most tags of one peer.
pub const MAX_TAGS: usize = 32;
/// The credential of a peer that shows no secret: no secret has this hash.
pub const SHOWS_NOTHING: &str = "nothing";

/// A session of an agent, or a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id, for good.
    pub id: PeerId,
    /// What it is called.
    pub name: PeerName,
    /// Who it is.
    pub identity: Identity,
    /// The hash of the secret by which it is known to be itself.
    pub credential: String,
    /// What it works on, in its own words.
    pub summary: Option<String>,
    /// Words by which it can be found.
    pub tags: BTreeSet<String>,
    /// What it says of itself.
    pub presence: Presence,
    /// Whether it is there.
    pub connection: Connection,
    /// Whether it has done nothing for a while. Derived, not told.
    pub idle: bool,
    /// How messages get into its session.
    pub reach: Reach,
    /// When it came first.
    pub joined: Timestamp,
    /// What waits for it.
    pub mailbox: Mailbox,
    /// What it has done so far.
    pub tally: Tally,
    pub(crate) rate: Rate,
}

impl Peer {
    /// Whether it came by a door at which nobody shows a secret. Whoever speaks for it only says that it is it.
    pub fn shows_nothing(&self) -> bool {
        self.credential == SHOWS_NOTHING
    }
}

/// What a peer says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It works, and may be spoken to.
    #[default]
    Active,
    /// It works on something that it would like to finish.
    Busy,
    /// It does not look at messages now.
    Away,
    /// It does not want to be disturbed; who writes is told so.
    Dnd,
}

/// Whether a peer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Connection {
    /// It is.
    Here,
    /// It has not been heard of for too long, and has not said goodbye.
    Lost {
        /// Since when that is known.
        since: Timestamp,
    },
    /// It said goodbye.
    Left {
        /// When.
        since: Timestamp,
    },
}

impl Connection {
    /// Since when it is gone, if it is.
    pub const fn gone_since(self) -> Option<Timestamp> {
        match self {
            Self::Here => None,
            Self::Lost { since } | Self::Left { since } => Some(since),
        }
    }
}

/// How messages get into a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// At once, also in the middle of its work.
    Push,
    /// At the next hook of its program.
    Hooks,
    /// With the answer to the next thing that it asks.
    #[default]
    Answers,
}

/// What peers may ask for concerning themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To be known, or to be known again. Asked for by whoever may let peers in.
    Join(Box<Join>),
    /// To be known without a secret. Asked for by whoever keeps the door at which nobody shows one.
    Arrive(Box<Arrive>),
    /// That who says that it has this id is there: known, or known again. As [`Arrive`](Self::Arrive), without a secret.
    Appear {
        /// The id.
        id: PeerId,
        /// The machine, if it is not known yet.
        host: String,
    },
    /// To be gone. What is sent to it from now on waits.
    Leave,
    /// To be called something else.
    Rename {
        /// Which nobody else may have.
        name: PeerName,
    },
    /// To say what it works on; `None` takes it back.
    SetSummary {
        /// At most [`MAX_SUMMARY`] characters.
        summary: Option<String>,
    },
    /// To be found by these words and no others.
    SetTags {
        /// At most [`MAX_TAGS`] of at most 64 characters each.
        tags: BTreeSet<String>,
    },
    /// To say how busy it is.
    SetPresence {
        /// How.
        presence: Presence,
    },
}

/// Somebody comes, or comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The id if it has none yet, made by chance.
    pub id: PeerId,
    /// How it would like to be called; a number is added if somebody else is. Without it, the name that it had, or its id.
    pub name: Option<PeerName>,
    /// Who it is.
    pub identity: Identity,
    /// The hash of the secret that it will be known by from now on.
    pub credential: String,
    /// The hash of the secret that it was known by, if it remembers that.
    pub former: Option<String>,
    /// How messages get into its session.
    pub reach: Reach,
}

/// What happened to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// It came for the first time.
    Joined {
        /// Its id.
        peer: PeerId,
        /// Its name.
        name: PeerName,
        /// Who it is.
        identity: Box<Identity>,
        /// The hash of its secret.
        credential: String,
        /// How messages get in.
        reach: Reach,
    },
    /// It came again.
    CameBack {
        /// Its id.
        peer: PeerId,
        /// Its name now.
        name: PeerName,
        /// Where it is now.
        identity: Box<Identity>,
        /// The hash of its new secret.
        credential: String,
        /// How messages get in.
        reach: Reach,
    },
    /// It said goodbye.
    Left {
        /// Which.
        peer: PeerId,
    },
    /// It has not been heard of for too long.
    Lost {
        /// Which.
        peer: PeerId,
    },
    /// It was lost, and has been heard of again.
    Found {
        /// Which.
        peer: PeerId,
    },
    /// It has done nothing for a while, or does something again.
    Idle {
        /// Which.
        peer: PeerId,
        /// Whether it does nothing.
        idle: bool,
    },
    /// It is called something else.
    Renamed {
        /// Which.
        peer: PeerId,
        /// How.
        name: PeerName,
    },
    /// It works on something else.
    Summarised {
        /// Which.
        peer: PeerId,
        /// On what.
        summary: Option<String>,
    },
    /// It is found by other words.
    Tagged {
        /// Which.
        peer: PeerId,
        /// By which.
        tags: BTreeSet<String>,
    },
    /// It says something else of itself.
    PresenceChanged {
        /// Which.
        peer: PeerId,
        /// What.
        presence: Presence,
    },
    /// It was gone for so long that nothing is left of it.
    Forgotten {
        /// Which.
        peer: PeerId,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    match request {
        Request::Join(join) => return join::decide(deciding, join),
        Request::Arrive(arrive) => return arrive::decide(deciding, arrive),
        Request::Appear { id, host } => return arrive::appear(deciding, id, host),
        _ => {}
    }
    let peer = deciding.me()?;
    let id = peer.id.clone();
    let happened = match request {
        Request::Join(_) | Request::Arrive(_) | Request::Appear { .. } => return Ok(()),
        Request::Leave if id.is_user() => return Err(Rejection::UserStays),
        Request::Leave => matches!(peer.connection, Connection::Here | Connection::Lost { .. })
            .then(|| Happened::Left { peer: id }),
        Request::Rename { name } => {
            if id.is_user() {
                return Err(Rejection::UserStays);
            }
            if let Some(other) = deciding.state.named(name).filter(|other| other.id != id) {
                return Err(Rejection::NameTaken {
                    name: name.clone(),
                    by: other.id.clone(),
                });
            }
            (peer.name != *name).then(|| Happened::Renamed {
                peer: id,
                name: name.clone(),
            })
        }
        Request::SetSummary { summary } => {
            let summary = summary
                .as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty());
            let length = summary.map_or(0, |text| text.chars().count());
            if length > MAX_SUMMARY {
                return Err(Rejection::TooLarge {
                    what: "summary",
                    size: length as u64,
                    most: MAX_SUMMARY as u64,
                    unit: "characters",
                });
            }
            (peer.summary.as_deref() != summary).then(|| Happened::Summarised {
                peer: id,
                summary: summary.map(str::to_owned),
            })
        }
        Request::SetTags { tags } => {
            check_tags(tags)?;
            (peer.tags != *tags).then(|| Happened::Tagged {
                peer: id,
                tags: tags.clone(),
            })
        }
        Request::SetPresence { presence } => {
            (peer.presence != *presence).then_some(Happened::PresenceChanged {
                peer: id,
                presence: *presence,
            })
        }
    };
    if let Some(happened) = happened {
        deciding.push(Event::Peer(happened));
    }
    Ok(())
}

pub(crate) fn check_tags(tags: &BTreeSet<String>) -> Result<(), Rejection> {
    if tags.len() > MAX_TAGS {
        return Err(Rejection::TooLarge {
            what: "list of tags",
            size: tags.len() as u64,
            most: MAX_TAGS as u64,
            unit: "tags",
        });
    }
    match tags
        .iter()
        .find(|tag| tag.trim().is_empty() || tag.len() > MAX_NAME)
    {
        Some(tag) => Err(Rejection::BadTag {
            tag: tag.chars().take(MAX_NAME).collect(),
        }),
        None => Ok(()),
    }
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Joined {
            peer,
            name,
            identity,
            credential,
            reach,
        } => state.add(Peer {
            id: peer.clone(),
            name: name.clone(),
            identity: identity.as_ref().clone(),
            credential: credential.clone(),
            summary: None,
            tags: BTreeSet::new(),
            presence: Presence::default(),
            connection: Connection::Here,
            idle: false,
            reach: *reach,
            joined: at,
            mailbox: Mailbox::default(),
            tally: Tally::default(),
            rate: Rate::default(),
        }),
        Happened::CameBack {
            peer,
            name,
            identity,
            credential,
            reach,
        } => state.change(peer, |peer| {
            peer.name = name.clone();
            peer.identity = identity.as_ref().clone();
            peer.credential.clone_from(credential);
            peer.reach = *reach;
            peer.connection = Connection::Here;
            peer.idle = false;
        }),
        Happened::Left { peer } => {
            state.change(peer, |peer| {
                peer.connection = Connection::Left { since: at }
            });
        }
        Happened::Lost { peer } => {
            state.change(peer, |peer| {
                peer.connection = Connection::Lost { since: at }
            });
        }
        Happened::Found { peer } => state.change(peer, |peer| peer.connection = Connection::Here),
        Happened::Idle { peer, idle } => state.change(peer, |peer| peer.idle = *idle),
        Happened::Renamed { peer, name } => {
            state.change(peer, |peer| peer.name = name.clone());
        }
        Happened::Summarised { peer, summary } => {
            state.change(peer, |peer| peer.summary.clone_from(summary));
        }
        Happened::Tagged { peer, tags } => state.change(peer, |peer| peer.tags.clone_from(tags)),
        Happened::PresenceChanged { peer, presence } => {
            state.change(peer, |peer| peer.presence = *presence);
        }
        Happened::Forgotten { peer } => state.forget(peer),
    }
}
