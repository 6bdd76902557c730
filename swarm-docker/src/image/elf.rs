//! What a program needs to be started, as its own headers say. Reads files, runs nothing.

use std::io::{self, Read, Seek, SeekFrom};

/// Longer names are no names.
const LONGEST_NAME: usize = 4096;
/// More program headers, or entries of the dynamic section, than any linker writes.
const MOST_ENTRIES: u64 = 4096;

/// A program or a library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elf {
    /// Whether it is for 64 bits, and for which processor. Libraries must be for the same.
    pub(super) machine: (bool, u64),
    /// Its dynamic linker; `None` if it runs by itself.
    pub(super) interpreter: Option<String>,
    /// The names of the libraries that it needs.
    pub(super) needed: Vec<String>,
    /// Where it wants them to be looked for first, separated by colons.
    pub(super) run_paths: Vec<String>,
}

/// Says why `file` cannot be the only file of an image.
pub(super) fn check_static(file: &mut (impl Read + Seek)) -> io::Result<Result<(), &'static str>> {
    Ok(match read(file)? {
        None => Err("is not an ELF program"),
        Some(Elf {
            interpreter: Some(_),
            ..
        }) => Err("is dynamically linked"),
        Some(_) => Ok(()),
    })
}

/// Reads the headers of `file`; `None` if it is no ELF file, or a torn one.
pub(super) fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Elf>> {
    match Reader::of(file).and_then(|mut reader| reader.elf()) {
        Ok(elf) => Ok(Some(elf)),
        Err(Problem::NotElf) => Ok(None),
        Err(Problem::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(Problem::Io(error)) => Err(error),
    }
}

enum Problem {
    NotElf,
    Io(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Reader<'f, F> {
    file: &'f mut F,
    is_64: bool,
    is_little: bool,
}

/// One program header.
struct Segment {
    kind: u64,
    offset: u64,
    address: u64,
    size: u64,
}

impl<'f, F: Read + Seek> Reader<'f, F> {
    fn of(file: &'f mut F) -> Result<Self, Problem> {
        let mut reader = Self {
            file,
            is_64: false,
            is_little: false,
        };
        let ident = reader.bytes(0, 6)?;
        let [0x7f, b'E', b'L', b'F', class, order] = *ident.as_slice() else {
            return Err(Problem::NotElf);
        };
        reader.is_64 = class == 2;
        reader.is_little = order == 1;
        Ok(reader)
    }

    fn elf(&mut self) -> Result<Elf, Problem> {
        const DYNAMIC: u64 = 2;
        const INTERPRETER: u64 = 3;
        let segments = self.segments()?;
        let mut elf = Elf {
            machine: (self.is_64, self.number(18, 2)?),
            ..Elf::default()
        };
        for segment in &segments {
            match segment.kind {
                INTERPRETER => elf.interpreter = Some(self.name(segment.offset)?),
                DYNAMIC => self.dynamic(segment, &segments, &mut elf)?,
                _ => {}
            }
        }
        Ok(elf)
    }

    fn segments(&mut self) -> Result<Vec<Segment>, Problem> {
        let (table, size, count) = if self.is_64 {
            (self.number(32, 8)?, 54, 56)
        } else {
            (self.number(28, 4)?, 42, 44)
        };
        let (size, count) = (self.number(size, 2)?, self.number(count, 2)?);
        if count == 0 || count > MOST_ENTRIES {
            return Err(Problem::NotElf);
        }
        (0..count)
            .map(|i| {
                let at = add(table, i.saturating_mul(size))?;
                let word = if self.is_64 { 8 } else { 4 };
                // Kind, then flags in the wider format; offset, address, physical address, size.
                Ok(Segment {
                    kind: self.number(at, 4)?,
                    offset: self.number(add(at, word)?, word)?,
                    address: self.number(add(at, 2 * word)?, word)?,
                    size: self.number(add(at, 4 * word)?, word)?,
                })
            })
            .collect()
    }

    fn dynamic(
        &mut self,
        section: &Segment,
        segments: &[Segment],
        elf: &mut Elf,
    ) -> Result<(), Problem> {
        const END: u64 = 0;
        const NEEDED: u64 = 1;
        const STRINGS: u64 = 5;
        const RPATH: u64 = 15;
        const RUNPATH: u64 = 29;
        let word = if self.is_64 { 8 } else { 4 };
        let (mut needed, mut paths, mut strings) = (Vec::new(), Vec::new(), None);
        for i in 0..(section.size / (2 * word)).min(MOST_ENTRIES) {
            let at = add(section.offset, i.saturating_mul(2 * word))?;
            let value = self.number(add(at, word)?, word)?;
            match self.number(at, word)? {
                END => break,
                NEEDED => needed.push(value),
                STRINGS => strings = Some(value),
                RPATH | RUNPATH => paths.push(value),
                _ => {}
            }
        }
        let Some(strings) = strings else {
            return Ok(());
        };
        let strings = in_file(segments, strings).ok_or(Problem::NotElf)?;
        for at in needed {
            elf.needed.push(self.name(add(strings, at)?)?);
        }
        for at in paths {
            elf.run_paths.push(self.name(add(strings, at)?)?);
        }
        Ok(())
    }

    fn number(&mut self, at: u64, length: u64) -> Result<u64, Problem> {
        let bytes = self.bytes(at, usize::try_from(length).map_err(|_| Problem::NotElf)?)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Ok(if self.is_little {
            bytes.iter().rev().fold(0, add)
        } else {
            bytes.iter().fold(0, add)
        })
    }

    fn bytes(&mut self, at: u64, length: usize) -> Result<Vec<u8>, Problem> {
        let mut bytes = vec![0; length];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The text at `at`, up to its zero byte.
    fn name(&mut self, at: u64) -> Result<String, Problem> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        let longest = LONGEST_NAME as u64;
        let read = Read::take(&mut *self.file, longest).read_to_end(&mut bytes)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        bytes.truncate(end.ok_or(Problem::NotElf)?.min(read));
        String::from_utf8(bytes).map_err(|_| Problem::NotElf)
    }
}

fn add(a: u64, b: u64) -> Result<u64, Problem> {
    a.checked_add(b).ok_or(Problem::NotElf)
}

/// Where in the file that is which is loaded at `address`.
fn in_file(segments: &[Segment], address: u64) -> Option<u64> {
    const LOAD: u64 = 1;
    segments
        .iter()
        .filter(|segment| segment.kind == LOAD)
        .find_map(|segment| {
            let inside = address.checked_sub(segment.address)?;
            (inside < segment.size).then(|| segment.offset.checked_add(inside))?
        })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn parse(file: &[u8]) -> Option<Elf> {
        read(&mut Cursor::new(file)).unwrap()
    }

    fn check(file: &[u8]) -> Result<(), &'static str> {
        check_static(&mut Cursor::new(file)).unwrap()
    }

    /// A 64-bit little-endian file with one program header of this kind, which begins with a name.
    fn elf(kind: u8) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = kind;
        file[64 + 8] = 120;
        file.extend(b"/lib/ld.so\0");
        file
    }

    #[test]
    fn a_program_with_an_interpreter_is_not_static() {
        assert_eq!(check(&elf(3)), Err("is dynamically linked"));
        assert_eq!(check(&elf(1)), Ok(()));
        assert_eq!(
            parse(&elf(3)).unwrap().interpreter.as_deref(),
            Some("/lib/ld.so")
        );
    }

    #[test]
    fn a_torn_file_is_no_program() {
        let whole = elf(1);
        for length in 0..104 {
            assert_eq!(
                check(&whole[..length]),
                Err("is not an ELF program"),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn this_very_program_needs_a_linker_and_a_c_library() {
        let mut file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let elf = read(&mut file).unwrap().unwrap();
        assert!(elf.interpreter.unwrap().contains("ld"));
        assert!(
            elf.needed.iter().any(|name| name.starts_with("libc.")),
            "{:?}",
            elf.needed
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_fail(tail in prop::collection::vec(any::<u8>(), 0..400), kinds in any::<[u8; 4]>()) {
            let mut file = b"\x7fELF".to_vec();
            file.extend(tail);
            drop(parse(&file));
            // With headers that lead somewhere.
            let mut file = elf(kinds[0] % 4);
            for (i, byte) in kinds.iter().enumerate() {
                file[64 + 8 * i] = *byte % 8;
            }
            drop(parse(&file));
        }
    }
}
