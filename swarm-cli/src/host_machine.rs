//! The machine that this program runs on, as its user has set it up.

use std::{
    env,
    fs::{File, Metadata},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use swarm_core::supplies::{FoundFile, UserMachine};

use crate::ownership;

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
        match open(path)? {
            Some((file, _)) => text(file).map(Some),
            None => Ok(None),
        }
    }

    fn found_file(&self, path: &Path) -> io::Result<FoundFile> {
        // Asked first: what somebody else put there, and is no file or cannot be read, is no error either.
        if let Some(why) = ownership::distrust_at(path) {
            return Ok(FoundFile::Distrusted(why));
        }
        let Some((file, about)) = open(path)? else {
            return Ok(FoundFile::Absent);
        };
        match ownership::distrust(&about) {
            Some(why) => Ok(FoundFile::Distrusted(why)),
            None => text(file).map(FoundFile::Text),
        }
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

/// The file, and what is known of the very one that was opened; `None` if there is none.
fn open(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    // It may be a pipe under the name of a file, and to open one takes forever otherwise.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        opened => opened?,
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if about.len() > LONGEST_FILE {
        return Err(io::Error::other("it has more than 64 MiB"));
    }
    Ok(Some((file, about)))
}

fn text(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(LONGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}
