//! One agent from its start to its end.

mod artifacts;
pub(crate) mod create;
mod explain;
pub(crate) mod launch;
mod watch;

use std::{sync::Arc, time::Duration};

use swarm_core::{
    outcome::ExitReason,
    refs::ImageStamp,
    runtime::{AgentExit, AgentJob, Launch, OutputLimit, OutputSink, RuntimeError},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    adopt::{self, Survivor},
    container,
    docker_runtime::Inner,
    egress::Gateway,
    engine::{Engine, State},
    exit::{self, Ended},
    output::{Log, Output, Signals, Source},
    prompt::{self, Fed, Prompt},
    reaper::Guard,
    warm,
};

/// An agent that runs.
pub(crate) struct Running {
    pub(crate) source: Source,
    pub(crate) feeding: Option<launch::Feeding>,
    /// How long it had been running when we came to it.
    pub(crate) already: Duration,
    pub(crate) since: Instant,
    pub(crate) image: ImageStamp,
    /// As in [`State`].
    pub(crate) log_size: Option<u64>,
}

/// An agent that was stopped before it started.
const CANCELLED: AgentExit = AgentExit {
    reason: ExitReason::Cancelled,
    duration: Duration::ZERO,
};

/// Runs `job`. However this ends, its container is removed, or known to the reaper.
pub(crate) async fn run(
    inner: &Arc<Inner>,
    job: &AgentJob,
    sink: &mut dyn OutputSink,
    stop: &CancellationToken,
) -> Result<AgentExit, RuntimeError> {
    let mut output = Output::new(sink, OutputLimit::new(job.max_output));
    match job.launch {
        Launch::New | Launch::TakeOver => {}
        Launch::Again => adopt::clear(inner, &job.id).await?,
    }
    if job.launch != Launch::TakeOver && stop.is_cancelled() {
        return Ok(CANCELLED);
    }
    let Some(gateway) = Gateway::open(inner, job).await? else {
        return run_inside(inner, job, &mut output, stop, None).await;
    };
    let ended = run_inside(inner, job, &mut output, stop, Some(&gateway)).await;
    if matches!(ended, Err(RuntimeError::EngineUnavailable { .. })) {
        gateway.disarm();
        return ended;
    }
    let noted = output.egress(&gateway.decisions()).await;
    match &job.leftovers {
        Some(leftovers) => leftovers.add(gateway),
        None => gateway.remove().await,
    }
    let ended = ended?;
    noted?;
    Ok(ended)
}

/// Runs `job`, whose way out is there if it is to have one.
async fn run_inside(
    inner: &Arc<Inner>,
    job: &AgentJob,
    output: &mut Output<'_>,
    stop: &CancellationToken,
    gateway: Option<&Gateway>,
) -> Result<AgentExit, RuntimeError> {
    if job.launch == Launch::TakeOver {
        return take_over(inner, job, output, stop, gateway).await;
    }
    let prompt = Prompt::open(&job.stdin).await?;
    let claimed = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(CANCELLED),
        claimed = warm::claim(inner, job, &prompt) => claimed?,
    };
    if let Some((guard, running)) = claimed {
        let ended = attend(inner, job, &guard, running, output, stop).await;
        return leave(job, guard, None, ended).await;
    }
    let way_out = async {
        match gateway {
            None => Ok(()),
            Some(gateway) => tokio::select! {
                // Seen again below.
                () = stop.cancelled() => Ok(()),
                started = gateway.start(&inner.engine) => started,
            },
        }
    };
    let creating = create::create(inner, job, &prompt, gateway, stop);
    let (created, way_out) = tokio::join!(creating, way_out);
    let Some(created) = created? else {
        return Ok(CANCELLED);
    };
    let start = async {
        way_out?;
        launch::start(inner, job, &created, prompt).await
    };
    let started = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        started = start => Some(started),
    };
    let create::Created { guard, .. } = created;
    match started {
        None => {
            guard.remove().await;
            Ok(CANCELLED)
        }
        Some(Err(error)) => {
            guard.remove().await;
            Err(error)
        }
        Some(Ok(running)) => {
            // Boxed: by far the largest part of the whole.
            let attended = Box::pin(attend(inner, job, &guard, running, output, stop));
            let ended = served(gateway, attended).await;
            artifacts::collect(inner, job, guard.id(), output, &ended).await;
            leave(job, guard, gateway, ended).await
        }
    }
}

/// Lets the agent out while it is attended.
async fn served<T>(gateway: Option<&Gateway>, attended: impl Future<Output = T>) -> T {
    let Some(gateway) = gateway else {
        return attended.await;
    };
    tokio::select! {
        ended = attended => ended,
        never = gateway.serve() => match never {},
    }
}

/// Goes on with what an earlier process of ours started.
async fn take_over(
    inner: &Inner,
    job: &AgentJob,
    output: &mut Output<'_>,
    stop: &CancellationToken,
    gateway: Option<&Gateway>,
) -> Result<AgentExit, RuntimeError> {
    match adopt::find(inner, &job.id).await? {
        None => Err(RuntimeError::Lost(
            "its container was removed by somebody else".to_owned(),
        )),
        Some(Survivor::Running {
            guard,
            already,
            state,
        }) => {
            let running = Running {
                source: Source::Log,
                feeding: None,
                already,
                since: Instant::now(),
                image: state.image,
                log_size: state.log_size,
            };
            let attended = Box::pin(attend(inner, job, &guard, running, output, stop));
            let ended = served(gateway, attended).await;
            artifacts::collect(inner, job, guard.id(), output, &ended).await;
            leave(job, guard, gateway, ended).await
        }
        Some(Survivor::Exited {
            guard,
            state,
            duration,
        }) => {
            let ended = collect(inner, guard.id(), &state, duration, output).await;
            artifacts::collect(inner, job, guard.id(), output, &ended).await;
            leave(job, guard, gateway, ended).await
        }
    }
}

/// Removes the container of an agent that has ended, or leaves that to who keeps its result. If the engine went away before
/// that, the container is left for whoever resumes the run: it may still work, or have ended with something to show.
async fn leave(
    job: &AgentJob,
    guard: Guard,
    gateway: Option<&Gateway>,
    ended: Result<AgentExit, RuntimeError>,
) -> Result<AgentExit, RuntimeError> {
    match (&ended, &job.leftovers) {
        (Err(RuntimeError::EngineUnavailable { .. }), _) => guard.disarm(),
        (_, Some(leftovers)) => leftovers.add(guard),
        (_, None) => {
            let forwarder = async {
                if let Some(gateway) = gateway {
                    gateway.remove_forwarder().await;
                }
            };
            tokio::join!(guard.remove(), forwarder);
        }
    }
    ended
}

/// Stays with an agent until it has ended and all its output is in the sink.
async fn attend(
    inner: &Inner,
    job: &AgentJob,
    guard: &Guard,
    running: Running,
    output: &mut Output<'_>,
    stop: &CancellationToken,
) -> Result<AgentExit, RuntimeError> {
    let Running {
        source,
        feeding,
        already,
        since,
        image,
        log_size,
    } = running;
    output.started_in(image);
    let engine = &inner.engine;
    let id = guard.id();
    let signals = Signals::default();

    let exceeded = output.limit().exceeded().clone();
    let log = Log { id, size: log_size };
    let take = output.take_all(engine, log, source, &signals);
    let feed = feed(engine, job, id, feeding);
    let limits = watch::Limits {
        deadline: watch::later(since, job.timeout.saturating_sub(already)),
        timeout: job.timeout,
        grace: inner.options.stop_grace,
        max_output: job.max_output,
    };
    let stops = watch::Stops {
        on_request: stop,
        exceeded: &exceeded,
    };
    let watch = async {
        let ended = watch::until_end(engine, id, limits, stops, &signals.cut).await?;
        let duration = already + since.elapsed();
        signals.ended.cancel();
        Ok::<_, RuntimeError>((ended, duration))
    };
    let feed_until_end = async {
        tokio::select! {
            fed = feed => fed,
            // It ended without reading all of its prompt; that is its own business.
            () = signals.ended.cancelled() => Ok(()),
        }
    };
    // Ends at the first error; the caller then removes the container.
    let ((), (), ((status, ended), duration)) = tokio::try_join!(take, feed_until_end, watch)?;
    let oom = status != 0
        && ended == Ended::ByItself
        && explain::failure(engine, id, job, status).await?;
    let reason = exit::reason(status, oom, ended);
    Ok(AgentExit {
        reason: output.limit().judge(reason),
        duration,
    })
}

/// Feeds a long prompt, and then renames the container, so that its name tells whether it can be taken over.
///
/// If this process dies while it feeds, the engine closes the agent's stdin, and the agent works on half a
/// prompt. Nothing that the engine keeps would tell; the name does. Renaming takes about as long as one other
/// request and happens while the agent works.
async fn feed(
    engine: &Engine,
    job: &AgentJob,
    id: &str,
    feeding: Option<launch::Feeding>,
) -> Result<(), RuntimeError> {
    if let Some(launch::Feeding { prompt, stdin }) = feeding
        && prompt::feed(prompt, stdin).await? == Fed::Whole
        && let Err(failure) = engine.rename(id, &container::name(&job.id)).await
    {
        // Then it is started again instead of taken over.
        tracing::debug!(container = id, problem = failure.problem(), "not renamed");
    }
    Ok(())
}

/// The end of an agent that ended while nobody watched.
async fn collect(
    inner: &Inner,
    id: &str,
    state: &State,
    duration: Duration,
    output: &mut Output<'_>,
) -> Result<AgentExit, RuntimeError> {
    let engine = &inner.engine;
    let signals = Signals::default();
    signals.ended.cancel();
    output.started_in(state.image.clone());
    let log = Log {
        id,
        size: state.log_size,
    };
    output.take_all(engine, log, Source::Log, &signals).await?;
    let status = state.exit_code;
    let oom = status != 0 && explain::out_of_memory(engine, id, status, state).await;
    let reason = exit::reason(status, oom, Ended::ByItself);
    Ok(AgentExit {
        reason: output.limit().judge(reason),
        duration,
    })
}
