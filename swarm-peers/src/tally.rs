//! What somebody has done so far.

use serde::{Deserialize, Serialize};

/// Counts over the whole life of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Messages that it sent, a broadcast once.
    pub messages_sent: u64,
    /// Messages that were sent to it.
    pub messages_received: u64,
    /// Tasks that were handed to it, or that it took.
    pub tasks_assigned: u64,
    /// Tasks that it completed.
    pub tasks_completed: u64,
    /// Snippets that it shared.
    pub snippets_shared: u64,
    /// Alerts that it sent.
    pub alerts_sent: u64,
    /// Files that it shared.
    pub files_shared: u64,
}
