//! How good something is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error_code::{Coded, ErrorCode};

const MILLION: u32 = 1_000_000;

/// From 0 to 1 in whole millionths, so that scores compare and add up the same everywhere; written as a number.
///
/// ```
/// use swarm_core::evaluate::Score;
/// assert_eq!(Score::from_f64(0.7).unwrap().to_string(), "0.70");
/// assert_eq!(Score::from_f64(7.0), Some(Score::ONE));
/// assert_eq!(Score::from_f64(f64::NAN), None);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "f64", into = "f64")]
pub struct Score(u32);

/// A number that is no score.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} is not a score; give a number from 0 to 1")]
pub struct InvalidScore(String);

impl Coded for InvalidScore {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

impl Score {
    /// Nothing of what is wanted.
    pub const ZERO: Self = Self(0);
    /// Half of it.
    pub const HALF: Self = Self(MILLION / 2);
    /// From here on, something is [valid](super::Verdict::Valid): 0.95.
    pub const VALID: Self = Self(950_000);
    /// All of it.
    pub const ONE: Self = Self(MILLION);
    /// The most that something which is only partially valid can have.
    pub(super) const BELOW_VALID: Self = Self(Self::VALID.0 - 1);

    /// This many millionths; more than a million is cut to that.
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(if millionths > MILLION {
            MILLION
        } else {
            millionths
        })
    }

    /// The score in millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// The nearest score; none for what is not a number or infinite.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is made first"
    )]
    pub fn from_f64(value: f64) -> Option<Self> {
        let millionths = (value.clamp(0.0, 1.0) * f64::from(MILLION)).round();
        value.is_finite().then_some(Self(millionths as u32))
    }

    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

impl TryFrom<f64> for Score {
    type Error = InvalidScore;
    fn try_from(value: f64) -> Result<Self, InvalidScore> {
        Self::from_f64(value)
            .filter(|_| (0.0..=1.0).contains(&value))
            .ok_or_else(|| InvalidScore(value.to_string()))
    }
}

impl FromStr for Score {
    type Err = InvalidScore;
    fn from_str(text: &str) -> Result<Self, InvalidScore> {
        // As it was written: 1e999 is read as infinite.
        let written = text.trim();
        let number = written
            .parse::<f64>()
            .map_err(|_| InvalidScore(format!("{text:?}")))?;
        Self::try_from(number).map_err(|_| InvalidScore(written.to_owned()))
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.as_f64()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All that there is: 0.949999 must not read as 0.95.
        let digits = format!("{:06}", self.0 % MILLION);
        let (first, last) = digits.split_at(2);
        write!(
            f,
            "{}.{first}{}",
            self.0 / MILLION,
            last.trim_end_matches('0')
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_becomes_the_nearest_score() {
        for (value, millionths) in [
            (0.0, 0),
            (-0.0, 0),
            (-3.0, 0),
            (1e-9, 0),
            (0.57, 570_000),
            (0.95, 950_000),
            (1.0, 1_000_000),
            (1e300, 1_000_000),
        ] {
            assert_eq!(
                Score::from_f64(value),
                Some(Score::from_millionths(millionths))
            );
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Score::from_f64(value), None);
        }
    }

    #[test]
    fn a_score_is_shown_as_it_is() {
        for (millionths, shown) in [
            (0, "0.00"),
            (500_000, "0.50"),
            (949_999, "0.949999"),
            (1_000_000, "1.00"),
        ] {
            assert_eq!(Score::from_millionths(millionths).to_string(), shown);
        }
    }

    #[test]
    fn what_is_kept_of_a_score_is_not_cut_to_size() {
        for json in ["-0.1", "1.1", "1e999", "\"0.5\"", "null"] {
            assert!(serde_json::from_str::<Score>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_is_no_score_is_told_as_it_was_written() {
        for text in ["1e999", "1.10", "-1", "NaN"] {
            let error = text.parse::<Score>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{text} is not a score")),
                "{error}"
            );
        }
        assert!("".parse::<Score>().is_err());
    }

    proptest! {
        #[test]
        fn a_score_survives_json_and_keeps_its_order(a in 0..=MILLION, b in 0..=MILLION) {
            let (a, b) = (Score(a), Score(b));
            let json = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), a);
            prop_assert_eq!(a.cmp(&b), a.as_f64().total_cmp(&b.as_f64()));
        }
    }
}
