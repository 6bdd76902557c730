//! What an evaluator says of something.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Score, Verdict,
    answer::{Answer, Fields, Found},
    claim::{Claim, ProseClaim},
    doubt::doubt,
    quotation::Quotation,
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
            issues.push(
                "the evaluator's verdict or score makes no sense, or is there twice and differs"
                    .to_owned(),
            );
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
const TOO_LONG: &str = "the evaluator's answer has more than 262144 bytes, or is nested too deep; it was to be one JSON object";
const BROKEN: &str = "the evaluator's answer has a verdict or a score in something that is no JSON";
const REPEATED: &str = "the evaluator's judgement is in the artifact, too, word for word, so it may be a quotation of it; let another \
                        evaluator judge, or take the judgement out of the artifact";

/// Reads what an evaluator answered: `{"verdict", "score", "issues"}` or `{"score", "reason"}`, or a verdict in plain words.
///
/// What is missing follows from the rest: the score from the verdict (1, 0.5, 0 and 0), the verdict from the score. Where verdict and
/// score contradict each other, the lower claim counts: VALID with 0.2 is PARTIAL with 0.2, INVALID with 1 is INVALID with 0.
/// A verdict or a score that is there and makes no sense (`"score": "high"`, `NaN`) makes the answer UNKNOWN, never VALID, and so does a score
/// outside of 0 to 1.
///
/// The evaluated text may contain a judgement of itself, in the hope that the evaluator repeats it. Therefore an answer counts only if it
/// cannot be understood in two ways, and is UNKNOWN else, with an issue that says why: two judgements that differ; a broken one; JSON that
/// is worth something and stands in a sentence, or has prose behind it; a verdict in words that differs. What is VALID says so in one
/// place: any other verdict around it, be it in a quotation, makes it UNKNOWN.
pub fn judgement_of_answer(text: &str) -> Judgement {
    read(text).0
}

/// The same, and UNKNOWN if the judgement is worth something and stands word for word in the artifact that it is about: then the
/// evaluator may have done nothing but repeat it.
///
/// # Errors
///
/// If the artifact cannot be read. It is read as a stream.
pub fn judgement_about(text: &str, artifact: impl io::Read) -> io::Result<Judgement> {
    let (judgement, quotation) = read(text);
    let may_be_quoted = judgement.score > Score::ZERO;
    match quotation.filter(|_| may_be_quoted) {
        Some(quotation) if quotation.is_in(artifact)? => Ok(Judgement::unknown(REPEATED)),
        _ => Ok(judgement),
    }
}

/// The judgement, and the words that it rests on.
fn read(text: &str) -> (Judgement, Option<Quotation>) {
    let unknown = |problem: &str| (Judgement::unknown(problem), None);
    let Some(answer) = Answer::read(text, MAX_ANSWER) else {
        return unknown(TOO_LONG);
    };
    if answer.has_broken("verdict") || answer.has_broken("score") {
        return unknown(BROKEN);
    }
    let prose = ProseClaim::read(&answer.prose);
    let values = answer.values.iter();
    let judging: Vec<(&Found, Judgement)> = values
        .filter_map(|found| Some((found, judgement_of_object(found.json.as_object()?)?)))
        .collect();
    let (judgement, quotation) = match (judging.last(), prose.claim) {
        (Some((found, judgement)), _) => {
            let json = answer.text.get(found.range.clone());
            (judgement.clone(), Quotation::of([json.unwrap_or_default()]))
        }
        (None, Some(claim)) => {
            let reason = one_line(&answer.prose, MAX_REASON);
            let quotation = Quotation::of(prose.keyed_lines());
            (Judgement::new(claim, Vec::new(), reason), quotation)
        }
        (None, None) => return unknown(UNREADABLE),
    };
    let doubtful = answer.doubtful_objects().filter_map(judgement_of_object);
    let mut others = judging
        .iter()
        .map(|(_, other)| other.clone())
        .chain(doubtful);
    let claim = |judgement: &Judgement| (judgement.verdict, judgement.score);
    if let Some(other) = others.find(|other| claim(other) != claim(&judgement)) {
        let (a, b) = (claim(&other), claim(&judgement));
        return unknown(&format!(
            "the evaluator's answer has several judgements that differ, {} with a score of {} and {} with {}; it was to be one JSON object",
            a.0, a.1, b.0, b.1
        ));
    }
    if judgement.verdict == Verdict::Unknown {
        return (judgement, None);
    }
    let objects: Vec<&Found> = judging.iter().map(|(found, _)| *found).collect();
    match doubt(&answer, &objects, &prose, claim(&judgement)) {
        Some(problem) => unknown(&problem),
        None => (judgement, quotation),
    }
}

fn judgement_of_object(fields: &Fields) -> Option<Judgement> {
    let claim = Claim::of_object(fields)?;
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

#[cfg(test)]
mod tests;
