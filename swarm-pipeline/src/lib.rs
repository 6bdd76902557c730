//! Pipelines of agents: read, checked, and made into programs.
//!
//! A pipeline is written in JSON or in TOML. [`compile`] makes a [`Program`](swarm_core::plan::Program) of it, in which every
//! name was found and every jump leads somewhere, or says everything that is wrong with it at once, each with its
//! place. What a program does is the business of [`swarm_core::machine`].
//!
//! ```
//! use swarm_core::{spec::NoSandboxes, types::TypeRegistry};
//! use swarm_pipeline::{Source, Surroundings, compile};
//!
//! let text = r#"
//! [[steps]]
//! id = "test"
//! prompt = "Run the tests."
//! on_fail = "fixx"
//!
//! [[steps]]
//! id = "fix"
//! condition = "prev.error"
//! prompt = "Mend what fails."
//! next = "test"
//! "#;
//! let types = TypeRegistry::default();
//! let surroundings = Surroundings::new(&NoSandboxes, &types);
//! let wrong = compile(&Source::toml(text)?, &surroundings).unwrap_err();
//! let first = wrong.iter().next().map(ToString::to_string).unwrap_or_default();
//! assert!(first.contains("line 5"), "{first}");
//! assert!(first.contains("did you mean `fix`?"), "{first}");
//! # Ok::<(), swarm_pipeline::Diagnostics>(())
//! ```

mod bounds;
mod catalog;
mod compile;
mod definition;
mod diagnostics;
mod digest;
pub mod estimate;
mod evaluator;
mod fields;
mod forms;
pub mod graph;
mod patch;
mod place;
mod schema;
pub mod simulate;
mod source;
mod surroundings;

pub use catalog::{GovernorFolders, Listed, PipelineFolders};
pub use compile::{Compiled, compile};
pub use definition::{
    Ask, Beam, CheckText, ConcurrentTasks, Definition, Filter, GovernorText, Guard, Hunt,
    InputText, Iterate, Judge, KeywordJump, Map, MapReduce, OnFail, PipelineRef, Reduce, Retry,
    SandboxChoice, ScoreList, Seconds, Setting, Step, StrategyText, Validate, Work, WorkKind,
};
pub use diagnostics::{Diagnostic, Diagnostics, Position};
pub use patch::PipelinePatcher;
pub use schema::schema;
pub use source::Source;
pub use surroundings::{Governors, NoGovernors, NoPipelines, NotFound, Pipelines, Surroundings};
