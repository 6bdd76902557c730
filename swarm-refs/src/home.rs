//! The folder that everything is kept in: ours, and nobody else may write to it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use swarm_core::refs::RefError;

/// Makes the folder `home` if it is missing, for its owner only, and says where it really is. Blocks.
///
/// # Errors
///
/// [`RefError::UnsafeHome`] if somebody else may write there, and so could put keys, records or a token in, or take ours away;
/// [`RefError::Io`] if it cannot be made.
pub fn prepare(home: &Path) -> Result<PathBuf, RefError> {
    make_private(home).map_err(|error| RefError::io("create", home, error))?;
    let home = home
        .canonicalize()
        .map_err(|error| RefError::io("open", home, error))?;
    check_private(&home)?;
    Ok(home)
}

/// Refuses a home in which somebody else could put keys and records, or take ours away.
fn check_private(home: &Path) -> Result<(), RefError> {
    let metadata = fs::metadata(home).map_err(|error| RefError::io("open", home, error))?;
    match weakness(metadata.mode(), metadata.uid(), geteuid().as_raw()) {
        None => Ok(()),
        Some(weakness) => Err(RefError::UnsafeHome {
            path: home.display().to_string(),
            weakness,
        }),
    }
}

/// What is wrong with a folder for keys and records. That others may read it is not: what is in it is private.
fn weakness(mode: u32, owner: u32, me: u32) -> Option<String> {
    if owner != me {
        Some(format!(
            "it belongs to the user {owner}, and you are {me}; take a folder of your own, or become its owner"
        ))
    } else if mode & 0o022 != 0 {
        Some(format!(
            "others may write to it (mode {:04o}); take that away with `chmod go-w`, or take another folder",
            mode & 0o7777
        ))
    } else {
        None
    }
}

/// Makes a folder and those above it that are missing, 0700 whatever the umask.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
    {
        make_private(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_private_if_it_is_ours_and_nobody_else_may_write_to_it() {
        for mode in [0o40700, 0o40755, 0o40550, 0o42711] {
            assert_eq!(weakness(mode, 7, 7), None, "{mode:o}");
        }
        for mode in [0o40720, 0o40702, 0o41777, 0o40775] {
            assert!(weakness(mode, 7, 7).is_some(), "{mode:o}");
        }
        // Also root's: what it writes there would not belong to the owner.
        for (owner, me) in [(0, 7), (7, 0), (7, 8)] {
            assert!(weakness(0o40700, owner, me).is_some(), "{owner} {me}");
        }
    }
}
