//! Text of others, made fit for pictures.

/// The longest line of a label, in characters.
const LONGEST: usize = 60;

/// One line: without what controls a terminal, the direction of text or an XML reader, and not too long.
pub(super) fn line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut kept: String = text.chars().take(LONGEST).map(visible).collect();
    if text.chars().count() > LONGEST {
        kept.push('…');
    }
    kept
}

/// The first line of a prompt.
pub(super) fn first_line(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty());
    line(first.unwrap_or_default())
}

const fn visible(c: char) -> char {
    match c {
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'
        | '\u{ffff}'
        | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        other => other,
    }
}

/// For a quoted label of Mermaid: everything that could mean anything is written as its number.
pub(super) fn mermaid(line: &str) -> String {
    let mut out = String::new();
    for (at, c) in line.chars().enumerate() {
        // At the beginning of a line these would begin a list.
        let is_list = at < 4 && matches!(c, '.' | '-' | '+');
        if !is_list && (c.is_alphanumeric() || " .,:_-/()'$?!+…×≤·\u{fffd}".contains(c)) {
            out.push(c);
        } else {
            out.push('#');
            out.push_str(&u32::from(c).to_string());
            out.push(';');
        }
    }
    out
}

/// For a quoted label of DOT.
pub(super) fn dot(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match c {
            '\\' | '"' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

/// For the text of an XML element.
pub(super) fn xml(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_turns_text_around_or_ends_a_label_is_gone() {
        assert_eq!(line("a\u{202e}b\0c\nd"), "a\u{fffd}b\u{fffd}c d");
        assert_eq!(mermaid("x\"]; click"), "x#34;#93;#59; click");
        assert_eq!(mermaid("1. a"), "1#46; a");
        assert_eq!(dot(r#"\N" ]"#), r#"\\N\" ]"#);
        assert_eq!(xml("</text><script>"), "&lt;/text&gt;&lt;script&gt;");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_label(text: String) {
            let line = line(&text);
            let in_mermaid = mermaid(&line);
            let ends_it = in_mermaid.contains(['"', '`', '<', '[', '{', '|', '\n', '%']);
            prop_assert!(!ends_it, "{}", in_mermaid);
            let in_xml = xml(&line);
            let ends_it = in_xml.contains(['<', '>', '"', '\n']);
            prop_assert!(!ends_it, "{}", in_xml);
            let dot = dot(&line);
            let mut inside = dot.chars();
            while let Some(c) = inside.next() {
                prop_assert!(c != '"');
                if c == '\\' {
                    prop_assert!(matches!(inside.next(), Some('\\' | '"')));
                }
            }
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
