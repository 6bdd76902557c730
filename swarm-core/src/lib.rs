//! Describe agent work as plans, decide what happens next, and run it through ports.
pub mod agents;
pub mod content;
pub mod error_code;
pub mod hash;
pub mod ids;
pub mod money;
pub mod outcome;
pub mod prompt;
pub mod refs;
pub mod runtime;
pub mod spec;
pub mod suggest;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
