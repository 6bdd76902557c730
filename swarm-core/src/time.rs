//! Wall-clock time, and where it comes from.

use std::{fmt, time::Duration};

use jiff::fmt::strtime;
use serde::{Deserialize, Serialize};

/// A point in time: whole milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// This many milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The point in time that an ISO 8601 text with an offset names, such as `2026-11-21T09:30:00.250Z`; `None` if it names none, or one
    /// before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(at.as_millisecond()).ok().map(Self)
    }

    /// How long after `earlier` this is; zero if it is before.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

/// `2026-11-21T09:30:00Z`
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.seconds()).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_second(seconds)
            .and_then(|time| strtime::format("%Y-%m-%dT%H:%M:%SZ", time))
        {
            Ok(text) => f.write_str(&text),
            Err(_) => write!(f, "{seconds}s"),
        }
    }
}

/// Tells the time. Everything that needs it is given one, so that a test can hold it still.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = jiff::Timestamp::now().as_millisecond();
        Timestamp(u64::try_from(millis).unwrap_or(0))
    }
}

/// Durations as a number of seconds in JSON.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    /// Writes whole seconds as an integer, anything else with its fraction.
    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        if duration.subsec_nanos() == 0 {
            duration.as_secs().serialize(to)
        } else {
            duration.as_secs_f64().serialize(to)
        }
    }

    /// Reads a number of seconds that is neither negative nor absurd.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected a number of seconds")]
        enum Written {
            Seconds(f64),
        }
        let Written::Seconds(seconds) = Written::deserialize(from)?;
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| D::Error::custom(format!("{seconds} is not a number of seconds")))
    }

    /// The same for a value that may be absent.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserializer, Serializer};

        /// Writes a number of seconds or null.
        pub fn serialize<S: Serializer>(d: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
            match d {
                Some(duration) => super::serialize(duration, to),
                None => to.serialize_none(),
            }
        }

        /// Reads a number of seconds or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(f: D) -> Result<Option<Duration>, D::Error> {
            #[derive(serde::Deserialize)]
            struct Seconds(#[serde(with = "super")] Duration);
            let value: Option<Seconds> = serde::Deserialize::deserialize(f)?;
            Ok(value.map(|Seconds(duration)| duration))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_shown_in_utc() {
        assert_eq!(
            Timestamp::from_millis(1_795_253_400_250).to_string(),
            "2026-11-21T09:30:00Z"
        );
    }

    #[test]
    fn later_never_counts_as_negative() {
        let early = Timestamp::from_millis(1_000);
        assert_eq!(
            early.since(early.plus(Duration::from_secs(5))),
            Duration::ZERO
        );
    }
}
