//! A plan as a picture: Mermaid, DOT or SVG, with the state of a run painted in.
//!
//! Every step of a pipeline is a node, or a box if it holds more than one agent; every way from one step to another is an arrow with its
//! reason. All that others have written, such as names and prompts, is shown as text and can be nothing else.
//!
//! ```
//! use swarm_core::{plan, spec::AgentSpec};
//! use swarm_pipeline::graph::Graph;
//!
//! let build = AgentSpec::command("Build it.", ["make"])?;
//! let check = AgentSpec::command("Check it.", ["make", "check"])?;
//! let graph = Graph::of(&plan::chain([build, check]));
//! assert!(graph.mermaid().starts_with("flowchart TD\n"));
//! assert!(graph.dot().contains("Build it."));
//! assert!(graph.svg().ends_with("</svg>\n"));
//! # Ok::<(), swarm_core::spec::SpecError>(())
//! ```

mod dot;
mod draw;
mod layout;
mod mermaid;
mod model;
mod progress;
mod routes;
mod svg;
mod text;

pub use model::{Arrow, Graph, Place, Transition};
pub use progress::{Progress, State, StepProgress};
