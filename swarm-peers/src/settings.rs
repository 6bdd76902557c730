//! How much is allowed.

use std::time::Duration;

/// Limits of what peers may do, and for how long things are kept. What has been accepted under other settings stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many messages, alerts, tasks and other things one peer may send within [`RATE_WINDOW`], at most [`MAX_RATE`]; `None`
    /// for as many as it likes.
    pub rate: Option<usize>,
    /// The longest text of a message, in bytes.
    pub max_text: usize,
    /// How many messages may wait for one peer.
    pub max_waiting: usize,
    /// How many bytes of text may wait for one peer.
    pub max_waiting_bytes: usize,
    /// The largest file that can be shared, in bytes.
    pub max_file: u64,
    /// How many things of each kind (open tasks, snippets, files, pins) there may be.
    pub max_things: usize,
    /// For how long a message may wait before it counts as undeliverable.
    pub keep_waiting: Duration,
    /// For how long what is done with is kept: closed tasks, alerts, snippets, files, and peers that left.
    pub keep_done: Duration,
}

/// The time over which [`Settings::rate`] counts.
pub const RATE_WINDOW: Duration = Duration::from_mins(1);

/// The highest [`Settings::rate`] besides none at all.
pub const MAX_RATE: usize = 1_000;

const DAY: Duration = Duration::from_hours(24);

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: Some(60),
            max_text: 64 * 1024,
            max_waiting: 10_000,
            max_waiting_bytes: 16 * 1024 * 1024,
            max_file: 1024 * 1024,
            max_things: 1_000,
            keep_waiting: DAY * 7,
            keep_done: DAY * 7,
        }
    }
}
