//! A program as an evaluator.

use super::{Judgement, MAX_ISSUE, MAX_REASON, Score, Verdict};
use crate::{outcome::ExitReason, plain_text::one_line};

/// So many of the last lines are told.
const TOLD: usize = 6;
const SILENT: &str = "the command failed and did not say why";

/// What a program that was given something to check says of it: valid if it succeeded, else invalid, and the issues are the last lines
/// that it wrote to its error output, or to its output if that is empty. Lines that only warn are left out.
pub fn judgement_of_exit(success: bool, stdout: &str, stderr: &str) -> Judgement {
    if success {
        return Judgement {
            verdict: Verdict::Valid,
            score: Score::ONE,
            issues: Vec::new(),
            reason: "the command succeeded".to_owned(),
        };
    }
    let mut issues = last_lines(stderr);
    if issues.is_empty() {
        issues = last_lines(stdout);
    }
    if issues.is_empty() {
        issues.push(SILENT.to_owned());
    }
    Judgement {
        verdict: Verdict::Invalid,
        score: Score::ZERO,
        reason: one_line(&issues.join("; "), MAX_REASON),
        issues,
    }
}

/// Why the end of a command says nothing of what it was to judge, if that is so.
pub fn unable_to_judge(exit: &ExitReason) -> Option<String> {
    Some(match exit {
        ExitReason::Failed { code: 126 } => {
            "the command, or a part of it, cannot be run (status 126)".to_owned()
        }
        ExitReason::Failed { code: 127 } => {
            "the command, or a part of it, was not found (status 127)".to_owned()
        }
        // As shells tell it.
        ExitReason::Failed { code } if (129..=192).contains(code) => {
            format!("the command was killed by signal {}", code - 128)
        }
        ExitReason::TimedOut { .. } => format!("the command {exit}"),
        _ => return None,
    })
}

impl Judgement {
    /// What a program that failed said, if it said anything.
    pub(crate) fn said(&self) -> Option<&str> {
        Some(self.reason.as_str()).filter(|reason| *reason != SILENT)
    }
}

fn last_lines(text: &str) -> Vec<String> {
    let is_told = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.trim().is_empty() && (!line.contains("warning") || line.contains("error"))
    };
    let lines = text.lines().rev().filter(is_told).take(TOLD);
    let mut lines: Vec<String> = lines.map(|line| one_line(line, MAX_ISSUE)).collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn success_is_valid_whatever_it_prints() {
        let judgement = judgement_of_exit(true, "INVALID", "error: no");
        assert_eq!(
            (judgement.verdict, judgement.score),
            (Verdict::Valid, Score::ONE)
        );
        assert!(judgement.issues.is_empty());
    }

    #[test]
    fn failure_tells_the_last_lines_that_do_not_only_warn() {
        let printed = "0\n1\n2\n\n  3 \nwarning: unused\n4\nwarning turned into error\n5\n";
        assert_eq!(
            judgement_of_exit(false, "not told", printed).issues,
            ["1", "2", "3", "4", "warning turned into error", "5"]
        );
        for (out, err) in [
            ("told", ""),
            ("told", " \n\n"),
            ("told\n", "Warning: unused"),
        ] {
            assert_eq!(judgement_of_exit(false, out, err).issues, ["told"]);
        }
        let silent = judgement_of_exit(false, "", "");
        assert_eq!(silent.issues, ["the command failed and did not say why"]);
        assert_eq!(
            (silent.verdict, silent.score),
            (Verdict::Invalid, Score::ZERO)
        );
    }

    proptest! {
        #[test]
        fn failure_is_never_valid_and_always_says_something_bounded(out in "(?s).{0,200}", err in "(?s).{0,200}") {
            let judgement = judgement_of_exit(false, &out, &err.repeat(50));
            prop_assert_eq!(judgement.verdict, Verdict::Invalid);
            prop_assert!(!judgement.issues.is_empty() && judgement.issues.len() <= TOLD);
            prop_assert!(judgement.issues.iter().all(|issue| issue.chars().count() <= MAX_ISSUE + 1));
        }
    }
}
