//! Cuts what an agent prints into lines.

/// The longest line that is kept, in bytes. A longer one is passed over as a whole.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// Holds the beginning of a line until its end comes.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    /// Whether the line under way is too long.
    is_skipped: bool,
}

impl Lines {
    /// Takes the next chunk, and hands on every line that is complete, without its line break.
    pub(crate) fn add(&mut self, chunk: &[u8], mut take: impl FnMut(&[u8])) {
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        // What comes after the last line break begins a line.
        let Some(mut piece) = pieces.next() else {
            return;
        };
        for next in pieces {
            if self.is_skipped || self.begun.len() + piece.len() > MAX_LINE {
                self.is_skipped = false;
            } else if self.begun.is_empty() {
                take(piece);
            } else {
                self.begun.extend_from_slice(piece);
                take(&self.begun);
            }
            self.begun.clear();
            // One long line must not hold its memory for ever.
            self.begun.shrink_to(64 * 1024);
            piece = next;
        }
        if !self.is_skipped {
            if self.begun.len() + piece.len() > MAX_LINE {
                self.is_skipped = true;
                self.begun = Vec::new();
            } else {
                self.begun.extend_from_slice(piece);
            }
        }
    }

    /// Hands on what has no line break.
    pub(crate) fn finish(&mut self, mut take: impl FnMut(&[u8])) {
        if !self.is_skipped && !self.begun.is_empty() {
            take(&self.begun);
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.add(chunk, |line| found.push(line.to_vec()));
        }
        lines.finish(|line| found.push(line.to_vec()));
        found
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_not() {
        let long = vec![b'x'; MAX_LINE];
        for chunks in [
            [b"a\n".as_slice(), &long, b"y\nb\nc"],
            [
                b"a\n".as_slice(),
                b"y",
                &[long.as_slice(), b"\nb\nc"].concat(),
            ],
        ] {
            assert_eq!(cut(&chunks), [b"a", b"b", b"c"]);
        }
        assert_eq!(cut(&[&long]).len(), 1, "it is just not too long");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_arrive(
            text in "[ab\n]{0,60}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for place in places {
                chunks.push(&text.as_bytes()[from..place]);
                from = place;
            }
            chunks.push(&text.as_bytes()[from..]);
            let mut expected: Vec<Vec<u8>> =
                text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(cut(&chunks), expected);
        }
    }
}
