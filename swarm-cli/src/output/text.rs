//! Text of others on our terminal.

/// The text without anything that could move the cursor, change colours, or show itself in another order.
///
/// Agents and files write error messages and names; a terminal would obey what is in them.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if is_obeyed(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// JSON that says the same and in which nothing is left that a terminal would obey.
pub(super) fn escaped(json: String) -> String {
    if !json.chars().any(is_obeyed) {
        return json;
    }
    json.chars()
        .map(|c| match c {
            // Only inside of a string can there be any, and none of them is beyond 16 bits.
            c if is_obeyed(c) => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect()
}

fn is_obeyed(c: char) -> bool {
    c.is_control() || is_bidi(c)
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first line, cut to `width` characters.
pub(crate) fn first_line(text: &str, width: usize) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(width).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    printable(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_is_left() {
        assert_eq!(
            printable("a\x1b[31mb\rc\u{202e}d\n"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\n"
        );
    }

    #[test]
    fn json_says_the_same_when_it_is_escaped() {
        let text = "\u{1b}\u{7f}\u{9b}2J\u{202e}é\n";
        let json = escaped(serde_json::to_string(text).unwrap());
        assert_eq!(json, "\"\\u001b\\u007f\\u009b2J\\u202eé\\n\"");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(first_line("one\ntwo", 10), "one…");
        assert_eq!(first_line("abcdef", 3), "abc…");
        assert_eq!(first_line("abc", 3), "abc");
    }
}
