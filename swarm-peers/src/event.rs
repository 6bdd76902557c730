//! What has happened.

use serde::{Deserialize, Serialize};

use crate::{alert, file, import, peer, pin, post, snippet, task};

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "noun", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// To a peer.
    Peer(peer::Happened),
    /// To messages.
    Post(post::Happened),
    /// To a task.
    Task(task::Happened),
    /// To a snippet.
    Snippet(snippet::Happened),
    /// To a file.
    File(file::Happened),
    /// To an alert.
    Alert(alert::Happened),
    /// To a pin.
    Pin(pin::Happened),
    /// Something was brought in from another system.
    Import(import::Happened),
}

impl Event {
    /// To whom it brings messages.
    pub fn recipients(&self) -> &[crate::PeerId] {
        match self {
            Self::Post(post::Happened::Sent { to, .. }) => to,
            Self::Import(import::Happened::Message {
                to, seen: false, ..
            }) => std::slice::from_ref(to),
            _ => &[],
        }
    }
}
