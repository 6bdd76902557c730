//! How much somebody has sent lately.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use swarm_core::time::Timestamp;

use crate::settings::{MAX_RATE, RATE_WINDOW};

/// When the last things were sent. Kept for the window only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rate(VecDeque<Timestamp>);

impl Rate {
    /// For how many seconds nothing more may be sent, if that is so.
    pub(crate) fn wait(&self, limit: Option<usize>, now: Timestamp) -> Option<u64> {
        let limit = limit?.min(MAX_RATE);
        if limit == 0 {
            return Some(RATE_WINDOW.as_secs());
        }
        let recent = self.0.iter().filter(|at| is_recent(**at, now)).count();
        if recent < limit {
            return None;
        }
        // Once this one is out of the window there is room for one more.
        let first = self.0.get(self.0.len().saturating_sub(limit))?;
        let left = RATE_WINDOW.saturating_sub(now.since(*first));
        Some(left.as_secs().saturating_add(1))
    }

    pub(crate) fn note(&mut self, now: Timestamp) {
        // From the front only: they are in order, unless the clock was set back.
        while self.0.front().is_some_and(|at| !is_recent(*at, now)) {
            self.0.pop_front();
        }
        if self.0.len() >= MAX_RATE {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }
}

/// What lies far in the future is of a clock that was wrong, and no longer counts: else nothing could be sent until then.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) < RATE_WINDOW && at.since(now) < RATE_WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Timestamp {
        Timestamp::from_millis(n * 1000)
    }

    #[test]
    fn no_more_than_the_limit_is_sent_in_any_window() {
        let mut rate = Rate::default();
        for n in 0..3 {
            assert_eq!(rate.wait(Some(3), second(n)), None);
            rate.note(second(n));
        }
        assert_eq!(rate.wait(Some(3), second(3)), Some(58));
        assert_eq!(rate.wait(Some(3), second(59)), Some(2));
        assert_eq!(rate.wait(Some(3), second(60)), None);
        rate.note(second(60));
        assert_eq!(rate.wait(Some(3), second(60)), Some(2));
        assert_eq!(rate.wait(None, second(60)), None);
    }

    #[test]
    fn a_clock_that_was_wrong_for_a_year_stops_nobody_for_a_year() {
        let mut rate = Rate::default();
        rate.note(second(31_536_000));
        assert_eq!(rate.wait(Some(1), second(10)), None);
        // A clock that is corrected by a little frees nobody.
        rate.note(second(10));
        assert!(rate.wait(Some(1), second(5)).is_some());
    }

    #[test]
    fn a_limit_of_nothing_allows_nothing() {
        assert_eq!(Rate::default().wait(Some(0), second(1)), Some(60));
    }

    #[test]
    fn who_may_send_as_much_as_it_likes_is_not_remembered_without_end() {
        let mut rate = Rate::default();
        for _ in 0..3 * MAX_RATE {
            rate.note(second(1));
        }
        assert_eq!(rate.0.len(), MAX_RATE);
    }
}
