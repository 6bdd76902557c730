//! The folder of an agent, when the agent has ended.

use std::{
    fs::{self, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::Duration,
};

/// How often, 5 ms apart, the removal of a folder is tried while something still writes into it.
const ATTEMPTS: u32 = 40;

/// Removes a folder that an agent wrote to, with all that is in it; fine if it is not there. Blocks.
///
/// Links are removed, and what they lead to is not.
///
/// # Errors
///
/// If it cannot be removed, or something still writes into it after a fifth of a second.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    for attempt in 1.. {
        match fs::remove_dir_all(folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => break,
            Err(e) if attempt >= ATTEMPTS => return Err(e),
            // Agents take the right to write away from folders, from those of Go modules for one.
            Err(e) if e.kind() == ErrorKind::PermissionDenied => allow_removal(folder),
            Err(_) => pause(),
            Ok(()) => break,
        }
    }
    Ok(())
}

fn allow_removal(folder: &Path) {
    let mut open = vec![folder.to_owned()];
    while let Some(dir) = open.pop() {
        drop(fs::set_permissions(&dir, Permissions::from_mode(0o700)));
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        open.extend(
            entries
                // Says "link" for a link, wherever that leads.
                .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
                .map(|entry| entry.path()),
        );
    }
}

/// Waits a moment, on a blocking thread.
#[expect(
    clippy::disallowed_methods,
    reason = "only called on threads that may block"
)]
pub(super) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_an_agent_locked_is_removed_and_what_it_points_to_is_not() {
        let base = tempfile::tempdir().unwrap();
        let kept = tempfile::tempdir().unwrap();
        fs::write(kept.path().join("precious"), "").unwrap();
        let folder = base.path().join("agent");
        let locked = folder.join("locked");
        fs::create_dir_all(locked.join("deeper")).unwrap();
        symlink(kept.path(), locked.join("link")).unwrap();
        fs::set_permissions(locked.join("deeper"), Permissions::from_mode(0o0)).unwrap();
        fs::set_permissions(&locked, Permissions::from_mode(0o500)).unwrap();
        // Root could remove it as it is.
        allow_removal(&folder);
        remove_folder(&folder).unwrap();
        assert!(!folder.exists());
        assert!(kept.path().join("precious").exists());
        remove_folder(&folder).unwrap();
    }
}
