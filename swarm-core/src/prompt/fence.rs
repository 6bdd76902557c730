//! The fence that a model likes to put around a file.

/// The longest text that is looked at for a fence, in bytes; a longer one is told as it is.
pub const MAX_FENCED: usize = 16 << 20;

/// A text without the one code fence around all of it, if there is one. Blank lines around the fence go with it.
///
/// ```
/// use swarm_core::prompt::unfenced;
/// assert_eq!(unfenced("\n```rust\nfn main() {}\n```\n"), "fn main() {}\n");
/// assert_eq!(unfenced("one ```two```"), "one ```two```");
/// ```
pub fn unfenced(text: &str) -> &str {
    if text.len() > MAX_FENCED {
        return text;
    }
    inside(text).unwrap_or(text)
}

fn inside(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    let mark = ["```", "~~~"]
        .into_iter()
        .find(|mark| trimmed.starts_with(mark))?;
    let char = mark.chars().next()?;
    let opening = trimmed.len() - trimmed.trim_start_matches(char).len();
    let (first, rest) = trimmed.split_once('\n')?;
    // Backticks behind the word are inline code, no fence.
    if first.get(opening..)?.contains(char) {
        return None;
    }
    let body_end = rest.rfind('\n').map_or(0, |at| at + 1);
    let (body, last) = rest.split_at_checked(body_end)?;
    let last = last.trim();
    let closes = |line: &str| {
        let line = line.trim();
        line.len() >= opening && line.chars().all(|c| c == char)
    };
    // Another one that closes it before the end means that there are several, of which none is around all.
    (closes(last) && !body.lines().any(closes)).then_some(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_fence_around_all_of_it_is_taken_off() {
        for (text, bare) in [
            ("```\na\n```", "a\n"),
            ("```json\n{}\n```\n\n", "{}\n"),
            ("~~~\r\na\r\n~~~", "a\r\n"),
            ("````md\n```\na\n```\n````", "```\na\n```\n"),
            ("```\n```", ""),
        ] {
            assert_eq!(unfenced(text), bare, "{text:?}");
        }
        for text in [
            "",
            "```",
            "a\n```\nb\n```",
            "```\na\n```\nb",
            "```\na\n```\n```\nb\n```",
            "```a```\nb\n```",
        ] {
            assert_eq!(unfenced(text), text, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_part_of_the_text(text in "[`~ a\n]{0,30}") {
            prop_assert!(text.contains(unfenced(&text)));
        }
    }
}
