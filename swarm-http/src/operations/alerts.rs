//! Something urgent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_core::error_code::ErrorCode;
use swarm_peers::{
    Alert, AlertId, Event, PeerId, Priority, Scope,
    alert::{self, AlertTo, Happened},
};

use super::{Done, operation};
use crate::{App, Caller, Failure, operation::Perform};

/// Alerts one peer, or everybody.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// Whom: an id or a name; absent for everybody in `scope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Everybody where, if `to` is absent.
    #[serde(default)]
    pub scope: Scope,
    /// Of what.
    pub message: String,
    /// How urgently.
    #[serde(default)]
    pub priority: Priority,
}

/// It was raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Raised {
    /// Its number; absent if nobody else is there.
    pub alert: Option<AlertId>,
    /// Who was alerted.
    pub to: Vec<PeerId>,
}

operation!(
    Raise,
    "alerts/raise",
    Command,
    Anybody,
    "Alert one peer, or everybody",
    Raised
);

impl Perform for Raise {
    async fn perform(self, app: &App, by: Caller) -> Result<Raised, Failure> {
        if self.to.is_some() && self.scope != Scope::default() {
            return Err(Failure::new(
                ErrorCode::InvalidInput,
                "an alert has either `to` or `scope`, and not both",
            ));
        }
        let to = match self.to {
            Some(peer) => AlertTo::Peer(peer),
            None => AlertTo::Everybody(self.scope),
        };
        let request = alert::Request::Raise {
            to,
            message: self.message,
            priority: self.priority,
        };
        app.command(&by, request, |_, events| {
            let raised = events.iter().find_map(|event| match event {
                Event::Alert(Happened::Raised { alert, to, .. }) => Some((*alert, to.clone())),
                _ => None,
            });
            let (alert, to) = raised.unzip();
            Raised {
                alert,
                to: to.unwrap_or_default(),
            }
        })
        .await
    }
}

/// Which alerts there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// At most so many; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only those of which somebody has not taken notice.
    #[serde(default)]
    pub open: bool,
}

/// Alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertList {
    /// The newest first: those from or to who asks; for the owner, all.
    pub alerts: Vec<Alert>,
}

operation!(
    List,
    "alerts/list",
    Question,
    Anybody,
    "See alerts",
    AlertList
);

impl Perform for List {
    async fn perform(self, app: &App, by: Caller) -> Result<AlertList, Failure> {
        app.ask(move |state| {
            let me = by.peer();
            let found = state.alerts().rev().filter(|alert| {
                let concerns = by == Caller::Owner || alert.from == me || alert.to.contains(&me);
                let is_open = alert.to.iter().any(|to| !alert.acknowledged.contains(to));
                concerns && (is_open || !self.open)
            });
            AlertList {
                alerts: found
                    .take(self.limit.unwrap_or(usize::MAX))
                    .cloned()
                    .collect(),
            }
        })
        .await
    }
}

/// Says that notice was taken. Who was alerted may.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Of which.
    pub alert: AlertId,
}

operation!(
    Acknowledge,
    "alerts/acknowledge",
    Command,
    Anybody,
    "Say that you have taken notice",
    Done
);

impl Perform for Acknowledge {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = alert::Request::Acknowledge { alert: self.alert };
        app.done(&by, request).await
    }
}
