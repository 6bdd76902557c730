//! The machine that this program runs on, as its user has set it up.

use std::{
    env,
    fs::{self, File},
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use swarm_core::supplies::UserMachine;

/// The configuration of a program with a long history may have a few megabytes.
const LONGEST_FILE: u64 = 64 << 20;

/// Reads environment and files when it is asked, and not before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostMachine;

impl UserMachine for HostMachine {
    #[expect(
        clippy::disallowed_methods,
        reason = "these belong to the user, not to the configuration"
    )]
    fn variable(&self, name: &str) -> Option<String> {
        env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn file(&self, path: &Path) -> io::Result<Option<String>> {
        // Asked first: a repository may bring a pipe under the name of a file, and to open it takes forever.
        let about = match fs::metadata(path) {
            Ok(about) => about,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !about.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        if about.len() > LONGEST_FILE {
            return Err(io::Error::other("it has more than 64 MiB"));
        }
        let mut text = String::new();
        File::open(path)?
            .take(LONGEST_FILE)
            .read_to_string(&mut text)?;
        Ok(Some(text))
    }

    fn home(&self) -> PathBuf {
        etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/"))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is asked once, in the binary"
    )]
    fn folder(&self) -> PathBuf {
        env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
    }
}
