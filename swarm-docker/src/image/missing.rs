//! Builds the default image of a kind when a run misses it: once, however many runs in however many processes miss it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use swarm_core::{hash, runtime::RuntimeError};
use tokio::{task::spawn_blocking, time::sleep};

use super::{AgentCli, ImageRecipe, build, show};
use crate::docker_runtime::Inner;

/// How often a process looks whether the one that builds is done.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// More of a problem is not passed on to other processes.
const LONGEST_PROBLEM: u64 = 16 * 1024;

/// Which images are built when they are missing, and who is told.
///
/// Not for images that a user named: those are never built unasked.
#[derive(Clone)]
pub struct BuildMissing {
    /// How the default image of each kind is made. A kind that is not here gets none.
    pub recipes: BTreeMap<String, ImageRecipe>,
    /// A folder for lock files, absolute, made on first use. Processes that name the same one build an image once.
    pub locks: PathBuf,
    /// Is told what goes on; must not block for long.
    pub tell: TellBuild,
}

/// Takes what goes on while an image is missing.
pub type TellBuild = Arc<dyn Fn(BuildNews<'_>) + Send + Sync>;

impl fmt::Debug for BuildMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildMissing")
            .field("recipes", &self.recipes)
            .field("locks", &self.locks)
            .finish_non_exhaustive()
    }
}

/// What goes on while an image is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildNews<'a> {
    /// It is built, here and now.
    Begins {
        /// The image.
        image: &'a str,
        /// The kind of agents that need it.
        kind: &'a str,
    },
    /// Another process builds it.
    Waits {
        /// The image.
        image: &'a str,
    },
    /// A line that the engine says of it.
    Line(&'a str),
    /// It is built.
    Ends {
        /// The image.
        image: &'a str,
    },
}

/// What to do about an image that is missing.
pub(crate) fn hint(kind: &str, is_default: bool) -> String {
    if !is_default {
        return "pull or build it, or choose another with `--image`".to_owned();
    }
    match AgentCli::of(kind) {
        Some(_) => format!(
            "build it with `swarm image build {kind}`, or choose one with `--image`; {}",
            without_registry(kind)
        ),
        None => "build it with `swarm image build`, or choose one with `--image`".to_owned(),
    }
}

/// The way without any registry.
pub(super) fn without_registry(kind: &str) -> String {
    let kind = AgentCli::of(kind).map_or("", |cli| cli.kind);
    if kind.is_empty() {
        "without a registry, build it from a busybox of this machine: `swarm image build --busybox FILE`"
            .to_owned()
    } else {
        format!(
            "without a registry, build it from files of this machine: `swarm image build {kind} --program FILE` or \
             `--rootfs FOLDER` (docs/images.md)"
        )
    }
}

/// Makes sure that there is the default image of `kind`, whose name is `image`, if it may be built.
///
/// May be dropped at any time; the engine then stops to build.
pub(crate) async fn provide(inner: &Inner, kind: &str, image: &str) -> Result<(), RuntimeError> {
    let missing = || RuntimeError::ImageMissing {
        image: image.to_owned(),
        hint: hint(kind, true),
    };
    let options = inner.options.build_missing.as_ref().ok_or_else(missing)?;
    let recipe = options.recipes.get(kind).ok_or_else(missing)?;
    let failed = |problem: String| RuntimeError::ImageBuild {
        image: image.to_owned(),
        problem,
    };
    let lock = lock(&options.locks, image, || {
        (options.tell)(BuildNews::Waits { image });
    });
    let mut lock = lock.await?;
    if show(&inner.engine, image).await?.is_some() {
        return Ok(());
    }
    if let Some(problem) = lock.problem_meanwhile() {
        return Err(failed(problem));
    }
    (options.tell)(BuildNews::Begins { image, kind });
    let line = |line: &str| (options.tell)(BuildNews::Line(line));
    match build(&inner.engine, image, recipe, inner.options.user, &line).await {
        Ok(_) => {
            (options.tell)(BuildNews::Ends { image });
            Ok(())
        }
        Err(error) => {
            if let RuntimeError::ImageBuild { problem, .. } = &error {
                lock.note(problem);
            }
            Err(error)
        }
    }
}

/// Held while an image is built. What is in the file is how often that failed, and why the last time.
///
/// A lock of this kind belongs to the opened file, so it also holds among the tasks of one process.
struct Lock {
    /// Locked; closing it gives the lock back.
    file: File,
    path: PathBuf,
    /// What was in it when we began to wait.
    before: String,
}

/// Waits until nobody else, in whatever process, builds `image`.
async fn lock(folder: &Path, image: &str, waits: impl Fn()) -> Result<Lock, RuntimeError> {
    let mut name = hash::hex(image.as_bytes());
    name.truncate(16);
    let path = folder.join(format!("{name}.lock"));
    let unusable = |error: io::Error| RuntimeError::Storage {
        path: path.display().to_string(),
        error,
    };
    let opened = {
        let path = path.clone();
        spawn_blocking(move || open(&path)).await
    };
    let (file, before) = opened
        .map_err(|error| unusable(error.into()))?
        .map_err(unusable)?;
    let mut has_said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { file, path, before }),
            // Not by waiting in the kernel: nobody could be called away from there.
            Err(TryLockError::WouldBlock) => {
                if !has_said {
                    waits();
                    has_said = true;
                }
                sleep(LOOK_AGAIN).await;
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
    }
}

fn open(path: &Path) -> io::Result<(File, String)> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let before = content(&mut file)?;
    Ok((file, before))
}

fn content(file: &mut File) -> io::Result<String> {
    let mut content = Vec::new();
    file.rewind()?;
    file.take(LONGEST_PROBLEM).read_to_end(&mut content)?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

impl Lock {
    /// Why it could not be built, if somebody tried while we waited.
    fn problem_meanwhile(&mut self) -> Option<String> {
        let now = content(&mut self.file).ok()?;
        let (_, problem) = now.split_once('\n')?;
        (now != self.before).then(|| problem.to_owned())
    }

    /// Tells those who wait. If that fails, they find out for themselves.
    fn note(&mut self, problem: &str) {
        let noted = content(&mut self.file).and_then(|last| {
            let count = last.split_once('\n').map(|(count, _)| count.parse());
            let count: u64 = count.and_then(Result::ok).unwrap_or_default();
            self.file.set_len(0)?;
            self.file.rewind()?;
            write!(self.file, "{}\n{problem}", count.wrapping_add(1))
        });
        if let Err(error) = noted {
            tracing::debug!(path = %self.path.display(), %error, "not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_for_a_default_image_is_the_command_that_builds_it() {
        assert!(hint("claude", true).contains("`swarm image build claude`"));
        assert!(hint("claude", true).contains("`swarm image build claude --program FILE`"));
        assert!(hint("command", true).contains("`swarm image build`,"));
        assert!(!hint("claude", false).contains("swarm image build"));
    }

    #[tokio::test]
    async fn who_waited_is_told_what_was_found_out_meanwhile_and_who_did_not_finds_out_anew() {
        let folder = tempfile::tempdir().unwrap();
        // The same problem as before is still news.
        for _ in 0..2 {
            let nobody = || panic!("nobody has it");
            let mut first = lock(folder.path(), "x", nobody).await.unwrap();
            assert_eq!(first.problem_meanwhile(), None);
            let (said, mut waits) = tokio::sync::mpsc::unbounded_channel();
            let second = lock(folder.path(), "x", || said.send(()).unwrap());
            let release = async {
                waits.recv().await.unwrap();
                // Another image is not held up.
                drop(lock(folder.path(), "y", nobody).await.unwrap());
                first.note("no such host\n--- really");
                drop(first);
            };
            let (second, ()) = tokio::join!(second, release);
            assert_eq!(
                second.unwrap().problem_meanwhile().as_deref(),
                Some("no such host\n--- really")
            );
        }
    }
}
