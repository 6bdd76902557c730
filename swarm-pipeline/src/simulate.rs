//! Runs a plan in which every outcome is made up: by a script, or by chance.
//!
//! Nothing is started and no time passes, but everything else is as in a real run: the same machine decides, and budgets, deadlines,
//! slots and pools hold. So this is also the test kit for pipelines:
//!
//! ```
//! use std::time::Duration;
//! use swarm_core::{plan, spec::AgentSpec};
//! use swarm_pipeline::simulate::Simulation;
//!
//! let build = AgentSpec::command("Build it.", ["make"])?;
//! let check = AgentSpec::command("Check it.", ["make", "check"])?;
//! let plan = plan::chain([plan::retry(build, 3.try_into()?), check.into()]);
//!
//! // The first attempt fails, the second does not.
//! let simulated = Simulation::of(plan)
//!     .agent("stage-0").fails().takes(Duration::from_secs(60)).then_succeeds()
//!     .agent("stage-1").says("all is well")
//!     .run()?;
//! simulated
//!     .assert_succeeded()
//!     .assert_ran(["stage-0.attempt-1", "stage-0.attempt-2", "stage-1"])
//!     .assert_takes_at_most(Duration::from_secs(120));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod dice;
mod file;
mod many;
mod pattern;
mod performer;
mod simulated;
mod simulation;
mod time;

pub use dice::Chances;
pub use file::{InvalidSimulation, SimulationFile};
pub use many::{Distribution, Seconds, Spread};
pub use simulated::{Simulated, SimulatedAgent};
pub use simulation::{Simulation, SimulationError};

/// What the guide shows works.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/pipelines-dry-run.md")]
#[derive(Debug)]
pub struct Guide;
