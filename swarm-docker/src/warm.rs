//! Containers that are started ahead of their agents.
//!
//! To make and start a container is most of what a short agent costs. A warm container is one that was made for the
//! sandbox of agents to come, is started, and [waits](waiting) for a line that says which program it is to become. It is
//! of one run, becomes one agent, and is removed with that. As long as it waits it lives only as long as our process: the
//! end of its stdin is its own.

mod container;
mod fill;
mod waiting;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::models::ContainerCreateBody;
use swarm_core::{
    ids::RunId,
    runtime::{AgentJob, Launch, RuntimeError},
    spec::{ByteSize, Sandbox},
};
use tokio::{sync::oneshot, time::Instant};

use self::fill::Warm;
use crate::{
    docker_runtime::Inner,
    lifecycle::{Running, launch},
    output::Source,
    prompt::Prompt,
    reaper::Guard,
};

/// After so many containers that could not be made for one sandbox, no more are tried.
const FAILURES: u32 = 3;

/// A container on its way.
type Coming = oneshot::Receiver<Option<Warm>>;

/// All warm containers of one runtime.
#[derive(Debug, Default)]
pub(crate) struct WarmPool {
    shelves: Mutex<Vec<Shelf>>,
}

/// Those for agents of one sandbox in one run.
#[derive(Debug)]
struct Shelf {
    /// What each of them is made from; an agent that needs the same can have one.
    body: ContainerCreateBody,
    coming: VecDeque<Coming>,
    /// How many more may be made.
    left: usize,
    failures: u32,
}

impl WarmPool {
    /// Drops all that wait. What is on its way is removed when it comes.
    pub(crate) fn clear(&self) {
        let shelves = std::mem::take(&mut *self.lock());
        drop(shelves);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next for an agent that would get such a container. Another one is begun in its place.
    fn take(&self, inner: &Arc<Inner>, body: &ContainerCreateBody) -> Option<Coming> {
        let mut shelves = self.lock();
        let shelf = shelves.iter_mut().find(|shelf| shelf.body == *body)?;
        let coming = shelf.coming.pop_front()?;
        shelf.begin_one(inner);
        Some(coming)
    }

    fn failed(&self, body: &ContainerCreateBody) {
        let mut shelves = self.lock();
        if let Some(shelf) = shelves.iter_mut().find(|shelf| shelf.body == *body) {
            shelf.failures += 1;
            if shelf.failures >= FAILURES {
                shelf.left = 0;
            }
        }
    }
}

impl Shelf {
    fn begin_one(&mut self, inner: &Arc<Inner>) {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            self.coming.push_back(fill::begin(inner, self.body.clone()));
        }
    }
}

/// Begins to make containers for `agents` agents of the run with this sandbox, `ahead` of them at a time. `false` if such
/// agents cannot have any.
pub(crate) fn keep(
    inner: &Arc<Inner>,
    run: &RunId,
    sandbox: &Sandbox,
    max_output: ByteSize,
    ahead: usize,
    agents: usize,
) -> bool {
    if crate::container::check(sandbox).is_err() {
        return false;
    }
    let Some(body) = container::body(inner, run, sandbox, max_output) else {
        return false;
    };
    let mut shelf = Shelf {
        body,
        coming: VecDeque::new(),
        left: agents,
        failures: 0,
    };
    for _ in 0..ahead {
        shelf.begin_one(inner);
    }
    inner.warm.lock().push(shelf);
    true
}

/// A warm container that has become the agent of `job`; `None` if there is none, and a fresh one has to be made.
///
/// # Errors
///
/// If it cannot be told whether the agent has begun. Its container is removed then.
pub(crate) async fn claim(
    inner: &Arc<Inner>,
    job: &AgentJob,
    prompt: &Prompt,
) -> Result<Option<(Guard, Running)>, RuntimeError> {
    let prompt: &[u8] = match prompt {
        Prompt::Empty => &[],
        Prompt::Short(bytes) => bytes,
        // Nobody could tell an agent that has all of it from one that was cut off.
        Prompt::Long(_) => return Ok(None),
    };
    let is_plain = job.launch == Launch::New
        && job.kind == container::KIND
        && job.shared.is_none()
        && job.invocation.home.is_empty()
        && job.invocation.home_argv.is_empty();
    if !is_plain || inner.warm.lock().is_empty() {
        return Ok(None);
    }
    let (Some(line), Some(body)) = (
        waiting::line(job),
        container::body(inner, &job.id.run, &job.sandbox, job.max_output),
    ) else {
        return Ok(None);
    };
    let Some(coming) = inner.warm.take(inner, &body) else {
        return Ok(None);
    };
    let Ok(Some(warm)) = coming.await else {
        inner.warm.failed(&body);
        return Ok(None);
    };
    let Some(warm) = warm.name_it(&inner.engine, &job.id).await else {
        return Ok(None);
    };
    let Warm {
        guard,
        mut attached,
        state,
        ..
    } = warm;
    let job_and_prompt = [&line, prompt].concat();
    if let Err(failure) = launch::give(&mut attached, &job_and_prompt).await {
        guard.remove().await;
        return Err(inner
            .engine
            .error("hand the agent to its container", failure));
    }
    let running = Running {
        source: Source::Live(attached.output),
        feeding: None,
        already: std::time::Duration::ZERO,
        since: Instant::now(),
        image: state.image,
        log_size: state.log_size,
    };
    Ok(Some((guard, running)))
}
