//! A hash over all that is in a folder. Blocks.

use std::{
    ffi::{CString, OsStr},
    fs::File,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{self, AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
};

use super::file_hash::FileHashes;
use crate::hash::Hasher;

/// The most files, folders and links in one tree.
const MAX_ENTRIES: u64 = 100_000;
/// The most bytes in all files of one tree.
const MAX_BYTES: u64 = 2 << 30;
/// Deeper than anybody nests folders on purpose; each level costs an open file.
const MAX_DEPTH: usize = 64;

/// Hashes trees, and remembers the hashes of their files. A clone remembers the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trees(Arc<FileHashes>);

/// How large a tree may be.
#[derive(Clone, Copy, Debug)]
struct Room {
    entries: u64,
    bytes: u64,
}

impl Trees {
    /// The hash of what is at `path`: relative paths, kinds, mode bits, contents of files, and where links lead, none of which is
    /// followed but for `path` itself. When anything was changed, and who owns it, does not count.
    ///
    /// # Errors
    ///
    /// Why there is no hash, for a person: it is too large, holds something that is no file, or cannot be read.
    pub(crate) fn hash(&self, path: &Path) -> Result<String, String> {
        self.hash_within(
            path,
            Room {
                entries: MAX_ENTRIES,
                bytes: MAX_BYTES,
            },
        )
    }

    fn hash_within(&self, path: &Path, room: Room) -> Result<String, String> {
        let shown = |problem: String| format!("{}: {problem}", path.display());
        let root = path
            .canonicalize()
            .map_err(|error| shown(error.to_string()))?;
        let mut walk = Walk {
            files: &self.0,
            hasher: Hasher::new(),
            room,
        };
        walk.visit(CWD, root.as_os_str(), Path::new(""), 0)
            .map_err(|problem| shown(problem.0))?;
        Ok(walk.hasher.finish())
    }
}

/// Why there is no hash.
struct Problem(String);

impl From<Errno> for Problem {
    fn from(error: Errno) -> Self {
        Self(std::io::Error::from(error).to_string())
    }
}

struct Walk<'f> {
    files: &'f FileHashes,
    hasher: Hasher,
    room: Room,
}

impl Walk<'_> {
    fn visit(
        &mut self,
        folder: impl std::os::fd::AsFd,
        name: &OsStr,
        path: &Path,
        depth: usize,
    ) -> Result<(), Problem> {
        let named = |problem: Problem| {
            if path.as_os_str().is_empty() {
                problem
            } else {
                Problem(format!("{} in it: {}", path.display(), problem.0))
            }
        };
        self.room.entries = self.room.entries.checked_sub(1).ok_or_else(|| {
            Problem(format!(
                "it has more than {MAX_ENTRIES} entries, too many to be compared"
            ))
        })?;
        let found =
            fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| named(e.into()))?;
        // The types of the two differ between platforms.
        let mode = u64::from(found.st_mode) & 0o7777;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => {
                self.note('d', mode, path, &[]);
                if depth >= MAX_DEPTH {
                    return Err(Problem(format!(
                        "it is nested more than {MAX_DEPTH} folders deep"
                    )));
                }
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let open = fs::openat(&folder, name, flags, Mode::empty());
                let open = open.map_err(|error| named(error.into()))?;
                let names = names(&open, self.room.entries).map_err(named)?;
                for name in names {
                    let name = OsStr::from_bytes(name.as_bytes());
                    self.visit(&open, name, &path.join(name), depth + 1)?;
                }
            }
            FileType::RegularFile => {
                // Without NONBLOCK the open would wait for ever on a pipe that somebody put there meanwhile.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let open = fs::openat(&folder, name, flags, Mode::empty());
                let mut file = File::from(open.map_err(|error| named(error.into()))?);
                let size = u64::try_from(found.st_size).unwrap_or(u64::MAX);
                self.room.bytes = self.room.bytes.checked_sub(size).ok_or_else(|| {
                    Problem("it has more than 2 GiB, too much to be compared".to_owned())
                })?;
                let hashed = self.files.hash(&mut file);
                let (hash, _) = hashed.map_err(|error| named(Problem(error.to_string())))?;
                self.note('f', mode, path, hash.as_bytes());
            }
            FileType::Symlink => {
                let target = fs::readlinkat(&folder, name, Vec::new());
                let target = target.map_err(|error| named(error.into()))?;
                self.note('l', 0, path, target.as_bytes());
            }
            _ => {
                return Err(named(Problem(
                    "it is a device, a socket or a pipe, which has no content to compare"
                        .to_owned(),
                )));
            }
        }
        Ok(())
    }

    fn note(&mut self, kind: char, mode: u64, path: &Path, content: &[u8]) {
        let path = path.as_os_str().as_bytes();
        // With the lengths, so that no two trees look alike.
        let head = format!("{kind} {mode:o} {} {}\n", path.len(), content.len());
        self.hasher.add(head.as_bytes());
        self.hasher.add(path);
        self.hasher.add(content);
    }
}

/// The names in a folder, sorted.
fn names(folder: &OwnedFd, most: u64) -> Result<Vec<CString>, Problem> {
    let mut names = Vec::new();
    for entry in fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
        if names.len() as u64 > most {
            break;
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{Permissions, create_dir, read, remove_file, rename, set_permissions, write},
        os::unix::fs::{PermissionsExt as _, symlink},
        os::unix::net::UnixListener,
        path::PathBuf,
    };

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            create_dir(folder.at("sub")).unwrap();
            write(folder.at("sub/a"), "one").unwrap();
            write(folder.at("b"), "two").unwrap();
            symlink("nowhere", folder.at("link")).unwrap();
            folder
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn hash(&self) -> String {
            Trees::default().hash(self.0.path()).unwrap()
        }
    }

    type Change = fn(&Folder);

    #[test]
    fn equal_trees_have_equal_hashes_wherever_they_are() {
        assert_eq!(Folder::new().hash(), Folder::new().hash());
    }

    #[test]
    fn content_names_modes_and_links_count() {
        let plain = Folder::new().hash();
        let changes: [(&str, Change); 8] = [
            ("content", |f| write(f.at("sub/a"), "two").unwrap()),
            ("a name", |f| rename(f.at("b"), f.at("c")).unwrap()),
            ("a place", |f| rename(f.at("b"), f.at("sub/b")).unwrap()),
            ("a mode", |f| {
                set_permissions(f.at("b"), Permissions::from_mode(0o755)).unwrap();
            }),
            ("the mode of a folder", |f| {
                set_permissions(f.at("sub"), Permissions::from_mode(0o711)).unwrap();
            }),
            ("where a link leads", |f| {
                remove_file(f.at("link")).unwrap();
                symlink("elsewhere", f.at("link")).unwrap();
            }),
            ("a file instead of a link", |f| {
                remove_file(f.at("link")).unwrap();
                write(f.at("link"), "nowhere").unwrap();
            }),
            ("an empty folder", |f| create_dir(f.at("new")).unwrap()),
        ];
        for (what, change) in changes {
            let folder = Folder::new();
            change(&folder);
            assert_ne!(folder.hash(), plain, "{what}");
        }
    }

    #[test]
    fn a_change_is_seen_also_by_who_has_seen_the_tree_before() {
        let (folder, trees) = (Folder::new(), Trees::default());
        let before = trees.hash(folder.0.path()).unwrap();
        assert_eq!(trees.hash(folder.0.path()).unwrap(), before);
        write(folder.at("b"), "six").unwrap();
        assert_ne!(trees.hash(folder.0.path()).unwrap(), before);
    }

    #[test]
    fn links_are_not_followed_and_what_is_no_file_is_named() {
        let folder = Folder::new();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), folder.at("out")).unwrap();
        let before = folder.hash();
        write(outside.path().join("x"), "").unwrap();
        assert_eq!(folder.hash(), before);
        let _socket = UnixListener::bind(folder.at("sub/socket")).unwrap();
        let problem = Trees::default().hash(folder.0.path()).unwrap_err();
        assert!(
            problem.contains("sub/socket in it: it is a device"),
            "{problem}"
        );
        let problem = Trees::default().hash(&folder.at("none")).unwrap_err();
        assert!(problem.contains("No such file"), "{problem}");
    }

    #[test]
    fn a_file_alone_is_a_tree_and_the_path_itself_may_be_a_link() {
        let folder = Folder::new();
        let trees = Trees::default();
        let hash = trees.hash(&folder.at("b")).unwrap();
        symlink("b", folder.at("to-b")).unwrap();
        assert_eq!(trees.hash(&folder.at("to-b")).unwrap(), hash);
        assert_eq!(read(folder.at("to-b")).unwrap(), b"two");
    }

    #[test]
    fn a_tree_that_is_too_large_is_not_hashed() {
        let folder = Folder::new();
        let trees = Trees::default();
        for (room, problem) in [
            (
                Room {
                    entries: 4,
                    bytes: 100,
                },
                "entries, too many to be compared",
            ),
            (
                Room {
                    entries: 100,
                    bytes: 5,
                },
                "too much to be compared",
            ),
        ] {
            let refused = trees.hash_within(folder.0.path(), room).unwrap_err();
            assert!(refused.ends_with(problem), "{refused}");
        }
        let room = Room {
            entries: 5,
            bytes: 6,
        };
        assert!(trees.hash_within(folder.0.path(), room).is_ok());
    }

    #[test]
    fn a_tree_without_end_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut deep = folder.path().to_owned();
        for _ in 0..=MAX_DEPTH {
            deep.push("x");
            create_dir(&deep).unwrap();
        }
        let problem = Trees::default().hash(folder.path()).unwrap_err();
        assert!(problem.contains("nested more than"), "{problem}");
    }
}
