//! What holds between peers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts;
mod arriving;
mod importing;
mod joining;
mod messages;
mod model;
mod properties;
mod shared;
mod sweeping;
mod tasks;
mod village;
