//! Something urgent, and who has taken notice.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::{
    About, AlertId, Event, PeerId, Priority, Rejection, Scope, decide::Deciding, state::State,
};

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alert {
    /// Its number.
    pub id: AlertId,
    /// Who raised it.
    pub from: PeerId,
    /// Who was alerted.
    pub to: Vec<PeerId>,
    /// What it says. Untrusted.
    pub message: String,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was raised.
    pub created: Timestamp,
    /// When it was brought in from another system, if it was. It is kept from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Timestamp>,
    /// Who has taken notice.
    pub acknowledged: BTreeSet<PeerId>,
}

/// What peers may ask for concerning alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To alert one peer, or everybody in a scope.
    Raise {
        /// Whom.
        to: AlertTo,
        /// Of what.
        message: String,
        /// How urgently.
        priority: Priority,
    },
    /// To say that notice was taken. Only who was alerted may.
    Acknowledge {
        /// Of which.
        alert: AlertId,
    },
}

/// Who is alerted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertTo {
    /// One peer, by its id or its name.
    Peer(String),
    /// Everybody there.
    Everybody(Scope),
}

/// What happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// It was raised.
    Raised {
        /// Its number.
        alert: AlertId,
        /// By whom.
        from: PeerId,
        /// Who was alerted.
        to: Vec<PeerId>,
        /// Of what.
        message: String,
        /// How urgently.
        priority: Priority,
    },
    /// Somebody has taken notice.
    Acknowledged {
        /// Of which.
        alert: AlertId,
        /// Who.
        by: PeerId,
    },
    /// It is kept no longer.
    Expired {
        /// Which.
        alert: AlertId,
    },
}

pub(crate) fn decide(deciding: &mut Deciding<'_>, request: &Request) -> Result<(), Rejection> {
    let me = deciding.me()?.id.clone();
    match request {
        Request::Raise {
            to,
            message,
            priority,
        } => {
            deciding.may_send()?;
            deciding.check_words("alert", message)?;
            deciding.check_room("alerts", deciding.state.things.alerts.len())?;
            let to = match to {
                AlertTo::Peer(address) => {
                    let to = deciding.recipient(address)?;
                    deciding.has_room(&to)?;
                    vec![to]
                }
                AlertTo::Everybody(scope) => deciding.everybody_else(*scope)?,
            };
            let alert = deciding.state.things.last_alert.next();
            deciding.push(Event::Alert(Happened::Raised {
                alert,
                from: me.clone(),
                to: to.clone(),
                message: message.clone(),
                priority: *priority,
            }));
            let about = About::Alert {
                alert,
                priority: *priority,
            };
            deciding.send(&me, to, about, message.clone());
            Ok(())
        }
        Request::Acknowledge { alert } => {
            let found = deciding.state.things.alerts.get(alert);
            let found = found.ok_or(Rejection::UnknownAlert { alert: *alert })?;
            if !found.to.contains(&me) {
                return Err(Rejection::NotYours {
                    what: format!("alert {alert}"),
                    whose: "it was not raised for you".to_owned(),
                });
            }
            if !found.acknowledged.contains(&me) {
                deciding.push(Event::Alert(Happened::Acknowledged {
                    alert: *alert,
                    by: me,
                }));
            }
            Ok(())
        }
    }
}

pub(crate) fn evolve(state: &mut State, happened: &Happened, at: Timestamp) {
    match happened {
        Happened::Raised {
            alert,
            from,
            to,
            message,
            priority,
        } => {
            state.things.last_alert = state.things.last_alert.max(*alert);
            let new = Alert {
                id: *alert,
                from: from.clone(),
                to: to.clone(),
                message: message.clone(),
                priority: *priority,
                created: at,
                imported: None,
                acknowledged: BTreeSet::new(),
            };
            state.things.alerts.insert(*alert, new);
            state.note_sent(from, at);
            if let Some(from) = state.peer_mut(from) {
                from.tally.alerts_sent += 1;
            }
        }
        Happened::Acknowledged { alert, by } => {
            if let Some(alert) = state.things.alerts.get_mut(alert) {
                alert.acknowledged.insert(by.clone());
            }
        }
        Happened::Expired { alert } => {
            state.things.alerts.remove(alert);
        }
    }
}
