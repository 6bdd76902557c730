//! What the store promises, from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what helps a test may fail as a test does"
)]

mod classification;
mod conformance;
mod encryption;
mod gc;
mod guard;
mod inspect;
mod kill;
mod list;
mod permissions;
mod playback;
mod run_lock;
mod shared;
mod support;
mod traversal;
mod unwrap;
mod wrap;
