//! Whether something is what it is meant to be.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Score;

/// What an evaluator finds. The order is from the least claim to the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// It cannot be told: there is no answer, or it cannot be read.
    Unknown,
    /// It is not what it is meant to be.
    Invalid,
    /// It is in part.
    Partial,
    /// It is: its score is at least [`Score::VALID`].
    Valid,
}

impl Verdict {
    /// The verdict that goes with a score.
    pub fn of_score(score: Score) -> Self {
        if score >= Score::VALID {
            Self::Valid
        } else if score > Score::ZERO {
            Self::Partial
        } else {
            Self::Invalid
        }
    }

    /// The score of something of which nothing but the verdict is known.
    pub const fn default_score(self) -> Score {
        match self {
            Self::Valid => Score::ONE,
            Self::Partial => Score::HALF,
            Self::Invalid | Self::Unknown => Score::ZERO,
        }
    }

    /// The highest score that goes with the verdict.
    pub(super) const fn highest_score(self) -> Score {
        match self {
            Self::Valid => Score::ONE,
            Self::Partial => Score::BELOW_VALID,
            Self::Invalid | Self::Unknown => Score::ZERO,
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Partial => "PARTIAL",
            Self::Invalid => "INVALID",
            Self::Unknown => "UNKNOWN",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        [Self::Valid, Self::Partial, Self::Invalid, Self::Unknown]
            .into_iter()
            .find(|verdict| verdict.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_verdict_is_kept_in_capitals() {
        assert_eq!(
            serde_json::to_string(&Verdict::Partial).unwrap(),
            "\"PARTIAL\""
        );
    }

    proptest! {
        #[test]
        fn a_verdict_and_its_default_score_go_together(millionths in 0..=1_000_000_u32) {
            let score = Score::from_millionths(millionths);
            let verdict = Verdict::of_score(score);
            prop_assert_eq!(verdict == Verdict::Valid, score >= Score::VALID);
            prop_assert_eq!(Verdict::of_score(verdict.default_score()), verdict);
            prop_assert!(score <= verdict.highest_score());
        }
    }
}
