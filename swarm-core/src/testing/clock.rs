//! A clock that stands still until it is told otherwise.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::time::{Clock, Timestamp};

/// Shows the time that a test has set.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.millis()))
    }

    /// Turns it to `now`, also backwards, as real clocks are.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }

    /// Turns it forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_only_when_it_is_told_to() {
        let clock = ManualClock::new(Timestamp::from_millis(5));
        assert_eq!(clock.now().millis(), 5);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().millis(), 1005);
        clock.set(Timestamp::from_millis(7));
        assert_eq!(clock.now().millis(), 7);
    }
}
