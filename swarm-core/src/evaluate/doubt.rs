//! Whether the judgement in an answer may be the words of somebody else.

use super::{
    Score, Verdict,
    answer::{Answer, Found},
    claim::{ProseClaim, Said},
    statement::{has_number, limits},
};

/// The most characters that may be ahead of a judgement in JSON.
const MAX_AHEAD: usize = 1000;
/// What would have been without doubt.
const WANTED: &str = "it was to print one JSON object and nothing else";

/// Why it is not certain that an answer says this of what it is about; `objects` are all those that say so.
///
/// Whoever gains by a quotation wants a high claim, so the higher it is, the less may be around it: INVALID only has
/// to be the only claim; what is worth something must not look like a quotation; and no other verdict at all, in capitals or
/// not, quoted or not, may be in an answer that is VALID.
pub(super) fn doubt(
    answer: &Answer<'_>,
    objects: &[&Found],
    prose: &ProseClaim,
    (verdict, score): (Verdict, Score),
) -> Option<String> {
    let says = format!("the evaluator says {verdict} with a score of {score}");
    if !objects.is_empty()
        && let Some(claim) = prose.claim
    {
        let is_same = [Said::Nothing, Said::This(verdict)].contains(&claim.verdict)
            && [Said::Nothing, Said::This(score)].contains(&claim.score);
        if !is_same {
            return Some(format!(
                "{says} in JSON, and something else in words; {WANTED}"
            ));
        }
    }
    if let Some(last) = objects.last()
        && score > Score::ZERO
        && let Some(place) = misplaced(answer, last)
    {
        return Some(format!(
            "{says} {place}, which may be a quotation; {WANTED}"
        ));
    }
    if objects.is_empty() && score > Score::ZERO {
        let is_limited = verdict == Verdict::Valid && limits(answer.text);
        if is_limited || prose.goes_on || prose.besides.iter().any(|line| has_number(line)) {
            return Some(format!(
                "{says}, and something beside that which may take it back; {WANTED}"
            ));
        }
    }
    if verdict == Verdict::Valid {
        if objects.is_empty() && prose.is_amid {
            return Some(format!(
                "{says} in the midst of other lines, which may be a quotation; {WANTED}"
            ));
        }
        let said = around(answer.text, objects).into_iter().flat_map(verdicts);
        let others = said.count().saturating_sub(prose.verdicts);
        return (others > 0).then(|| {
            format!("{says}, and has another verdict around that, or speaks of one; {WANTED}")
        });
    }
    if score == Score::ZERO {
        return None;
    }
    // VALID with a score of 0.3 is PARTIAL, and was said in words.
    let is_said = |other| {
        prose
            .claim
            .is_some_and(|claim| claim.verdict == Said::This(other))
    };
    let other = verdicts(&answer.prose).find(|&(other, is_loud)| {
        other != verdict && !is_said(other) && (is_loud || other == Verdict::Invalid)
    });
    other.map(|(other, _)| format!("{says}, and also speaks of {other}; {WANTED}"))
}

/// Where a judgement in JSON is, if that is where no answer would be.
fn misplaced(answer: &Answer<'_>, last: &Found) -> Option<&'static str> {
    let behind = answer.text.get(last.range.end..).unwrap_or_default();
    let is_mark = |c: char| c.is_whitespace() || c == '`';
    if !behind.trim_matches(is_mark).is_empty() {
        return Some("and goes on behind that");
    }
    let ahead = answer.prose.get(..last.place).unwrap_or_default();
    if ahead.chars().filter(|c| !c.is_whitespace()).count() > MAX_AHEAD {
        return Some("behind a long text");
    }
    let line = ahead.rsplit('\n').next().unwrap_or_default();
    let line = line.trim_matches(|c: char| c.is_whitespace() || "*_#-•\u{fffc}".contains(c));
    (!line.is_empty() && !line.ends_with([':', '='])).then_some("in a sentence")
}

/// What is ahead of the last object and behind it, where the same may be there several times in a row.
fn around<'t>(text: &'t str, objects: &[&Found]) -> [&'t str; 2] {
    let end = objects.last().map_or(0, |last| last.range.end);
    let mut start = end;
    for found in objects.iter().rev() {
        let between = text.get(found.range.end..start).unwrap_or_default();
        if !between.trim().is_empty() {
            break;
        }
        start = found.range.start;
    }
    [0..start, end..text.len()].map(|part| text.get(part).unwrap_or_default())
}

/// The verdicts that a text speaks of, and whether it does in capitals.
fn verdicts(text: &str) -> impl Iterator<Item = (Verdict, bool)> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut last = "";
    words
        .filter(|word| !word.is_empty())
        .filter_map(move |word| {
            let is_denied = std::mem::replace(&mut last, word).eq_ignore_ascii_case("not");
            let is_loud = word.chars().all(char::is_uppercase);
            match Verdict::of_word(word)? {
                Verdict::Valid if is_denied => Some((Verdict::Invalid, is_loud)),
                verdict => Some((verdict, is_loud)),
            }
        })
}
