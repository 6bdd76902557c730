//! What an agent claims to have written, from the file of its hook.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Component, Path},
};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::artifacts::MAX_CLAIMS_BYTES;

/// The beginning of the file at `path` below `home`; nothing if something else is there. No link is followed: both belong to the
/// agent. Blocks.
pub(super) fn read(home: &Path, path: &str) -> io::Result<Vec<u8>> {
    let below = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = File::from(openat(CWD, home, below | OFlags::DIRECTORY, Mode::empty())?);
    let mut names = Path::new(path).components().peekable();
    while let Some(Component::Normal(name)) = names.next() {
        if names.peek().is_some() {
            let next = openat(&folder, name, below | OFlags::DIRECTORY, Mode::empty())?;
            folder = File::from(next);
            continue;
        }
        // Without NONBLOCK the open would wait for ever on a pipe.
        let file = openat(&folder, name, below | OFlags::NONBLOCK, Mode::empty())?;
        let file = File::from(file);
        let mut text = Vec::new();
        if file.metadata()?.is_file() {
            file.take(MAX_CLAIMS_BYTES).read_to_end(&mut text)?;
        }
        return Ok(text);
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn only_a_plain_file_is_read_and_only_its_beginning() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::create_dir(home.join("folder")).unwrap();
        fs::write(home.join("folder/log"), "text").unwrap();
        assert_eq!(read(home, "folder/log").unwrap(), b"text");
        symlink("folder", home.join("link")).unwrap();
        symlink("folder/log", home.join("file")).unwrap();
        for path in ["none", "link/log", "file", "folder"] {
            assert!(
                read(home, path).map_or(true, |text| text.is_empty()),
                "{path} was read"
            );
        }
        let large = File::create(home.join("large")).unwrap();
        large.set_len(1 << 30).unwrap();
        assert_eq!(read(home, "large").unwrap().len() as u64, MAX_CLAIMS_BYTES);
    }
}
