//! The container that waits for an agent of a sandbox. Pure, but for what is known of the engine.

use std::{sync::Arc, time::Duration};

use bollard::models::ContainerCreateBody;
use swarm_core::{
    agents::Invocation,
    content::Content,
    ids::{AgentId, RefId, RunId},
    runtime::{AgentJob, Launch},
    spec::{ByteSize, EnvVars, Network, Sandbox},
};

use super::waiting;
use crate::{container, docker_runtime::Inner};

/// The kind of agents that all is known of before they start: others need files.
pub(super) const KIND: &str = "command";

/// The name of no agent yet.
const NOBODY: &str = "swarm.warm";

/// What to make; `None` if its agents need something that cannot be there before them. The same for all agents of a run
/// that can have it.
pub(super) fn body(
    inner: &Arc<Inner>,
    run: &RunId,
    sandbox: &Sandbox,
    max_output: ByteSize,
) -> Option<ContainerCreateBody> {
    if !sandbox.mounts.is_empty()
        || !sandbox.input_files.is_empty()
        // There may be one for one agent, who has to wait for its pool.
        || sandbox.gpu
        || matches!(sandbox.network, Network::Allow(_))
    {
        return None;
    }
    let mut sandbox = sandbox.clone();
    // Programs are looked for there before anything else is known; the other variables come with the agent.
    let path = sandbox.env_vars.iter().find(|(name, _)| *name == "PATH");
    let path = path.map(|(name, value)| (name.to_owned(), value.to_owned()));
    sandbox.env_vars = EnvVars::from_iter(path);
    let job = AgentJob {
        id: RefId::new(run.clone(), AgentId::new(NOBODY).ok()?),
        kind: KIND,
        invocation: Invocation::new(waiting::argv()),
        stdin: Content::empty(),
        sandbox,
        timeout: Duration::ZERO,
        // What an agent may print is known when it comes; its log is that of the usual limit, and tells so.
        max_output,
        shared: None,
        launch: Launch::New,
        spec: None,
        leftovers: None,
    };
    let engine = inner.engine.traits;
    Some(container::body(
        &job,
        &[],
        &[],
        &inner.options,
        engine,
        true,
    ))
}
