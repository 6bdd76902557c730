//! What containers do on a real engine. Needs one, and a statically linked `/bin/busybox`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking"
)]

mod adoption;
mod agent_image;
mod cleanup;
mod conformance;
mod egress;
mod engine;
mod escape;
mod home;
mod image;
mod inputs;
mod isolation;
mod limits;
mod output;
mod scale;
mod shared;
mod support;
mod warm;
