//! Text of an agent on its way to a terminal.

use std::{io, mem};

use super::printable;

/// Passes text on without anything that a terminal would obey. What is no UTF-8 is replaced as well: some
/// terminals obey bytes that are no character.
#[derive(Debug)]
pub(super) struct Neutral<W> {
    to: W,
    /// The beginning of a character whose end has not arrived.
    begun: Vec<u8>,
}

impl<W> Neutral<W> {
    pub(super) fn new(to: W) -> Self {
        Self {
            to,
            begun: Vec::new(),
        }
    }
}

impl<W: io::Write> io::Write for Neutral<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut arrived = mem::take(&mut self.begun);
        arrived.extend_from_slice(bytes);
        let mut text = String::with_capacity(arrived.len());
        let mut chunks = arrived.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(&printable(chunk.valid()));
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && is_a_beginning(invalid) {
                self.begun = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.to.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    /// Nothing more of a character that was begun is awaited.
    fn flush(&mut self) -> io::Result<()> {
        if !mem::take(&mut self.begun).is_empty() {
            write!(self.to, "{}", char::REPLACEMENT_CHARACTER)?;
        }
        self.to.flush()
    }
}

fn is_a_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// What arrives of `text` if it comes in pieces of `size` bytes.
    fn through(text: &[u8], size: usize) -> String {
        let mut arrived = Vec::new();
        let mut neutral = Neutral::new(&mut arrived);
        for piece in text.chunks(size) {
            neutral.write_all(piece).unwrap();
        }
        neutral.flush().unwrap();
        String::from_utf8(arrived).unwrap()
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_gets_through_however_it_is_cut() {
        for (text, arrives) in [
            (&b"plain\ttext\n"[..], "plain\ttext\n"),
            (
                "\u{1b}]0;owned\u{7}\u{9b}2J\u{7f}\r".as_bytes(),
                "\u{fffd}]0;owned\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}",
            ),
            (
                "a\u{202e}b\u{2066}c\u{2069}\u{202a}".as_bytes(),
                "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}",
            ),
            ("Grüße 😀 עברית\n".as_bytes(), "Grüße 😀 עברית\n"),
            (b"\x9b2J\xff", "\u{fffd}2J\u{fffd}"),
            (b"cut \xf0\x9f\x98", "cut \u{fffd}"),
            (b"cut \xe2\x82 off", "cut \u{fffd} off"),
        ] {
            for size in 1..=text.len() {
                assert_eq!(through(text, size), arrives, "in pieces of {size}");
            }
        }
    }
}
