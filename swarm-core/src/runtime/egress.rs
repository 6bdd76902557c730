//! What an agent with a list of hosts tried to reach.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What became of the attempts of one agent to reach one host; the same thing again only counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressDecision {
    /// The first attempt.
    pub first: Timestamp,
    /// The newest one.
    pub last: Timestamp,
    /// The host as the agent named it, as far as that is one; else a word for what it said instead.
    pub host: String,
    /// The port; 0 if there was none.
    pub port: u16,
    /// Whether it was let through.
    pub allowed: bool,
    /// Why.
    pub reason: String,
    /// How many attempts.
    pub count: u64,
}
