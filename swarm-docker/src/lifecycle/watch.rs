//! Waits for the end of an agent, and brings it about when it has to be.

use std::{pin::pin, time::Duration};

use swarm_core::{runtime::RuntimeError, spec::ByteSize};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Engine, Failure, Killed},
    exit::Ended,
};

/// How long an engine may take to kill a container.
const KILL: Duration = Duration::from_secs(30);
/// A connection that breaks sooner than this breaks for a reason that stays.
const STABLE: Duration = Duration::from_secs(1);

/// When an agent is stopped, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) deadline: Instant,
    /// What the deadline came from.
    pub(super) timeout: Duration,
    pub(super) grace: Duration,
    pub(super) max_output: ByteSize,
}

/// What is heard when an agent is to be stopped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stops<'a> {
    pub(super) on_request: &'a CancellationToken,
    /// It has printed too much.
    pub(super) exceeded: &'a CancellationToken,
}

/// Waits until the container `id` has ended, by itself or because of `limits` or `stops`. Returns its status.
/// Cancels `cut` if a connection to the engine was cut meanwhile.
pub(super) async fn until_end(
    engine: &Engine,
    id: &str,
    limits: Limits,
    stops: Stops<'_>,
    cut: &CancellationToken,
) -> Result<(i64, Ended), RuntimeError> {
    let lost = |failure: Failure| engine.lost(&failure);
    let mut wait = pin!(patiently(engine, id, cut));
    let cause = tokio::select! {
        biased;
        status = &mut wait => return Ok((status.map_err(lost)?, Ended::ByItself)),
        () = stops.on_request.cancelled() => Ended::OnRequest,
        () = stops.exceeded.cancelled() => Ended::AtOutputLimit(limits.max_output),
        () = sleep_until(limits.deadline) => Ended::AtTimeout(limits.timeout),
    };

    // The grace period does not wait for the answer to the signal: a busy engine would prolong it.
    let mut ended = cause;
    {
        let grace_over = later(Instant::now(), limits.grace);
        let mut term = pin!(engine.kill(id, "SIGTERM"));
        let mut asked = false;
        loop {
            tokio::select! {
                biased;
                status = &mut wait => return Ok((status.map_err(lost)?, ended)),
                killed = &mut term, if !asked => {
                    asked = true;
                    if killed == Ok(Killed::NotRunning) {
                        ended = Ended::ByItself;
                    }
                }
                () = sleep_until(grace_over) => break,
            }
        }
    }

    let kill = async {
        match engine.kill(id, "SIGKILL").await {
            Ok(_) => wait.await,
            Err(failure) => Err(failure),
        }
    };
    match timeout(KILL, kill).await {
        Ok(status) => Ok((status.map_err(lost)?, ended)),
        Err(_) => Err(lost(Failure::TimedOut)),
    }
}

/// `duration` after `since`, or so late that nobody will see it: the clock does not reach as far as a
/// duration does.
pub(super) fn later(since: Instant, duration: Duration) -> Instant {
    const YEARS: Duration = Duration::from_hours(24 * 365 * 10);
    since + duration.min(YEARS)
}

/// Waits across connections that something on the way cut because they were idle.
async fn patiently(engine: &Engine, id: &str, cut: &CancellationToken) -> Result<i64, Failure> {
    loop {
        let asked = Instant::now();
        match engine.wait(id).await {
            Err(Failure::Unreachable(_)) if asked.elapsed() >= STABLE => cut.cancel(),
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timeout_beyond_the_clock_is_merely_far_away() {
        let now = Instant::now();
        assert!(later(now, Duration::MAX) > now + Duration::from_hours(24 * 365));
        assert_eq!(
            later(now, Duration::from_secs(3)),
            now + Duration::from_secs(3)
        );
    }
}
