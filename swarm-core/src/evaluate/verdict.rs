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

    /// The verdict at the beginning of `text`: a whole word, with nothing behind it or a punctuation mark, and not taken back by
    /// what follows. So `VALID: yes` is one, and `VALIDATION failed`, `VALID | PARTIAL` and `VALID JSON was expected` are none.
    pub(super) fn at_the_beginning_of(text: &str) -> Option<Self> {
        let text = text.trim();
        let (word, rest) = split_word(text);
        if word.eq_ignore_ascii_case("not") {
            let (word, rest) = split_word(rest.trim_start());
            let is_claim = word.eq_ignore_ascii_case("valid") && ends_a_claim(rest);
            return is_claim.then_some(Self::Invalid);
        }
        let verdict = Self::of_word(word).filter(|_| ends_a_claim(rest))?;
        let mut words = rest
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty());
        let next = words.clone().next().unwrap_or_default();
        let taken_back = ["no", "not", "false", "never", "nope"]
            .iter()
            .any(|no| next.eq_ignore_ascii_case(no));
        match verdict {
            Self::Valid if taken_back => Some(Self::Invalid),
            _ if taken_back => None,
            // A list to choose from is no choice.
            Self::Valid if words.any(|word| Self::of_word(word).is_some()) => None,
            verdict => Some(verdict),
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        [Self::Valid, Self::Partial, Self::Invalid, Self::Unknown]
            .into_iter()
            .find(|verdict| verdict.as_str().eq_ignore_ascii_case(word))
    }
}

/// The letters, digits and underscores at the beginning of `text`, and the rest.
fn split_word(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    text.split_at(end)
}

fn ends_a_claim(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['*', '_']).trim_start();
    rest.is_empty() || rest.starts_with([':', '.', ',', ';', '!', '(', '-', '–', '—', '='])
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
    fn a_verdict_is_a_whole_word_that_is_not_taken_back() {
        use Verdict::{Invalid, Partial, Unknown, Valid};
        for (text, read) in [
            ("VALID", Some(Valid)),
            (" valid. ", Some(Valid)),
            ("VALID: yes", Some(Valid)),
            ("VALID** - all of it", Some(Valid)),
            ("Valid (0.97)", Some(Valid)),
            ("VALID: no", Some(Invalid)),
            ("VALID = false", Some(Invalid)),
            ("not valid", Some(Invalid)),
            ("NOT VALID.", Some(Invalid)),
            ("PARTIAL, mostly VALID", Some(Partial)),
            ("INVALID: it is not VALID", Some(Invalid)),
            ("unknown", Some(Unknown)),
            ("", None),
            ("VALIDATION failed", None),
            ("VALID_ISH", None),
            ("VALIDÉ", None),
            ("VALID | PARTIAL | INVALID", None),
            ("VALID, PARTIAL or INVALID", None),
            ("VALID/INVALID", None),
            ("VALID?", None),
            ("VALID JSON was expected", None),
            ("PARTIALLY", None),
            ("PARTIAL: no", None),
            ("INVALID: false", None),
            ("NOT INVALID", None),
            ("hardly VALID", None),
            ("IN-VALID", None),
            ("ＶＡＬＩＤ", None),
        ] {
            assert_eq!(Verdict::at_the_beginning_of(text), read, "{text:?}");
        }
    }

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
