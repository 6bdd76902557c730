//! Whether a program runs by itself. Pure.

/// Who starts a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loader<T> {
    /// The kernel alone.
    None,
    /// A dynamic linker.
    Linker(T),
}

/// Says why `file` cannot be the only file of an image.
pub(super) fn check_static(file: &[u8]) -> Result<(), &'static str> {
    match find_interpreter(file) {
        None => Err("is not an ELF program"),
        Some(Loader::Linker(_)) => Err("is dynamically linked"),
        Some(Loader::None) => Ok(()),
    }
}

/// The path of the dynamic linker that `file` asks for, if it does; `None` if this is no ELF file, or a torn one.
pub(super) fn interpreter(file: &[u8]) -> Option<Loader<&str>> {
    let Loader::Linker((at, length)) = find_interpreter(file)? else {
        return Some(Loader::None);
    };
    let at = usize::try_from(at).ok()?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let path = file.get(at..end)?.split(|byte| *byte == 0).next()?;
    let path = std::str::from_utf8(path).ok()?;
    path.starts_with('/').then_some(Loader::Linker(path))
}

/// Where the program headers say that the path of a dynamic linker is, and how long that is; `None` if this is no ELF file,
/// or a torn one.
fn find_interpreter(file: &[u8]) -> Option<Loader<(u64, u64)>> {
    const INTERPRETER: u64 = 3;
    file.strip_prefix(b"\x7fELF")?;
    let is_64 = *file.get(4)? == 2;
    let is_little = *file.get(5)? == 1;
    let number = |at: u64, length: usize| -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = file.get(at..at.checked_add(length)?)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Some(if is_little {
            bytes.iter().rev().fold(0, add)
        } else {
            bytes.iter().fold(0, add)
        })
    };
    let (table, size, count) = if is_64 {
        (number(32, 8)?, number(54, 2)?, number(56, 2)?)
    } else {
        (number(28, 4)?, number(42, 2)?, number(44, 2)?)
    };
    if count == 0 {
        return None;
    }
    let mut found = Loader::None;
    for i in 0..count {
        let header = table.checked_add(i.checked_mul(size)?)?;
        if number(header, 4)? == INTERPRETER {
            let (at, length, width) = if is_64 { (8, 32, 8) } else { (4, 16, 4) };
            let at = number(header.checked_add(at)?, width)?;
            let length = number(header.checked_add(length)?, width)?;
            found = Loader::Linker((at, length));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A 64-bit little-endian file with one program header of this kind.
    fn elf(kind: u8) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = kind;
        file
    }

    #[test]
    fn a_program_with_an_interpreter_is_refused() {
        assert_eq!(check_static(&elf(3)), Err("is dynamically linked"));
        assert_eq!(check_static(&elf(1)), Ok(()));
    }

    #[test]
    fn the_interpreter_is_found_where_the_header_says() {
        let mut file = elf(3);
        file[64 + 8] = 120;
        file[64 + 32] = 8;
        file.extend(b"/lib/ld\0rest");
        assert_eq!(interpreter(&file), Some(Loader::Linker("/lib/ld")));
        file[64 + 32] = 200;
        assert_eq!(interpreter(&file), None);
        assert_eq!(interpreter(&elf(1)), Some(Loader::None));
    }

    #[test]
    fn a_torn_file_is_no_program() {
        let whole = elf(1);
        for length in 0..68 {
            assert_eq!(
                check_static(&whole[..length]),
                Err("is not an ELF program"),
                "{length} bytes"
            );
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_fail(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut file = b"\x7fELF".to_vec();
            file.extend(tail);
            let _: Result<(), &str> = check_static(&file);
            let _: Option<Loader<&str>> = interpreter(&file);
        }
    }
}
