//! A root file system as one stream.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Writes the root file system at `path`, a folder or a tar, as an engine imports it. Blocks.
pub(super) fn write(path: &Path, to: &mut dyn Write) -> io::Result<()> {
    let named = |error: io::Error| {
        let shown = path.display();
        io::Error::new(error.kind(), format!("cannot read {shown}: {error}"))
    };
    if !fs::metadata(path).map_err(named)?.is_dir() {
        let mut file = File::open(path).map_err(named)?;
        return io::copy(&mut file, to).map(drop).map_err(named);
    }
    let mut tar = tar::Builder::new(to);
    // A link is part of the root file system, wherever on this machine it would lead.
    tar.follow_symlinks(false);
    tar.append_dir_all("", path).map_err(named)?;
    tar.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_links_wherever_they_lead() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        fs::write(root.path().join("bin/sh"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/shadow", root.path().join("bin/link")).unwrap();
        let mut written = Vec::new();
        write(root.path(), &mut written).unwrap();
        let mut archive = tar::Archive::new(written.as_slice());
        let mut found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().entry_type().is_symlink())
            })
            .collect();
        found.sort();
        assert!(found.contains(&("bin/link".to_owned(), true)), "{found:?}");
        assert!(found.contains(&("bin/sh".to_owned(), false)), "{found:?}");
    }

    #[test]
    fn a_tar_is_passed_on_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "whatever it is").unwrap();
        let mut written = Vec::new();
        write(file.path(), &mut written).unwrap();
        assert_eq!(written, b"whatever it is");
        let error = write("/nonexistent/root".as_ref(), &mut written).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read /nonexistent/root: "),
            "{error}"
        );
    }
}
