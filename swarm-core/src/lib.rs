//! Describe agent work as plans, decide what happens next, and run it through ports.
//!
//! ```
//! use std::sync::Arc;
//! use swarm_core::{Swarm, plan, runtime::process::{ProcessOptions, ProcessRuntime}, spec::AgentSpec};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! # let folder = std::env::temp_dir().join(format!("swarm-doc-{}", std::process::id()));
//! // Three programs side by side, then one that sees what they printed.
//! let shout = AgentSpec::command("{input}", ["tr", "a-z", "A-Z"])?;
//! let gather = AgentSpec::command("Gather.", ["grep", "-c", "^## Input"])?;
//! let work = plan::map_reduce(shout, ["red", "green", "blue"], gather);
//!
//! let swarm = Swarm::builder(Arc::new(ProcessRuntime::new(ProcessOptions::new(&folder)))).build();
//! let view = swarm.execute(work).await?;
//! assert_eq!(view.counts().succeeded, 4);
//! # std::fs::remove_dir_all(folder).ok();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Theory of operation
//!
//! *Work is a value.* The functions in [`plan`] build a [`Plan`]; nothing runs until somebody runs it.
//! *Deciding is pure.* A [`machine::Machine`] says what should happen next and is told what did.
//! *What happened is a log.* [`journal`] keeps it; a run that was cut off is replayed and goes on.
//! *The world is behind three ports:* [`runtime::AgentRuntime`], [`refs::RefStore`] and [`journal::EventLog`].
//! [`Swarm`] bundles them. This crate brings an implementation of each that needs nothing else; containers are
//! in `swarm-docker`, results that stay on disk in `swarm-refs`.

mod agent_runner;
pub mod agents;
pub mod artifacts;
pub mod aside;
mod breaker;
pub mod budget;
pub mod cache;
pub mod catalog;
pub mod content;
pub mod decider;
pub mod drive;
pub mod error_code;
pub mod evaluate;
pub mod hash;
pub mod ids;
pub mod journal;
pub mod machine;
pub mod money;
pub mod outcome;
mod output_schema;
mod plain_text;
pub mod plan;
pub mod prices;
pub mod projects;
pub mod prompt;
pub mod refs;
pub mod report;
pub mod resources;
pub mod run_view;
pub mod runtime;
pub mod scopes;
pub mod spec;
pub mod suggest;
pub mod supplies;
pub mod swarm;
pub mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod types;
pub mod usage;

pub use crate::{
    plan::Plan,
    run_view::RunView,
    swarm::{Control, NewRun, Notice, Restart, Swarm, SwarmError},
};
