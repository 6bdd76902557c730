//! Whether a file that is found, and not named by the user, can be taken for theirs.

use std::{fs::Metadata, os::unix::fs::MetadataExt as _, path::Path};

use rustix::process::{getegid, geteuid};

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// Why somebody else may have written this; `None` if that can only be the user, or root.
pub(crate) fn distrust(about: &Metadata) -> Option<&'static str> {
    let user = (geteuid().as_raw(), getegid().as_raw());
    judge((about.uid(), about.gid()), about.mode(), user)
}

/// The same for what is at `path`, and for the link there, if it is one: whoever made that chose the file.
pub(crate) fn distrust_at(path: &Path) -> Option<&'static str> {
    let link = path.symlink_metadata().ok()?;
    let user = (geteuid().as_raw(), getegid().as_raw());
    // The mode of a link means nothing.
    let mode = if link.is_symlink() { 0 } else { link.mode() };
    judge((link.uid(), link.gid()), mode, user).or_else(|| distrust(&path.metadata().ok()?))
}

fn judge(owner: (u32, u32), mode: u32, user: (u32, u32)) -> Option<&'static str> {
    if owner.0 != user.0 && owner.0 != 0 {
        return Some("it belongs to another user");
    }
    if mode & OTHERS_WRITE != 0 {
        return Some("everybody may write to it");
    }
    // Many systems give each user a group of the same number, and let it write.
    let is_alone = owner.1 == user.1 && user.0 == user.1;
    if mode & GROUP_WRITES != 0 && !is_alone {
        return Some("a group may write to it");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_write_is_not_the_users() {
        let ada = (1000, 1000);
        for (owner, mode, trusted) in [
            (ada, 0o644, true),
            ((0, 0), 0o644, true),
            ((1000, 100), 0o644, true),
            (ada, 0o664, true),
            ((1001, 1001), 0o644, false),
            (ada, 0o666, false),
            ((1000, 100), 0o664, false),
            ((0, 0), 0o664, false),
            ((0, 0), 0o646, false),
        ] {
            assert_eq!(
                judge(owner, mode, ada).is_none(),
                trusted,
                "{owner:?} {mode:o}"
            );
        }
        assert!(
            judge((1000, 100), 0o664, (1000, 100)).is_some(),
            "a group of many"
        );
        assert!(
            judge((1000, 1000), 0o644, (0, 0)).is_some(),
            "root is no exception"
        );
    }
}
