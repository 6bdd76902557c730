//! Runs agents in containers: the [`AgentRuntime`](swarm_core::runtime::AgentRuntime) for Docker, and for
//! Podman through its Docker-compatible socket.
//!
//! # How one agent runs
//!
//! 1. *create*: the sandbox becomes a container configuration (a pure function), with labels that say whose it is.
//! 2. *attach*, then *start*, so that no byte of output is missed; the prompt goes in as stdin.
//! 3. *stream*: what the agent prints goes to the sink as it arrives, at most one chunk in memory.
//! 4. *wait* for its end, its timeout or a stop: TERM, a grace period, KILL.
//! 5. *remove*, with its volumes.
//!
//! # Nothing is left behind
//!
//! Cleanup happens three times over: explicitly at the end of a run; by a guard when the future of a run is
//! dropped; and by [`sweep`](swarm_core::runtime::AgentRuntime::sweep) for what a killed process left,
//! which it knows by the labels `swarm.run`, `swarm.agent` and `swarm.home`.
//!
//! # What an agent cannot do
//!
//! It is never root, has no capabilities and cannot gain any, sees a read-only root with small scratch
//! folders, is never on the host's network and never gets the engine's socket. What it prints is taken by
//! the engine, outside its reach.
//!
//! # Logging
//!
//! The client library writes the whole request for each container at the level `debug`, environment included.
//! A program that shows logs of other crates must keep the target `bollard` at `warn`.
//!
//! ```no_run
//! # async fn example() -> Result<(), swarm_core::runtime::RuntimeError> {
//! use swarm_docker::{DockerOptions, DockerRuntime};
//!
//! let runtime = DockerRuntime::connect(DockerOptions::new("my-home")).await?;
//! println!("{:?}", runtime.engine_info().await?);
//! # Ok(())
//! # }
//! ```

mod adopt;
mod agent_folders;
mod container;
mod docker_runtime;
mod egress;
mod engine;
mod exit;
mod gpu;
mod home_folder;
mod image;
mod image_name;
mod inputs;
mod lifecycle;
mod mounts;
mod network;
mod options;
mod output;
mod prompt;
mod reaper;
mod rejoin;
mod shared_folder;
mod warm;

pub use container::{SCRATCH_BYTES, default_pids};
pub use docker_runtime::DockerRuntime;
pub use egress::{EgressOptions, forward as egress_forward};
pub use engine::EngineInfo;
pub use image::{
    AgentCli, BuildMissing, BuildNews, DEFAULT_BASE, DEFAULT_IMAGE, ImageInfo, ImageOrigin,
    ImageRecipe, TellBuild, default_image,
};
pub use image_name::check_tag;
pub use options::DockerOptions;
