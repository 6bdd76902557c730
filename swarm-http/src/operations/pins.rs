//! What everybody is to find at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarm_peers::{
    Event, PinId,
    pin::{self, Happened},
};

use super::{Done, operation};
use crate::{App, Caller, Failure, operation::Perform};

/// Pins a text where everybody finds it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The text.
    pub content: String,
}

/// It was pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pinned {
    /// Its number.
    pub pin: PinId,
}

operation!(
    Pin,
    "pins/pin",
    Command,
    Anybody,
    "Pin a text where everybody finds it",
    Pinned
);

impl Perform for Pin {
    async fn perform(self, app: &App, by: Caller) -> Result<Pinned, Failure> {
        let content = self.content;
        let pinned = app.make(&by, pin::Request::Pin { content }, |_, events| {
            events.iter().find_map(|event| match event {
                Event::Pin(Happened::Pinned { pin, .. }) => Some(*pin),
                _ => None,
            })
        });
        Ok(Pinned { pin: pinned.await? })
    }
}

/// Which pins there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {}

/// Pins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PinList {
    /// The newest first.
    pub pins: Vec<swarm_peers::Pin>,
}

operation!(
    List,
    "pins/list",
    Question,
    Anybody,
    "See what is pinned",
    PinList
);

impl Perform for List {
    async fn perform(self, app: &App, _: Caller) -> Result<PinList, Failure> {
        app.ask(|state| PinList {
            pins: state.pins().rev().cloned().collect(),
        })
        .await
    }
}

/// Takes a pin away. Its author may, and the owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Which.
    pub pin: PinId,
}

operation!(
    Remove,
    "pins/remove",
    Command,
    Anybody,
    "Take a pin away",
    Done
);

impl Perform for Remove {
    async fn perform(self, app: &App, by: Caller) -> Result<Done, Failure> {
        let request = pin::Request::Unpin { pin: self.pin };
        app.done(&by, request).await
    }
}
