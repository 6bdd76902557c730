//! What an agent wrote, in parts.

use super::transcript::Answer;

/// All that an agent wrote, and the last part of it: what it writes after its last tool call is its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    all: Answer,
    last: Answer,
    is_ended: bool,
}

impl Written {
    /// What is pushed from here on is another part.
    pub(super) fn end_part(&mut self) {
        self.is_ended = true;
    }

    pub(super) fn push(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        if self.is_ended {
            self.is_ended = false;
            self.last = Answer::default();
            if !self.all.is_empty() {
                self.all.push("\n\n");
            }
        }
        self.all.push(piece);
        self.last.push(piece);
    }

    pub(super) fn last_part(self) -> String {
        self.last.finish()
    }

    pub(super) fn all(self) -> String {
        self.all.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_the_last_that_has_text() {
        let mut written = Written::default();
        written.end_part();
        for piece in ["One ", "two."] {
            written.push(piece);
        }
        written.end_part();
        written.end_part();
        written.push("Three.");
        written.end_part();
        written.push("");
        assert_eq!(written.clone().last_part(), "Three.");
        assert_eq!(written.all(), "One two.\n\nThree.");
    }
}
