//! Types in plain language: what an agent is given, and what it has to produce.
//!
//! A type is a text under a name. An agent declares its own with `input_type` and `output_type`: the name of one, or a text
//! that may mention some, as `[name]`. Both are [written out](TypeRegistry::write_out) when a plan is made, so that a run that is resumed
//! later still means the same, and [put ahead of the prompt](crate::prompt::task) of the agent.

mod built_in;
mod error;
mod expand;
mod registry;

pub use error::TypeError;
pub use registry::{TypeEntry, TypeFolder, TypeRegistry};
