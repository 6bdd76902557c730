//! What every transcript must do, whatever its program prints.

use proptest::prelude::*;

use super::{
    AgentEvent, Conclusion, KINDS, Verdict,
    golden::{damaged, read, recorded, told},
    kind_of,
    lines::MAX_LINE,
    transcript::{MAX_MESSAGE, MAX_NAME, MAX_TEXT},
};
use crate::{
    spec::Agent,
    testing::transcript::{Understood, understand},
};

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

/// What a run understands of `chunks`.
fn understood_in(kind: &str, chunks: &[&[u8]]) -> Understood {
    let kind = kind_of(&Agent::Named(kind.to_owned())).unwrap();
    understand(kind, chunks.iter().copied()).unwrap()
}

/// `lines` with another one after the first `at`.
fn with_line(lines: &str, at: usize, line: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = lines.lines().map(str::as_bytes).collect();
    lines.insert(at, line);
    lines.join(&b'\n')
}

#[test]
fn a_line_too_long_to_keep_costs_nothing_but_itself() {
    let mut long = br#"{"type":"text","result":""#.to_vec();
    long.resize(MAX_LINE + 1, b'x');
    for Recorded { kind, success, .. } in RECORDED {
        let whole = understood_in(kind, &[success.as_bytes()]);
        let lines = with_line(success, 1, &long);
        let chunks: Vec<&[u8]> = lines.chunks(64 * 1024).collect();
        assert_eq!(understood_in(kind, &chunks), whole, "{kind}");
    }
}

/// An agent that gives everything a name of megabytes does not make us keep them.
#[test]
fn names_and_messages_are_kept_only_to_a_length() {
    let long = "é".repeat(MAX_MESSAGE);
    for Recorded {
        kind,
        success,
        failure,
        ..
    } in RECORDED
    {
        for lines in [success, failure] {
            // The value of every field that ends so.
            let stretched = lines.replace("\",\"", &format!("{long}\",\""));
            let Understood {
                conclusion, events, ..
            } = understood_in(kind, &[stretched.as_bytes(), lines.as_bytes()]);
            let conversation = conclusion.conversation;
            let mut names = conversation.denied_tools;
            names.extend(
                [conversation.session_id, conversation.model]
                    .into_iter()
                    .flatten(),
            );
            for event in events {
                match event {
                    AgentEvent::ToolCall { name } => names.push(name),
                    AgentEvent::Request { id, model, .. } => names.extend([id, model]),
                    AgentEvent::Text(_) | AgentEvent::Retry { .. } => {}
                }
            }
            assert!(names.iter().all(|name| name.len() <= MAX_NAME), "{kind}");
            assert!(conclusion.text.len() <= MAX_TEXT + 100, "{kind}");
            if let Verdict::Failed { message } | Verdict::RateLimited { message } =
                conclusion.verdict
            {
                assert!(message.len() <= MAX_MESSAGE, "{kind}");
            }
        }
    }
}

#[test]
fn a_success_after_a_failure_does_not_take_it_back() {
    for Recorded {
        kind,
        success,
        failure,
        ..
    } in RECORDED
    {
        let failed = understood_in(kind, &[failure.as_bytes()])
            .conclusion
            .verdict;
        let both = [failure.as_bytes(), b"\n", success.as_bytes()];
        assert_eq!(
            understood_in(kind, &both).conclusion.verdict,
            failed,
            "{kind}"
        );
    }
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

    /// However the engine cuts it.
    #[test]
    fn it_is_the_same_in_pieces(cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..8)) {
        for Recorded { kind, success, failure, .. } in RECORDED {
            for lines in [success.as_bytes(), failure.as_bytes()] {
                let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(lines.len())).collect();
                places.sort_unstable();
                let mut chunks = Vec::new();
                let mut rest = lines;
                for place in places.into_iter().rev() {
                    let (before, after) = rest.split_at(place);
                    chunks.push(after);
                    rest = before;
                }
                chunks.push(rest);
                chunks.reverse();
                prop_assert_eq!(understood_in(kind, &chunks), understood_in(kind, &[lines]), "{}", kind);
            }
        }
    }

    /// Of whatever bytes, UTF-8 or not.
    #[test]
    fn garbage_between_lines_changes_nothing(
        garbage in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
    ) {
        for Recorded { kind, success, .. } in RECORDED {
            let lines = with_line(success, at.index(success.lines().count() + 1), &garbage);
            let whole = understood_in(kind, &[success.as_bytes()]);
            prop_assert_eq!(understood_in(kind, &[&lines]), whole, "{}", kind);
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
