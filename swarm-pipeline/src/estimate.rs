//! What a plan costs, how long it takes and how many agents it needs, before it runs.
//!
//! Three numbers for each: what is *expected*, by simulating a run in which all goes well, and what it is at *least* and at *most*, by
//! adding up the plan itself: every branch, attempt, iteration, judge, governor and jump that is allowed. What every run that comes to
//! its end spends is between the two, as far as what the estimate [assumes](Estimate::assumes) holds.
//!
//! ```
//! use swarm_core::{plan, spec::AgentSpec};
//! use swarm_pipeline::estimate::{Assumptions, estimate};
//!
//! let build = AgentSpec::command("Build it.", ["make"])?;
//! let estimate = estimate(&plan::retry(build, 3.try_into()?), &Assumptions::default())?;
//! assert_eq!(estimate.agents.expected, 1);
//! assert_eq!(estimate.agents.highest, Some(3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assumptions;
mod bounds;
mod expected;
mod limited;
mod pipeline;

pub use assumptions::Assumptions;
pub use expected::{Estimate, Range, StepEstimate, estimate};
