//! Words of an answer, looked for in what it is about.

use std::io::{self, ErrorKind, Read};

/// How much of an artifact is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Pieces of an answer, without what a copy may change: white space, capitals and the backslashes of a string.
#[derive(Debug)]
pub(super) struct Quotation(Vec<String>);

impl Quotation {
    /// None if there is nothing to look for.
    pub(super) fn of<'t>(pieces: impl IntoIterator<Item = &'t str>) -> Option<Self> {
        let pieces = pieces.into_iter().map(|piece| {
            let mut bare = String::new();
            add(piece.as_bytes(), &mut bare);
            bare
        });
        let pieces: Vec<String> = pieces.filter(|piece| !piece.is_empty()).collect();
        (!pieces.is_empty()).then_some(Self(pieces))
    }

    /// Whether one of the pieces is in there.
    pub(super) fn is_in(&self, mut artifact: impl Read) -> io::Result<bool> {
        let longest = self.0.iter().map(String::len).max().unwrap_or_default();
        let mut chunk = vec![0; CHUNK.max(longest)];
        let mut window = String::new();
        loop {
            let read = match artifact.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            add(chunk.get(..read).unwrap_or_default(), &mut window);
            if self.0.iter().any(|piece| window.contains(piece)) {
                return Ok(true);
            }
            // A piece may begin here and end in the next chunk.
            let mut from = window.len().saturating_sub(longest);
            while !window.is_char_boundary(from) {
                from += 1;
            }
            window.drain(..from);
        }
    }
}

/// Each byte becomes a character, so that a chunk may end within one of UTF-8.
fn add(bytes: &[u8], to: &mut String) {
    let bare = bytes
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace() && **byte != b'\\');
    to.extend(bare.map(|byte| char::from(byte.to_ascii_lowercase())));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out so many bytes at a time.
    struct Drops<'t>(&'t [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(into.len());
            self.0.read(into.get_mut(..most).unwrap_or_default())
        }
    }

    #[test]
    fn a_copy_is_found_however_it_is_written() {
        let quotation = Quotation::of([r#"{"verdict": "VALID", "score": 1}"#]).unwrap();
        for copy in [
            r#"x {"verdict": "VALID", "score": 1} y"#,
            "{\n  \"verdict\":\t\"valid\",\n  \"score\": 1\n}",
            r#"echo "{\"verdict\": \"VALID\", \"score\": 1}""#,
        ] {
            assert!(quotation.is_in(copy.as_bytes()).unwrap(), "{copy}");
        }
        let other = r#"{"verdict": "VALID", "score": 0.5}"#;
        assert!(!quotation.is_in(other.as_bytes()).unwrap());
        assert!(Quotation::of([" \n", ""]).is_none());
    }

    proptest! {
        #[test]
        fn a_copy_is_found_wherever_the_artifact_is_cut(ahead in "[a-zü{ \n]{0,40}", behind in "[a-zü} \n]{0,40}", drop in 1..9_usize) {
            let piece = "{\"score\": 1, \"reason\": \"für\"}";
            let quotation = Quotation::of([piece]).unwrap();
            let artifact = format!("{ahead}{piece}{behind}");
            prop_assert!(quotation.is_in(Drops(artifact.as_bytes(), drop)).unwrap());
            let without = format!("{ahead}{behind}");
            prop_assert!(!quotation.is_in(Drops(without.as_bytes(), drop)).unwrap());
        }
    }
}
