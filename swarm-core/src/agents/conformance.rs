//! What every transcript must do, whatever its program prints.

use proptest::prelude::*;

use super::{
    AgentEvent, Conclusion, KINDS, Verdict,
    golden::{damaged, read, recorded, told},
    kind_of,
};
use crate::spec::Agent;

/// A kind, and what its program printed.
struct Recorded {
    kind: &'static str,
    /// It used tools and answered "All done.".
    success: &'static str,
    /// How many of the last lines are the success: the answer, and that it is the end.
    end: usize,
    /// Whether usage is in the end, and not in the lines before.
    tells_usage_at_its_end: bool,
    failure: &'static str,
}

const RECORDED: [Recorded; 4] = [
    Recorded {
        kind: "claude",
        success: recorded!("claude", "tools"),
        end: 1,
        tells_usage_at_its_end: true,
        failure: recorded!("claude", "turns"),
    },
    Recorded {
        kind: "codex",
        success: recorded!("codex", "tools"),
        end: 2,
        tells_usage_at_its_end: true,
        failure: recorded!("codex", "rate_limit"),
    },
    Recorded {
        kind: "gemini",
        success: recorded!("gemini", "tools"),
        end: 3,
        tells_usage_at_its_end: true,
        failure: recorded!("gemini", "cut"),
    },
    Recorded {
        kind: "opencode",
        success: recorded!("opencode", "tools"),
        end: 2,
        tells_usage_at_its_end: false,
        failure: recorded!("opencode", "api_error"),
    },
];

fn understood(kind: &str, lines: &[u8]) -> (Conclusion, Vec<AgentEvent>) {
    let kind = kind_of(&Agent::Named(kind.to_owned())).unwrap();
    read(kind.transcript().unwrap(), lines)
}

#[test]
fn no_kind_is_forgotten() {
    let tested: Vec<&str> = RECORDED.iter().map(|recorded| recorded.kind).collect();
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    assert_eq!(tested, known);
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..300)) {
        for Recorded { kind, .. } in RECORDED {
            drop(understood(kind, &line));
        }
    }

    /// A real line before the end with one byte changed, at any place, or cut there.
    #[test]
    fn a_damaged_line_loses_no_more_than_itself(
        line in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        for Recorded { kind, success, end: last, tells_usage_at_its_end, .. } in RECORDED {
            let lines = damaged(success, |len| line.index(len - last), |len| at.index(len), byte, cut);
            let (end, _) = understood(kind, &lines);
            prop_assert_eq!(end.verdict, Verdict::Succeeded, "{}", kind);
            prop_assert_eq!(end.text, "All done.", "{}", kind);
            if tells_usage_at_its_end {
                let (whole, _) = understood(kind, success.as_bytes());
                prop_assert_eq!(end.conversation.usage, whole.conversation.usage, "{}", kind);
                prop_assert_eq!(end.cost, whole.cost, "{}", kind);
            }
        }
    }

    /// A stream that ends anywhere.
    #[test]
    fn whatever_came_before_the_cut_is_kept(at in any::<prop::sample::Index>()) {
        for Recorded { kind, success, .. } in RECORDED {
            let all = success.trim_end().as_bytes();
            let (end, events) = understood(kind, all.split_at(at.index(all.len())).0);
            prop_assert_eq!(end.verdict, Verdict::Unfinished, "{}", kind);
            prop_assert_eq!(end.text.replace("\n\n", ""), told(&events), "{}", kind);
        }
    }

    #[test]
    fn a_failure_that_is_cut_is_no_success(at in any::<prop::sample::Index>()) {
        for Recorded { kind, failure, .. } in RECORDED {
            let all = failure.as_bytes();
            let (end, _) = understood(kind, all.split_at(at.index(all.len())).0);
            prop_assert_ne!(end.verdict, Verdict::Succeeded, "{}", kind);
        }
    }
}
