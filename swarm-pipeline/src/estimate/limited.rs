//! Numbers that may have no end.

use std::{
    ops::{Add, AddAssign},
    time::Duration,
};

use swarm_core::money::Usd;

/// A number, or none if there is no bound. Never overflows: what would, has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Most(Option<u64>);

impl Most {
    pub(super) const NOTHING: Self = Self(Some(0));
    pub(super) const UNBOUNDED: Self = Self(None);

    pub(super) const fn of(number: u64) -> Self {
        Self(Some(number))
    }

    pub(super) fn count(number: usize) -> Self {
        Self(u64::try_from(number).ok())
    }

    pub(super) fn money(amount: Usd) -> Self {
        Self::of(amount.micros())
    }

    /// Whole milliseconds, rounded up, as the time of a run is counted.
    pub(super) fn time(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos().div_ceil(1_000_000)).ok())
    }

    pub(super) const fn get(self) -> Option<u64> {
        self.0
    }

    /// An amount; none if there is no bound, or none that an amount can have.
    pub(super) fn as_money(self) -> Option<Usd> {
        self.0
            .map(Usd::from_micros)
            .filter(|amount| Some(amount.micros()) == self.0)
    }

    pub(super) fn as_time(self) -> Option<Duration> {
        self.0.map(Duration::from_millis)
    }

    pub(super) fn times(self, other: Self) -> Self {
        // Nothing, however often, is nothing.
        if self == Self::NOTHING || other == Self::NOTHING {
            return Self::NOTHING;
        }
        Self(self.0.zip(other.0).and_then(|(a, b)| a.checked_mul(b)))
    }

    /// Rounded up.
    pub(super) fn divided(self, by: usize) -> Self {
        let by = u64::try_from(by).unwrap_or(u64::MAX).max(1);
        Self(self.0.map(|number| number.div_ceil(by)))
    }

    pub(super) fn max(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a.max(b)))
    }

    /// The smaller one; no bound is larger than any.
    pub(super) fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// Not more than `limit`, if there is one.
    pub(super) fn within(self, limit: Option<Self>) -> Self {
        limit.map_or(self, |limit| self.min(limit))
    }
}

impl Add for Most {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.zip(other.0).and_then(|(a, b)| a.checked_add(b)))
    }
}

impl AddAssign for Most {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_has_no_bound_and_nothing_stays_nothing() {
        let huge = Most::of(u64::MAX);
        assert_eq!(huge + Most::of(1), Most::UNBOUNDED);
        assert_eq!(huge.times(Most::of(2)), Most::UNBOUNDED);
        assert_eq!(Most::UNBOUNDED.times(Most::NOTHING), Most::NOTHING);
        assert_eq!(Most::UNBOUNDED.min(Most::of(3)), Most::of(3));
        assert_eq!(Most::UNBOUNDED.max(Most::of(3)), Most::UNBOUNDED);
        assert_eq!(huge.as_money(), None);
    }
}
