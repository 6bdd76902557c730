//! Text of others, made fit to be shown.

/// The first characters of `text`, without those that control a terminal or the direction of text.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let controls = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let kept = text.chars().take(most);
    kept.map(|c| if controls(c) { '\u{fffd}' } else { c })
        .collect()
}

/// The same in one line: each run of white space becomes one space. Ends with `…` if something was left out.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        let word = plain(word, most + 1);
        length += word.chars().count();
        line.push_str(&word);
        if length > most {
            line = line.chars().take(most).collect();
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_replaced() {
        assert_eq!(
            plain("a\u{1b}[2Jb\u{202e}c\0", 99),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}"
        );
        assert_eq!(plain("four", 2), "fo");
    }

    #[test]
    fn lines_are_joined_and_what_is_left_out_is_marked() {
        assert_eq!(one_line(" a\r\n\tb  c ", 5), "a b c");
        assert_eq!(one_line("a b c", 4), "a b …");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line(" \n", 3), "");
    }
}
