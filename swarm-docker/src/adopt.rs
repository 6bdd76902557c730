//! Takes over what an earlier process of ours started.

use std::{sync::Arc, time::Duration};

use swarm_core::{ids::RefId, runtime::RuntimeError};

use crate::{
    container,
    docker_runtime::Inner,
    engine::{Engine, Failure, State},
    home_folder::HomeFolder,
    lifecycle::create,
    reaper::Guard,
};

/// An agent that outlived the process which started it, and has had its whole prompt.
pub(crate) enum Survivor {
    /// It runs.
    Running {
        guard: Guard,
        /// Since when, by the clock of the engine.
        already: Duration,
        state: State,
    },
    /// It has ended.
    Exited {
        guard: Guard,
        state: State,
        /// From its start to its end, by the clock of the engine.
        duration: Duration,
    },
}

/// Whether there is one.
pub(crate) async fn is_there(inner: &Inner, id: &RefId) -> Result<bool, RuntimeError> {
    Ok(survivor(inner, id).await?.is_some())
}

/// Finds it.
pub(crate) async fn find(inner: &Inner, id: &RefId) -> Result<Option<Survivor>, RuntimeError> {
    let Some((container, state, waited)) = survivor(inner, id).await? else {
        return Ok(None);
    };
    let already = if state.running {
        let now = inner.engine.time().await;
        Some(now.map_err(|failure| failed(&inner.engine, failure))?)
    } else {
        None
    };
    let homes = inner.options.homes.as_deref();
    let home = homes.and_then(|root| HomeFolder::earlier(root, id));
    let guard = Guard::new(Arc::clone(&inner.reaper), container).with_home(home);
    Ok(Some(match already {
        Some(now) => Survivor::Running {
            guard,
            already: between(&state.started_at, &now).saturating_sub(waited),
            state,
        },
        None => Survivor::Exited {
            guard,
            duration: between(&state.started_at, &state.finished_at).saturating_sub(waited),
            state,
        },
    }))
}

/// The container that can be taken over, and for how long it had waited for its agent. Its name says that, and whether its
/// agent has had the whole prompt.
async fn survivor(
    inner: &Inner,
    id: &RefId,
) -> Result<Option<(String, State, Duration)>, RuntimeError> {
    let engine = &inner.engine;
    for found in create::find(inner, id)
        .await
        .map_err(|failure| failed(engine, failure))?
    {
        let Some(waited) = container::waited(id, &found.name) else {
            continue;
        };
        let state = engine.state(&found.id).await;
        match state.map_err(|failure| failed(engine, failure))? {
            Some(state) if state.running || state.exited && !was_killed(&state) => {
                return Ok(Some((found.id, state, waited)));
            }
            // Never started, or killed, or about to go.
            Some(_) | None => {}
        }
    }
    Ok(None)
}

/// Whether somebody killed it while nobody of us watched: an engine that stopped or restarted, and the machine with it,
/// is the usual one, and says nothing about the agent. 255 is what an engine says of an end that it has not seen.
const fn was_killed(state: &State) -> bool {
    const SIGKILL: i64 = 128 + 9;
    const SIGTERM: i64 = 128 + 15;
    const UNSEEN: i64 = 255;
    !state.oom_killed && matches!(state.exit_code, SIGKILL | SIGTERM | UNSEEN)
}

/// Removes every container of an agent.
pub(crate) async fn clear(inner: &Inner, id: &RefId) -> Result<(), RuntimeError> {
    let engine = &inner.engine;
    for found in create::find(inner, id)
        .await
        .map_err(|failure| failed(engine, failure))?
    {
        engine
            .remove(&found.id)
            .await
            .map_err(|failure| engine.error("remove an earlier container", failure))?;
    }
    Ok(())
}

fn failed(engine: &Engine, failure: Failure) -> RuntimeError {
    engine.error("look for an earlier container", failure)
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
