//! What a container printed, put together again from the log of its engine.
//!
//! An engine cuts output into lines, and long lines into pieces of 16 KiB, each with the time of its line.
//! Some versions lose the line break at the end of a line that was cut. Since all pieces of a line have one
//! time, the break is where the time changes. The only thing that cannot be known is whether the very last
//! line, if it was cut, ended with a break; none is added.

use bytes::Bytes;
use swarm_core::runtime::OutputStream;

use crate::engine::Chunk;

/// How many bytes of each stream there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    stdout: u64,
    stderr: u64,
}

impl Tally {
    pub(crate) fn of(&mut self, stream: OutputStream) -> &mut u64 {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }
}

/// Undoes the cutting, and leaves out what has been seen before.
#[derive(Debug, Default)]
pub(crate) struct Rejoin {
    skip: Tally,
    stdout: Line,
    stderr: Line,
    last: Option<Chunk>,
}

/// The line that is being put together.
#[derive(Debug, Default)]
struct Line {
    /// The time of its pieces, as long as there was no line break.
    open: Option<Bytes>,
}

impl Rejoin {
    /// Leaves out the first bytes of each stream.
    pub(crate) fn after(seen: Tally) -> Self {
        Self {
            skip: seen,
            ..Self::default()
        }
    }

    /// The last chunk of the log so far, as it was.
    pub(crate) fn last(&self) -> Option<&Chunk> {
        self.last.as_ref()
    }

    /// What `chunk` of the log adds to the output: at most a lost line break, and the piece itself.
    pub(crate) fn add(&mut self, chunk: &Chunk) -> [Chunk; 2] {
        self.last = Some(chunk.clone());
        let (time, piece) = split_time(&chunk.bytes);
        let line = match chunk.stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let lost = line.open.as_ref().is_some_and(|open| *open != time);
        line.open = (!piece.ends_with(b"\n")).then_some(time);
        let line_break = if lost {
            Bytes::from_static(b"\n")
        } else {
            Bytes::new()
        };
        [line_break, piece].map(|bytes| Chunk {
            stream: chunk.stream,
            bytes: self.unseen(chunk.stream, bytes),
        })
    }

    fn unseen(&mut self, stream: OutputStream, mut bytes: Bytes) -> Bytes {
        let skip = self.skip.of(stream);
        let seen = usize::try_from(*skip)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        *skip -= seen as u64;
        bytes.split_off(seen)
    }
}

/// `2026-11-21T10:25:18.123456789Z text` as its two parts. Without such a beginning, all of it is text.
fn split_time(bytes: &Bytes) -> (Bytes, Bytes) {
    let at = bytes.iter().take(40).position(|byte| *byte == b' ');
    if let Some(at) = at
        && at >= 20
        && bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.get(10) == Some(&b'T')
    {
        (bytes.slice(..at), bytes.slice(at + 1..))
    } else {
        (Bytes::new(), bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(second: u32, text: &str) -> Chunk {
        Chunk {
            stream: OutputStream::Stdout,
            bytes: Bytes::from(format!("2026-11-21T10:25:{second:02}.123456789Z {text}")),
        }
    }

    fn joined(rejoin: &mut Rejoin, pieces: impl IntoIterator<Item = Chunk>) -> String {
        let chunks = pieces.into_iter().flat_map(|piece| rejoin.add(&piece));
        let bytes: Vec<u8> = chunks.flat_map(|chunk| chunk.bytes).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_break_that_the_engine_lost_is_put_back() {
        let pieces = [
            piece(1, "long"),
            piece(1, "er"),
            piece(2, "next\n"),
            piece(3, "other long"),
            piece(4, "last"),
        ];
        assert_eq!(
            joined(&mut Rejoin::default(), pieces),
            "longer\nnext\nother long\nlast"
        );
    }

    #[test]
    fn a_line_break_that_the_engine_kept_is_not_doubled() {
        let pieces = [piece(1, "long"), piece(1, "er\n"), piece(2, "next\n")];
        assert_eq!(joined(&mut Rejoin::default(), pieces), "longer\nnext\n");
    }

    #[test]
    fn the_streams_do_not_disturb_each_other() {
        let mut rejoin = Rejoin::default();
        let other = Chunk {
            stream: OutputStream::Stderr,
            ..piece(2, "talk\n")
        };
        let pieces = [piece(1, "lo"), other, piece(1, "ng\n")];
        assert_eq!(joined(&mut rejoin, pieces), "lotalk\nng\n");
    }

    #[test]
    fn text_without_a_time_is_text() {
        let chunk = Chunk {
            stream: OutputStream::Stdout,
            bytes: Bytes::from_static(b"2026 was a year of many events\n"),
        };
        assert_eq!(
            joined(&mut Rejoin::default(), [chunk]),
            "2026 was a year of many events\n"
        );
    }

    proptest! {
        /// Cuts lines as the engine does and loses their breaks, then continues after any prefix.
        #[test]
        fn whatever_was_seen_the_rest_follows(
            lines in prop::collection::vec("[a-z]{1,40}", 1..8),
            seen in 0_usize..200,
        ) {
            let mut pieces = Vec::new();
            let mut whole = String::new();
            for (i, line) in lines.iter().enumerate() {
                let time = u32::try_from(i).unwrap();
                let cut: Vec<&[u8]> = line.as_bytes().chunks(16).collect();
                if let [one] = cut.as_slice() {
                    pieces.push(piece(time, &format!("{}\n", String::from_utf8_lossy(one))));
                } else {
                    pieces.extend(cut.iter().map(|part| piece(time, &String::from_utf8_lossy(part))));
                }
                whole.push_str(line);
                let known = cut.len() == 1 || i + 1 < lines.len();
                whole.push_str(if known { "\n" } else { "" });
            }
            let seen = seen.min(whole.len());
            let mut tally = Tally::default();
            *tally.of(OutputStream::Stdout) = seen as u64;
            prop_assert_eq!(joined(&mut Rejoin::after(tally), pieces), whole.split_at(seen).1);
        }
    }
}
