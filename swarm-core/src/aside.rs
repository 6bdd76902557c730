//! Files that a reader sees as they were or as they are, never half of it.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Writes `text` to `path`, which only its owner may read; the folder is made if it is not there. It is on disk when this returns. Blocks.
///
/// # Errors
///
/// If it cannot be written; then what was at `path` is as it was.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.tmp", std::process::id()));
    let mut options = fs::OpenOptions::new();
    // Never through what is there: it may be a link that somebody left.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(&aside) {
        // Of a process that had this id before, and died.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&aside)?;
            options.open(&aside)?
        }
        opened => opened?,
    };
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        drop(fs::remove_file(&aside));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_in_the_way_is_not_written_through() {
        let temp = tempfile::tempdir().unwrap();
        let (path, other) = (temp.path().join("new/a.json"), temp.path().join("other"));
        fs::create_dir(temp.path().join("new")).unwrap();
        fs::write(&other, "mine").unwrap();
        let left = format!("a.json.{}.tmp", std::process::id());
        std::os::unix::fs::symlink(&other, path.with_file_name(left)).unwrap();
        write(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
