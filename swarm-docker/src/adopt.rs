//! Takes over what an earlier process of ours started.

use std::{sync::Arc, time::Duration};

use swarm_core::runtime::{AgentJob, RuntimeError};

use crate::{
    container,
    docker_runtime::Inner,
    engine::{Failure, State},
    lifecycle,
    reaper::Guard,
};

/// What is left of an earlier start.
pub(crate) enum Takeover {
    /// Nothing that can be used; nothing that runs, either.
    Nothing,
    /// It runs, and has had its whole prompt.
    Running {
        guard: Guard,
        /// Since when, by the clock of the engine.
        already: Duration,
    },
    /// It has ended.
    Exited {
        guard: Guard,
        state: State,
        /// From its start to its end, by the clock of the engine.
        duration: Duration,
    },
}

/// Finds the container of `job`. What cannot be taken over is removed.
pub(crate) async fn take_over(inner: &Inner, job: &AgentJob) -> Result<Takeover, RuntimeError> {
    let engine = &inner.engine;
    let failed = |failure: Failure| engine.error("look for an earlier container", failure);
    let mut taken = Takeover::Nothing;
    for found in lifecycle::launch::find(inner, job).await.map_err(failed)? {
        let state = engine.state(&found.id).await.map_err(failed)?;
        let whole = found.name == container::name(&job.id);
        taken = match (state, taken) {
            (Some(state), Takeover::Nothing) if whole && state.running => {
                let now = engine.time().await.map_err(failed)?;
                Takeover::Running {
                    guard: Guard::new(Arc::clone(&inner.reaper), found.id),
                    already: between(&state.started_at, &now),
                }
            }
            (Some(state), Takeover::Nothing) if whole && state.exited => Takeover::Exited {
                guard: Guard::new(Arc::clone(&inner.reaper), found.id),
                duration: between(&state.started_at, &state.finished_at),
                state,
            },
            (None, taken) => taken,
            // Never started, or cut off in the middle of its prompt, or about to go.
            (Some(_), taken) => {
                engine
                    .remove(&found.id)
                    .await
                    .map_err(|failure| engine.error("remove an earlier container", failure))?;
                taken
            }
        };
    }
    Ok(taken)
}

/// From one time of an engine to another; zero if either is none, or they are the wrong way round.
fn between(from: &str, to: &str) -> Duration {
    let (Ok(from), Ok(to)) = (
        from.parse::<jiff::Timestamp>(),
        to.parse::<jiff::Timestamp>(),
    ) else {
        return Duration::ZERO;
    };
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A moment after a time of an engine, in seconds since 1970, as engines take it.
pub(crate) fn shortly_after(time: &str) -> Option<String> {
    let time: jiff::Timestamp = time.parse().ok()?;
    let later = time.checked_add(Duration::from_millis(300)).ok()?;
    let nanos = u32::try_from(later.subsec_nanosecond()).ok()?;
    Some(format!("{}.{nanos:09}", later.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_an_engine_are_read_in_any_zone() {
        assert_eq!(
            between(
                "2026-11-21T10:00:00.5Z",
                "2026-11-21T12:00:02.123456789+02:00"
            ),
            Duration::from_nanos(1_623_456_789)
        );
        assert_eq!(between("0001-01-01T00:00:00Z", "soon"), Duration::ZERO);
        assert_eq!(
            between("2026-11-21T10:00:01Z", "2026-11-21T10:00:00Z"),
            Duration::ZERO
        );
    }

    #[test]
    fn shortly_after_is_later_than_the_time_itself() {
        assert_eq!(
            shortly_after("2026-11-21T09:30:00.900000001Z").unwrap(),
            "1795253401.200000001"
        );
        assert_eq!(shortly_after("never"), None);
    }
}
