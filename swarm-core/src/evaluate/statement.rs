//! A verdict in plain words.
//!
//! Whoever was asked for JSON and answers in words may say anything behind the verdict: a score, why, or on what condition. What is not
//! a score or a plain reason is not understood, and so is no verdict.

use super::{
    Score, Verdict,
    claim::{Said, score_of_text, score_within},
};

/// Words that take a claim back, or limit it.
const LIMITING: &[&str] = &[
    "no",
    "not",
    "nope",
    "never",
    "none",
    "neither",
    "nor",
    "cannot",
    "false",
    "wrong",
    "without",
    "if",
    "unless",
    "except",
    "but",
    "though",
    "although",
    "however",
    "yet",
    "despite",
    "ignoring",
    "ignores",
    "ignore",
    "provided",
    "assuming",
    "supposing",
    "would",
    "could",
    "might",
    "may",
    "should",
    "otherwise",
    "only",
    "almost",
    "nearly",
    "hardly",
    "barely",
    "scarcely",
    "partly",
    "partially",
    "mostly",
    "largely",
    "somewhat",
    "maybe",
    "perhaps",
    "possibly",
    "probably",
    "unsure",
    "uncertain",
    "doubt",
    "doubtful",
    "score",
];
const YES: &[&str] = &["yes", "true"];
const NO: &[&str] = &["no", "not", "false", "never", "nope"];

/// A verdict, and the score that was said with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) verdict: Verdict,
    pub(super) score: Said<Score>,
}

impl Statement {
    /// The verdict at the beginning of a line: a whole word, perhaps with `yes`, with a score, or with a plain reason behind a colon, a dash or a
    /// full stop. So `VALID: yes`, `VALID (0.97)` and `VALID - all of it` are some, and `VALIDATION failed`, `VALID | PARTIAL`,
    /// `VALID JSON was expected`, `VALID, if one ignores that it is wrong` and `VALID (almost not)` are none. `VALID: no` is INVALID.
    ///
    /// Behind INVALID and UNKNOWN, which claim nothing, anything may stand.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (word, rest) = split_word(line.trim());
        if word.eq_ignore_ascii_case("not") {
            let (word, rest) = split_word(rest.trim_start());
            let is_claim = word.eq_ignore_ascii_case("valid") && ends_a_claim(rest);
            return is_claim.then_some(Self::from(Verdict::Invalid));
        }
        let verdict = Verdict::of_word(word).filter(|_| ends_a_claim(rest))?;
        let rest = rest.trim_start_matches(['*', '_']).trim();
        match verdict {
            Verdict::Valid | Verdict::Partial => Self::claiming(verdict, rest),
            Verdict::Invalid | Verdict::Unknown => {
                let first = words(rest).next().unwrap_or_default();
                (!is_one_of(first, NO)).then_some(Self::from(verdict))
            }
        }
    }

    /// VALID or PARTIAL, with this behind it.
    fn claiming(verdict: Verdict, rest: &str) -> Option<Self> {
        if is_end(rest) {
            return Some(Self::from(verdict));
        }
        let mut rest_of = rest.chars();
        let mark = rest_of.next()?;
        let behind = rest_of.as_str();
        let said = if mark == '(' {
            behind.trim_end_matches('.').strip_suffix(')')?.trim()
        } else {
            behind.trim()
        };
        let is_dash = matches!(mark, '-' | '–' | '—');
        if is_dash && behind.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            // Nobody knows whether that is a dash or a sign.
            return None;
        }
        if let Some(number) = number_of(said) {
            score_of_text(number)?;
            return Some(Self {
                verdict,
                score: score_within(number).into(),
            });
        }
        let bare = said.trim_end_matches(['.', '!']);
        if is_one_of(bare, YES) {
            return Some(Self::from(verdict));
        }
        if is_one_of(bare, NO) {
            return (verdict == Verdict::Valid).then_some(Self::from(Verdict::Invalid));
        }
        let is_reason = (is_dash || matches!(mark, ':' | '.'))
            && !has_number(said)
            && words(said).all(|word| Verdict::of_word(word).is_none())
            && !(verdict == Verdict::Valid && limits(said))
            && words(said).next().is_some_and(|word| !is_one_of(word, NO));
        is_reason.then_some(Self::from(verdict))
    }
}

impl From<Verdict> for Statement {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            score: Said::Nothing,
        }
    }
}

/// Whether a text has a word that takes something back, or limits it.
pub(super) fn limits(text: &str) -> bool {
    words(text).any(|word| is_one_of(word, LIMITING))
        // As in `isn't`.
        || text.to_ascii_lowercase().replace('’', "'").contains("n't")
}

/// Whether there is a number in it, which might be a score.
pub(super) fn has_number(text: &str) -> bool {
    text.contains(char::is_numeric)
}

/// What is to be a number, since it begins like one or stands behind the word score.
fn number_of(text: &str) -> Option<&str> {
    let is_score = text
        .get(..5)
        .is_some_and(|word| word.eq_ignore_ascii_case("score"));
    let number = if is_score {
        let behind = text.get(5..).unwrap_or_default();
        behind.trim_start_matches([' ', ':', '=', '*']).trim()
    } else {
        text
    };
    let number = number.trim_end_matches(['.', '*']);
    let begins = number.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    (begins || is_score).then_some(number)
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn is_end(rest: &str) -> bool {
    rest.trim_end_matches(['.', '!', '*', '_', ':'])
        .trim()
        .is_empty()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_whole_word_that_is_not_taken_back_or_limited() {
        use Verdict::{Invalid, Partial, Unknown, Valid};
        for (text, read) in [
            ("VALID", Some(Valid)),
            (" valid. ", Some(Valid)),
            ("VALID!", Some(Valid)),
            ("VALID: yes", Some(Valid)),
            ("VALID = true.", Some(Valid)),
            ("VALID** - all of it", Some(Valid)),
            ("VALID — all of it is there.", Some(Valid)),
            ("VALID. All of it is there.", Some(Valid)),
            ("VALID: no", Some(Invalid)),
            ("VALID = false", Some(Invalid)),
            ("not valid", Some(Invalid)),
            ("NOT VALID.", Some(Invalid)),
            ("PARTIAL: the end is not there", Some(Partial)),
            ("INVALID: it is not VALID", Some(Invalid)),
            ("INVALID, 0.2 at most", Some(Invalid)),
            ("unknown", Some(Unknown)),
            ("UNKNOWN: 1.0", Some(Unknown)),
            ("", None),
            ("VALIDATION failed", None),
            ("VALID_ISH", None),
            ("VALIDÉ", None),
            ("VALID | PARTIAL | INVALID", None),
            ("VALID, PARTIAL or INVALID", None),
            ("VALID/INVALID", None),
            ("VALID?", None),
            ("VALID? No.", None),
            ("VALID - INVALID", None),
            ("VALID JSON was expected", None),
            ("VALID (almost not)", None),
            ("VALID (all of it)", None),
            ("VALID, if one ignores that it is wrong", None),
            ("VALID, all of it", None),
            ("VALID; all of it", None),
            ("VALID: if one ignores that", None),
            ("VALID - isn’t it", None),
            ("VALID: it doesn't matter", None),
            ("VALID: no faults", None),
            ("VALID: yes, 0.2", None),
            ("VALID: I give it 0.2", None),
            ("VALID: the score is low", None),
            ("PARTIAL: no", None),
            ("PARTIAL, mostly VALID", None),
            ("PARTIAL: mostly VALID", None),
            ("PARTIALLY", None),
            ("INVALID: false", None),
            ("NOT INVALID", None),
            ("hardly VALID", None),
            ("IN-VALID", None),
            ("ＶＡＬＩＤ", None),
        ] {
            let statement = read.map(Statement::from);
            assert_eq!(Statement::read(text), statement, "{text:?}");
        }
    }

    #[test]
    fn a_number_behind_a_verdict_is_its_score() {
        for text in [
            "VALID: 0.1",
            "VALID (0.1)",
            "VALID (score: 0.1).",
            "VALID, 0.1",
            "VALID - 0.1",
            "VALID = .1",
            "VALID, score 0.1",
            "**VALID** (Score = 0.1)",
        ] {
            let text = text.trim_start_matches('*');
            let statement = Statement {
                verdict: Verdict::Valid,
                score: Said::This(Score::from_millionths(100_000)),
            };
            assert_eq!(Statement::read(text), Some(statement), "{text}");
        }
        for text in ["VALID: 8", "VALID: -1", "PARTIAL (1.01)"] {
            let score = Statement::read(text).map(|statement| statement.score);
            assert_eq!(score, Some(Said::Unclear), "{text}");
        }
        for text in [
            "VALID: 8/10",
            "VALID: 95%",
            "VALID -0.1",
            "VALID: 0.1 or so",
            "VALID (score: high)",
            "VALID: 1 of 3",
            "VALID (0.9",
            "VALID: 0,9",
        ] {
            assert_eq!(Statement::read(text), None, "{text}");
        }
    }
}
