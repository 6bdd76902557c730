//! Builds the default image of a kind when a run misses it: once, however many runs in however many processes miss it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use swarm_core::{hash, runtime::RuntimeError};
use tokio::{sync::Mutex, task::spawn_blocking, time::sleep};

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
    pub tell: Arc<dyn Fn(BuildNews<'_>) + Send + Sync>,
}

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

/// The images that could not be built in this process, and when that was known.
pub(crate) type Misses = Mutex<HashMap<String, (SystemTime, String)>>;

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
    let asked = SystemTime::now();
    let failed = |problem: String| RuntimeError::ImageBuild {
        image: image.to_owned(),
        problem,
    };
    let mut misses = inner.misses.lock().await;
    if let Some((at, problem)) = misses.get(image)
        && *at >= asked
    {
        // Whoever had this turn before us tried it after we had asked.
        return Err(failed(problem.clone()));
    }
    let lock = lock(&options.locks, image, || {
        (options.tell)(BuildNews::Waits { image });
    });
    let mut lock = lock.await?;
    if show(&inner.engine, image).await?.is_some() {
        return Ok(());
    }
    if let Some(problem) = lock.problem_since(asked) {
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
                misses.insert(image.to_owned(), (SystemTime::now(), problem.clone()));
                lock.note(problem);
            }
            Err(error)
        }
    }
}

/// Held while an image is built. What is in the file is why that failed the last time.
struct Lock {
    /// Locked; closing it gives the lock back.
    file: File,
    path: PathBuf,
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
    let file = opened
        .map_err(|error| unusable(error.into()))?
        .map_err(unusable)?;
    let mut has_said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { file, path }),
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

fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

impl Lock {
    /// Why it could not be built, if somebody found that out after `asked`.
    fn problem_since(&mut self, asked: SystemTime) -> Option<String> {
        let noted = self.file.metadata().ok()?;
        if noted.len() == 0 || noted.modified().ok()? < asked {
            return None;
        }
        let mut problem = String::new();
        let mut noted = (&mut self.file).take(LONGEST_PROBLEM);
        noted.read_to_string(&mut problem).ok()?;
        Some(problem)
    }

    /// Tells those who wait. If that fails, they find out for themselves.
    fn note(&mut self, problem: &str) {
        let noted = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(problem.as_bytes()));
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
    async fn a_second_one_waits_and_is_told_what_the_first_found_out() {
        let folder = tempfile::tempdir().unwrap();
        // Files have times of a coarser clock.
        let asked = SystemTime::now() - Duration::from_secs(1);
        let mut first = lock(folder.path(), "x", || panic!("nobody has it"))
            .await
            .unwrap();
        let (said, mut waits) = tokio::sync::mpsc::unbounded_channel();
        let second = lock(folder.path(), "x", || said.send(()).unwrap());
        let release = async {
            waits.recv().await.unwrap();
            first.note("no such host");
            drop(first);
        };
        let (second, ()) = tokio::join!(second, release);
        let mut second = second.unwrap();
        assert_eq!(second.problem_since(asked).as_deref(), Some("no such host"));
        let later = SystemTime::now() + Duration::from_secs(1);
        assert_eq!(second.problem_since(later), None);
        // Another image is not held up.
        drop(
            lock(folder.path(), "y", || panic!("nobody has it"))
                .await
                .unwrap(),
        );
    }
}
