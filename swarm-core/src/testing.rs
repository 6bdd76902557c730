//! Fakes and conformance suites, for the tests of this workspace and of everybody who implements a port.

pub mod clock;
pub mod event_log;
pub mod machine;
pub mod plans;
pub mod ref_store;
pub mod runtime;
pub mod scripted;
pub mod sink;
pub mod transcript;
