//! What an evaluator says of something.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Score, Verdict,
    answer::{Answer, Fields},
};
use crate::plain_text::one_line;

/// The most issues that are kept.
pub const MAX_ISSUES: usize = 20;
/// The longest issue, in characters; of a longer one the beginning is kept.
pub const MAX_ISSUE: usize = 500;
/// The longest reason, in characters; of a longer one the beginning is kept.
pub const MAX_REASON: usize = 1000;
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// What an evaluator says of something. Its verdict is [`Valid`](Verdict::Valid) if, and only if, its score is at least
/// [`Score::VALID`]; one that is invalid or unknown has the score 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Whether it is what it is meant to be.
    pub verdict: Verdict,
    /// How much of it is.
    pub score: Score,
    /// What is wrong with it, each in one line; at most [`MAX_ISSUES`].
    pub issues: Vec<String>,
    /// Why, in one line; may be empty.
    pub reason: String,
}

impl Judgement {
    /// Something of which nothing is known, and why not.
    pub fn unknown(issue: &str) -> Self {
        Self {
            verdict: Verdict::Unknown,
            score: Score::ZERO,
            issues: vec![one_line(issue, MAX_ISSUE)],
            reason: one_line(issue, MAX_REASON),
        }
    }

    /// The highest judgement that agrees with both claims, with what was said besides.
    fn new(claim: Claim, mut issues: Vec<String>, reason: String) -> Self {
        let (verdict, score) = claim.settle();
        if claim.is_unclear() {
            issues.push("the evaluator's verdict or score makes no sense".to_owned());
        } else if let Some(contradiction) = claim.contradiction() {
            issues.push(contradiction);
        }
        if issues.is_empty() && score < Score::ONE && !reason.is_empty() {
            issues.push(one_line(&reason, MAX_ISSUE));
        }
        if issues.is_empty() && verdict == Verdict::Unknown {
            issues.push("the evaluator cannot tell, and does not say why".to_owned());
        }
        let reason = if reason.is_empty() {
            one_line(&issues.join("; "), MAX_REASON)
        } else {
            reason
        };
        Self {
            verdict,
            score,
            issues,
            reason,
        }
    }
}

const UNREADABLE: &str = "the evaluator's answer has no verdict and no score that can be read";

/// Reads what an evaluator answered: `{"verdict", "score", "issues"}` or `{"score", "reason"}`, or a verdict in plain words.
///
/// What is missing follows from the rest: the score from the verdict (1, 0.5, 0 and 0), the verdict from the score. Where verdict and
/// score contradict each other, the lower claim counts: VALID with 0.2 is PARTIAL with 0.2, INVALID with 1 is INVALID with 0.
/// A verdict or a score that is there and makes no sense (`"score": "high"`, `NaN`) makes the answer UNKNOWN, never VALID. A score outside
/// of 0 to 1 is cut to that, as an issue says.
///
/// If the answer has several judgements, *the lowest* counts, and so does one that is broken (as UNKNOWN). The evaluated text may contain a
/// judgement of itself, in the hope that the evaluator repeats it: in front of its own answer, behind it, as a field of it, or so
/// that its own answer breaks. Whatever the place, it can only lower the result. Taking the last, or the first, could be played.
pub fn judgement_of_answer(text: &str) -> Judgement {
    let Some(answer) = Answer::read(text, MAX_ANSWER) else {
        return Judgement::unknown(
            "the evaluator's answer has more than 262144 bytes, or is nested too deep; it was to be one JSON object",
        );
    };
    let objects = answer.objects().filter_map(judgement_of_object);
    let mut judgements: Vec<Judgement> = objects.collect();
    if answer.has_broken("verdict") || answer.has_broken("score") {
        judgements.push(Judgement::unknown(
            "the evaluator's answer has a verdict or a score in something that is no JSON",
        ));
    }
    if let Some(claim) = claim_of_prose(&answer.prose, judgements.is_empty()) {
        let reason = if judgements.is_empty() {
            one_line(&answer.prose, MAX_REASON)
        } else {
            String::new()
        };
        judgements.push(Judgement::new(claim, Vec::new(), reason));
    }
    // What may be a quotation counts against a claim, but never as one.
    if !judgements.is_empty() {
        judgements.extend(answer.doubtful_objects().filter_map(judgement_of_object));
    }
    lowest(judgements).unwrap_or_else(|| Judgement::unknown(UNREADABLE))
}

/// The judgement that claims least; the last of those that claim the same.
fn lowest(judgements: Vec<Judgement>) -> Option<Judgement> {
    let claim = |judgement: &Judgement| (judgement.score, judgement.verdict);
    let several = judgements
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if claim(a) != claim(b)));
    let mut lowest = judgements.into_iter().rev().min_by_key(claim)?;
    if several && lowest.issues.len() < MAX_ISSUES {
        lowest.issues.push(
            "the evaluator's answer has several judgements that differ; the lowest counts"
                .to_owned(),
        );
    }
    Some(lowest)
}

fn judgement_of_object(fields: &Fields) -> Option<Judgement> {
    if !fields.has("verdict") && !fields.has("score") {
        return None;
    }
    let verdict = fields.all("verdict").map(verdict_of_value);
    let scores = || fields.all("score").map(score_of_value);
    let claim = Claim {
        verdict: verdict.fold(Said::Nothing, Said::lower),
        score: scores().fold(Said::Nothing, Said::lower),
    };
    let reason = fields.all("reason").map(text_of_value).next();
    let mut issues: Vec<String> = fields.all("issues").flat_map(issues_of_value).collect();
    let outside = fields.all("score").filter_map(Value::as_f64);
    for score in outside.filter(|score| !(0.0..=1.0).contains(score)) {
        issues.push(format!(
            "the evaluator's score is {score}, which is not between 0 and 1"
        ));
    }
    let more = issues.len().saturating_sub(MAX_ISSUES - 2);
    if more > 0 {
        // One place for this, and one for what the reader itself has to say.
        issues.truncate(MAX_ISSUES - 2);
        issues.push(format!("and {more} more"));
    }
    Some(Judgement::new(
        claim,
        issues,
        one_line(&reason.unwrap_or_default(), MAX_REASON),
    ))
}

/// What a text says of something: nothing, this, or something that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said<T> {
    Nothing,
    Unclear,
    This(T),
}

impl<T: Ord> Said<T> {
    fn lower(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, said) | (said, Self::Nothing) => said,
            (Self::This(a), Self::This(b)) => Self::This(a.min(b)),
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
struct Claim {
    verdict: Said<Verdict>,
    score: Said<Score>,
}

impl Claim {
    /// The highest verdict and score that agree with it and with each other.
    fn settle(self) -> (Verdict, Score) {
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

    fn is_unclear(self) -> bool {
        self.verdict == Said::Unclear || self.score == Said::Unclear
    }

    fn contradiction(self) -> Option<String> {
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
        Value::String(text) => Verdict::at_the_beginning_of(text).into(),
        _ => Said::Unclear,
    }
}

fn score_of_value(value: &Value) -> Said<Score> {
    match value {
        Value::Null => Said::Nothing,
        // On another scale, 8 may be good or bad: nobody knows.
        Value::Number(number) => number
            .as_f64()
            .filter(|score| *score <= 1.0)
            .and_then(Score::from_f64)
            .into(),
        Value::String(text) if text.trim().parse::<f64>().is_ok_and(|score| score > 1.0) => {
            Said::Unclear
        }
        Value::String(text) => score_of_text(text).into(),
        _ => Said::Unclear,
    }
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

fn issues_of_value(value: &Value) -> Vec<String> {
    let texts: Vec<String> = match value {
        Value::Null => Vec::new(),
        Value::Array(issues) => issues.iter().map(text_of_value).collect(),
        issue => vec![text_of_value(issue)],
    };
    let lines = texts.iter().map(|text| one_line(text, MAX_ISSUE));
    lines.filter(|line| !line.is_empty()).collect()
}

fn text_of_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// What the prose says outright, as `Verdict: VALID`, and if it is all that there is, also as the first word of the first line.
fn claim_of_prose(prose: &str, is_all: bool) -> Option<Claim> {
    let mut claim = Claim {
        verdict: Said::Nothing,
        score: Said::Nothing,
    };
    let lines = prose.lines().map(undecorated);
    for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        let verdict = behind_key(line, &["verdict", "final verdict", "overall verdict"])
            .or_else(|| (is_all && number == 0).then_some(line))
            .and_then(Verdict::at_the_beginning_of);
        if let Some(verdict) = verdict {
            claim.verdict = claim.verdict.lower(Said::This(verdict));
        } else if is_all && let Some(score) = behind_key(line, &["score"]).and_then(score_of_text) {
            claim.score = claim.score.lower(Said::This(score));
        }
    }
    (claim.verdict != Said::Nothing || claim.score != Said::Nothing).then_some(claim)
}

/// A line without the marks of a heading, a list or emphasis.
fn undecorated(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*' | '_' | '-' | '•'))
}

/// What stands behind one of these words and a colon or an equals sign.
fn behind_key<'l>(line: &'l str, keys: &[&str]) -> Option<&'l str> {
    let (key, value) = line.split_once([':', '='])?;
    let key = undecorated(key);
    keys.iter()
        .any(|known| known.eq_ignore_ascii_case(key))
        .then(|| undecorated(value))
}

#[cfg(test)]
mod tests;
