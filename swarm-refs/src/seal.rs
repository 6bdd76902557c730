//! The sealed form of a file: a header line, then one Fernet token per line for each mebibyte.
//!
//! Within each token, before the plaintext of the chunk, stand what the file belongs to, the number of the chunk and
//! whether it is the last: a file whose lines were moved, dropped, repeated, or taken from elsewhere does not open.

use std::io::{self, BufRead, Read as _, Write};

use swarm_core::hash;

use crate::keyring::{Key, KeyId};

const CHUNK: usize = 1024 * 1024;
const HEADER: &str = "swarm sealed 1 ";
/// More than a token of a whole chunk takes.
const MAX_LINE: u64 = 2 * 1024 * 1024;
const TAG: usize = 64;
/// Tag, number of the chunk, last or not.
const PREFIX: usize = TAG + 8 + 1;

/// Why a sealed file does not open.
#[derive(Debug)]
pub(crate) enum Unsealable {
    /// It was changed, or sealed with another key.
    Damaged(&'static str),
    /// It could not be read.
    Read(io::Error),
    /// What was in it could not be written.
    Write(io::Error),
}

/// Seals what is written to it. Holds one chunk in memory.
pub(crate) struct SealWriter<'k, W> {
    to: W,
    key: &'k Key,
    tag: String,
    number: u64,
    chunk: Vec<u8>,
}

impl<'k, W: Write> SealWriter<'k, W> {
    /// Starts a sealed file; `what` says to which ref and part of it the file belongs.
    pub(crate) fn new(mut to: W, key: &'k Key, what: &str) -> io::Result<Self> {
        writeln!(to, "{HEADER}{}", key.id.as_str())?;
        let mut writer = Self {
            to,
            key,
            tag: hash::hex(what.as_bytes()),
            number: 0,
            chunk: Vec::new(),
        };
        writer.start_chunk();
        Ok(writer)
    }

    fn start_chunk(&mut self) {
        self.chunk.clear();
        self.chunk.extend_from_slice(self.tag.as_bytes());
        self.chunk.extend_from_slice(&self.number.to_be_bytes());
        self.chunk.push(0);
    }

    fn end_chunk(&mut self, last: bool) -> io::Result<()> {
        if let Some(flag) = self.chunk.get_mut(PREFIX - 1) {
            *flag = u8::from(last);
        }
        let token = self.key.cipher.encrypt(&self.chunk);
        self.to.write_all(token.as_bytes())?;
        self.to.write_all(b"\n")?;
        self.number += 1;
        self.start_chunk();
        Ok(())
    }

    /// Writes the last chunk. Without it the file does not open.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.end_chunk(true)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for SealWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.chunk.len() == PREFIX + CHUNK {
            self.end_chunk(false)?;
        }
        let room = (PREFIX + CHUNK - self.chunk.len()).min(bytes.len());
        self.chunk
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// By which key `from` is sealed. Leaves the reader after the header.
pub(crate) fn read_header(from: &mut impl BufRead) -> Result<KeyId, Unsealable> {
    let mut line = Vec::new();
    let read = from.take(128).read_until(b'\n', &mut line);
    read.map_err(Unsealable::Read)?;
    let line = std::str::from_utf8(&line).ok();
    let id = line
        .and_then(|line| line.strip_suffix('\n')?.strip_prefix(HEADER))
        .and_then(KeyId::parse);
    id.ok_or(Unsealable::Damaged(
        "its first line is not that of a sealed file",
    ))
}

/// Writes what was sealed in `from`, from after its header, to `to`; returns how many bytes.
///
/// Each chunk is checked before any of it is written, the end only at the end: after an error, what was written is
/// a true beginning and nothing more.
pub(crate) fn unseal(
    from: &mut impl BufRead,
    key: &Key,
    what: &str,
    to: &mut dyn Write,
) -> Result<u64, Unsealable> {
    const WRONG: Unsealable = Unsealable::Damaged("it was changed since it was sealed");
    let tag = hash::hex(what.as_bytes());
    let (mut number, mut size, mut ended) = (0_u64, 0_u64, false);
    loop {
        let mut line = Vec::new();
        let read = from.take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(Unsealable::Read)? == 0 {
            break;
        }
        if ended {
            return Err(Unsealable::Damaged("there is more in it than was sealed"));
        }
        let token = std::str::from_utf8(&line)
            .ok()
            .and_then(|line| line.strip_suffix('\n'));
        let chunk = token
            .and_then(|token| key.cipher.decrypt(token).ok())
            .ok_or(WRONG)?;
        let (prefix, data) = chunk.split_at_checked(PREFIX).ok_or(WRONG)?;
        let (own, place) = prefix.split_at_checked(TAG).ok_or(WRONG)?;
        let (at, last) = place.split_at_checked(8).ok_or(WRONG)?;
        if own != tag.as_bytes() || at != number.to_be_bytes() {
            return Err(Unsealable::Damaged(
                "its parts were moved, or taken from elsewhere",
            ));
        }
        to.write_all(data).map_err(Unsealable::Write)?;
        size += data.len() as u64;
        number += 1;
        ended = last == [1];
    }
    if ended {
        Ok(size)
    } else {
        Err(Unsealable::Damaged("its end is missing"))
    }
}

#[cfg(test)]
mod tests {
    use fernet::Fernet;
    use proptest::prelude::*;

    use super::*;

    fn key() -> Key {
        Key {
            id: KeyId::parse("0123456789ab").unwrap(),
            cipher: Fernet::new(&Fernet::generate_key()).unwrap(),
        }
    }

    fn sealed(key: &Key, what: &str, text: &[u8]) -> Vec<u8> {
        let mut writer = SealWriter::new(Vec::new(), key, what).unwrap();
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn opened(key: &Key, what: &str, mut sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        read_header(&mut sealed)?;
        let mut text = Vec::new();
        unseal(&mut sealed, key, what, &mut text)?;
        Ok(text)
    }

    fn lines(sealed: &[u8]) -> Vec<&[u8]> {
        sealed.split_inclusive(|&b| b == b'\n').collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_bytes_in_any_pieces_come_back(pieces in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..2000), 0..8
        )) {
            let key = key();
            let mut writer = SealWriter::new(Vec::new(), &key, "a").unwrap();
            for piece in &pieces {
                writer.write_all(piece).unwrap();
            }
            let sealed = writer.finish().unwrap();
            prop_assert_eq!(opened(&key, "a", &sealed).unwrap(), pieces.concat());
        }

        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let key = key();
            let text = b"some text that matters";
            let mut sealed = sealed(&key, "a", text);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            // The id of the key in the header is checked by whoever looks the key up.
            if let Ok(opened) = opened(&key, "a", &sealed) {
                prop_assert_eq!(opened, text);
                prop_assert!(at < lines(&sealed)[0].len());
            }
        }
    }

    #[test]
    fn sizes_around_a_chunk_come_back() {
        let key = key();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7] {
            let text: Vec<u8> = (0..=250_u8).cycle().take(size).collect();
            let sealed = sealed(&key, "a", &text);
            assert_eq!(
                lines(&sealed).len(),
                1 + size.div_ceil(CHUNK).max(1),
                "{size}"
            );
            assert!(opened(&key, "a", &sealed).unwrap() == text, "{size}");
        }
    }

    #[test]
    fn chunks_that_were_moved_dropped_repeated_or_mixed_are_noticed() {
        let key = key();
        let text = vec![b'x'; 3 * CHUNK + 5];
        let one = sealed(&key, "a", &text);
        let other = sealed(&key, "b", &text);
        let (a, b) = (lines(&one), lines(&other));
        let cases: [(&str, Vec<&[u8]>); 8] = [
            ("swapped", vec![a[0], a[2], a[1], a[3], a[4]]),
            ("cut", vec![a[0], a[1], a[2], a[3]]),
            ("empty", vec![a[0]]),
            ("without its first", vec![a[0], a[2], a[3], a[4]]),
            ("repeated", vec![a[0], a[1], a[1], a[2], a[3], a[4]]),
            ("prolonged", vec![a[0], a[1], a[2], a[3], a[4], a[4]]),
            ("mixed", vec![a[0], a[1], b[2], a[3], a[4]]),
            ("of another", b.clone()),
        ];
        for (how, lines) in cases {
            let opened = opened(&key, "a", &lines.concat());
            assert!(matches!(opened, Err(Unsealable::Damaged(_))), "{how}");
        }
    }

    #[test]
    fn another_key_does_not_open_it() {
        let sealed = sealed(&key(), "a", b"text");
        assert!(matches!(
            opened(&key(), "a", &sealed),
            Err(Unsealable::Damaged(_))
        ));
    }
}
