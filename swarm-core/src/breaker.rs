//! No agent is started whose provider takes no requests right now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::time::Timestamp;

/// How long a provider is left alone that does not say when it takes requests again; doubled each time in a row.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause of that sort.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// The longest pause at all. When it ends is known from the agent, who may say anything.
const LONGEST_RESET: Duration = Duration::from_hours(8 * 24);

/// What providers have said of their limits, by kind of agent. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakers(Arc<Mutex<HashMap<&'static str, Breaker>>>);

/// One provider's state: closed while it takes requests.
#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    open_until: Timestamp,
    /// How often in a row requests were refused.
    trips: u32,
}

impl Breakers {
    /// Until when no agent of `kind` may start; `None` if one may.
    pub(crate) fn open_until(&self, kind: &'static str, now: Timestamp) -> Option<Timestamp> {
        let until = self.with(kind, |breaker| breaker.open_until);
        (until > now).then_some(until)
    }

    /// Requests of an agent were refused. `reset` is when they are taken again, if it knows.
    pub(crate) fn trip(&self, kind: &'static str, now: Timestamp, reset: Option<Timestamp>) {
        self.with(kind, |breaker| {
            // Agents that were started together are refused together; that is one time, not many.
            if breaker.open_until <= now {
                breaker.trips = breaker.trips.saturating_add(1);
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << breaker.trips.saturating_sub(1).min(16));
            let until = reset
                .unwrap_or_else(|| now.plus(pause.min(LONGEST_PAUSE)))
                .min(now.plus(LONGEST_RESET));
            breaker.open_until = breaker.open_until.max(until);
        });
    }

    /// Requests of an agent were taken.
    pub(crate) fn close(&self, kind: &'static str) {
        self.with(kind, |breaker| breaker.trips = 0);
    }

    fn with<T>(&self, kind: &'static str, f: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(breakers.entry(kind).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_kind_waits_until_its_provider_takes_requests_and_no_other_kind_does() {
        let breakers = Breakers::default();
        assert_eq!(breakers.open_until("claude", at(100)), None);
        breakers.trip("claude", at(100), Some(at(5000)));
        assert_eq!(breakers.open_until("claude", at(4999)), Some(at(5000)));
        assert_eq!(breakers.open_until("claude", at(5000)), None);
        assert_eq!(breakers.open_until("codex", at(100)), None);
    }

    #[test]
    fn without_a_time_the_pause_doubles_until_requests_are_taken() {
        let breakers = Breakers::default();
        let mut now = 0;
        for pause in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            breakers.trip("claude", at(now), None);
            assert_eq!(
                breakers.open_until("claude", at(now)),
                Some(at(now + pause))
            );
            now += pause;
        }
        breakers.close("claude");
        breakers.trip("claude", at(now), None);
        assert_eq!(breakers.open_until("claude", at(now)), Some(at(now + 60)));
    }

    #[test]
    fn agents_that_are_refused_together_are_refused_once() {
        let breakers = Breakers::default();
        for second in 0..50 {
            breakers.trip("claude", at(second), None);
        }
        let until = breakers.open_until("claude", at(50)).unwrap();
        assert!(until <= at(49 + 60), "{until}");
    }

    #[test]
    fn whatever_an_agent_says_of_the_reset_is_bounded() {
        let breakers = Breakers::default();
        breakers.trip("claude", at(0), Some(Timestamp::from_millis(u64::MAX)));
        let until = breakers.open_until("claude", at(0)).unwrap();
        assert_eq!(until, at(8 * 24 * 3600));
        // The later of two counts, and one in the past opens nothing.
        breakers.trip("codex", at(100), Some(at(50)));
        assert_eq!(breakers.open_until("codex", at(100)), None);
    }
}
