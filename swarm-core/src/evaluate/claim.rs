//! What an evaluator claims: a verdict, a score, or both.

use serde_json::Value;

use super::{Score, Verdict, answer::Fields, statement::Statement};

const VERDICT_KEYS: &[&str] = &["verdict", "final verdict", "overall verdict"];
const SCORE_KEYS: &[&str] = &["score"];

/// What a text says of something: nothing, this, or something that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<T> {
    Nothing,
    Unclear,
    This(T),
}

impl<T: PartialEq> Said<T> {
    /// What is said by both; two that differ say nothing clear.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, said) | (said, Self::Nothing) => said,
            (Self::This(a), Self::This(b)) if a == b => Self::This(a),
            _ => Self::Unclear,
        }
    }
}

impl<T> From<Option<T>> for Said<T> {
    fn from(read: Option<T>) -> Self {
        read.map_or(Self::Unclear, Self::This)
    }
}

/// A verdict and a score as they were said. At least one of them was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) verdict: Said<Verdict>,
    pub(super) score: Said<Score>,
}

impl Claim {
    /// What an object claims; none if it has neither field.
    pub(super) fn of_object(fields: &Fields) -> Option<Self> {
        if !fields.has("verdict") && !fields.has("score") {
            return None;
        }
        let verdicts = fields.all("verdict").map(verdict_of_value);
        let scores = fields.all("score").map(score_of_value);
        Some(Self {
            verdict: verdicts.fold(Said::Nothing, Said::with),
            score: scores.fold(Said::Nothing, Said::with),
        })
    }

    /// The highest verdict and score that agree with it and with each other.
    pub(super) fn settle(self) -> (Verdict, Score) {
        let unknown = (Verdict::Unknown, Score::ZERO);
        match (self.verdict, self.score) {
            (Said::This(Verdict::Invalid), _) => (Verdict::Invalid, Score::ZERO),
            (Said::Unclear | Said::This(Verdict::Unknown), _)
            | (_, Said::Unclear)
            | (Said::Nothing, Said::Nothing) => unknown,
            (Said::This(verdict), Said::Nothing) => (verdict, verdict.default_score()),
            (Said::Nothing, Said::This(score)) => (Verdict::of_score(score), score),
            (Said::This(verdict), Said::This(score)) => {
                let score = score.min(verdict.highest_score());
                (Verdict::of_score(score), score)
            }
        }
    }

    pub(super) fn is_unclear(self) -> bool {
        self.verdict == Said::Unclear || self.score == Said::Unclear
    }

    pub(super) fn contradiction(self) -> Option<String> {
        match (self.verdict, self.score) {
            (Said::This(verdict), Said::This(score)) if self.settle() != (verdict, score) => {
                Some(format!(
                    "the evaluator says {verdict} with a score of {score}; the lower claim counts"
                ))
            }
            _ => None,
        }
    }
}

fn verdict_of_value(value: &Value) -> Said<Verdict> {
    match value {
        Value::Null => Said::Nothing,
        // A score has a field of its own.
        Value::String(text) => Statement::read(text)
            .filter(|statement| statement.score == Said::Nothing)
            .map(|statement| statement.verdict)
            .into(),
        _ => Said::Unclear,
    }
}

fn score_of_value(value: &Value) -> Said<Score> {
    match value {
        Value::Null => Said::Nothing,
        // On another scale, 8 may be good or bad: nobody knows.
        Value::Number(number) => number
            .as_f64()
            .filter(|score| (0.0..=1.0).contains(score))
            .and_then(Score::from_f64)
            .into(),
        Value::String(text) => score_within(text).into(),
        _ => Said::Unclear,
    }
}

/// A score in a text; none on another scale.
pub(super) fn score_within(text: &str) -> Option<Score> {
    let is_beyond = |score: f64| !(0.0..=1.0).contains(&score);
    score_of_text(text).filter(|_| !text.trim().parse().is_ok_and(is_beyond))
}

/// A number in a text. No `NaN`, `inf` and the like, which Rust would read.
pub(super) fn score_of_text(text: &str) -> Option<Score> {
    let text = text.trim();
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    text.parse()
        .ok()
        .filter(|_| is_number)
        .and_then(Score::from_f64)
}

/// What the prose of an answer claims, line by line.
#[derive(Debug)]
pub(super) struct ProseClaim {
    /// What its lines come to; none if no line claims anything.
    pub(super) claim: Option<Claim>,
    /// How many lines have a verdict.
    pub(super) verdicts: usize,
    /// Whether one of these lines has prose ahead of it and behind it, as a quotation would.
    pub(super) is_amid: bool,
    /// The lines that have a verdict or a score.
    pub(super) lines: Vec<String>,
    /// The others.
    pub(super) besides: Vec<String>,
    /// Whether what is claimed goes on in the line behind it, as it seems.
    pub(super) goes_on: bool,
}

impl ProseClaim {
    /// Reads what is said outright: `Verdict: VALID` or `Score: 0.5` in a line of its own, and a verdict as the first word of all.
    pub(super) fn read(prose: &str) -> Self {
        let (mut verdict, mut score) = (Said::Nothing, Said::Nothing);
        let (mut verdicts, mut claiming) = (0, Vec::new());
        let (mut lines, mut besides) = (Vec::new(), Vec::new());
        let mut goes_on = false;
        let all = prose.lines().map(undecorated);
        for (number, line) in all.filter(|line| !line.is_empty()).enumerate() {
            let claimed = behind_key(line, VERDICT_KEYS)
                .or_else(|| (number == 0).then_some(line))
                .and_then(Statement::read);
            let number = behind_key(line, SCORE_KEYS).filter(|text| score_of_text(text).is_some());
            let scored = number.map(score_within);
            if let Some(claimed) = claimed {
                verdict = verdict.with(Said::This(claimed.verdict));
                score = score.with(claimed.score);
                verdicts += 1;
            } else if let Some(scored) = scored {
                score = score.with(scored.into());
            }
            let is_claim = claimed.is_some() || scored.is_some();
            let is_behind = claiming.last() == Some(&true);
            goes_on |= is_behind && !is_claim && line.starts_with(char::is_lowercase);
            claiming.push(is_claim);
            let kind = if is_claim { &mut lines } else { &mut besides };
            kind.push(line.to_owned());
        }
        let from = claiming.iter().position(|claims| !claims);
        let until = claiming.iter().rposition(|claims| !claims);
        let is_amid = from.zip(until).is_some_and(|(from, until)| {
            let amid = claiming.get(from..=until).unwrap_or_default();
            amid.contains(&true)
        });
        Self {
            claim: (!lines.is_empty()).then_some(Claim { verdict, score }),
            verdicts,
            is_amid,
            lines,
            besides,
            goes_on,
        }
    }

    /// Those of the lines that say what they are about; a single word may be in any text.
    pub(super) fn keyed_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| {
            behind_key(line, VERDICT_KEYS).is_some() || behind_key(line, SCORE_KEYS).is_some()
        })
    }
}

/// A line without the marks of a heading, a list or emphasis.
fn undecorated(line: &str) -> &str {
    line.trim_matches(is_mark)
}

fn is_mark(c: char) -> bool {
    c.is_whitespace() || matches!(c, '#' | '*' | '_' | '-' | '•')
}

/// What stands behind one of these words and a colon or an equals sign.
fn behind_key<'l>(line: &'l str, keys: &[&str]) -> Option<&'l str> {
    let (key, value) = line.split_once([':', '='])?;
    let key = undecorated(key);
    keys.iter()
        .any(|known| known.eq_ignore_ascii_case(key))
        .then(|| {
            let plain = undecorated(value);
            let signed = value.trim_end_matches(is_mark);
            let signed = signed.get(signed.len().saturating_sub(plain.len() + 1)..);
            // The dash of a number is no mark.
            let number = signed.filter(|s| s.starts_with('-') && plain.starts_with(is_digit));
            number.unwrap_or(plain)
        })
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}
