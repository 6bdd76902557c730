//! Which runs the daemon drives, on disk: those that have not ended when it does go on when it begins again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use swarm_core::ids::RunId;

use super::RunSettings;
use crate::home::{self, HomeError};

/// The runs of a home that a daemon drives, or drove. Every method blocks.
#[derive(Clone, Debug)]
pub(crate) struct KeptRuns(PathBuf);

impl KeptRuns {
    /// Those of the home at `home`.
    pub(crate) fn open(home: &Path) -> Result<Self, HomeError> {
        let folder = home.join("daemon").join("runs");
        home::make_folder(&folder)?;
        Ok(Self(folder))
    }

    /// From here on `run` goes on whenever a daemon begins, with `settings`. Whether it did so before.
    pub(crate) fn keep(&self, run: &RunId, settings: &RunSettings) -> Result<bool, HomeError> {
        let file = self.file(run);
        let did_before = file.exists();
        let text = serde_json::to_string(settings).unwrap_or_default();
        home::replace(&file, &text)?;
        Ok(did_before)
    }

    /// It does no longer.
    pub(crate) fn forget(&self, run: &RunId) {
        let file = self.file(run);
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%run, %error, "a run that is over is still among those that go on");
        }
    }

    /// All of them. What cannot be read is left out, and said.
    pub(crate) fn all(&self) -> Vec<(RunId, RunSettings)> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries.filter_map(|entry| read(&entry.path())).collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }

    fn file(&self, run: &RunId) -> PathBuf {
        self.0.join(format!("{run}.json"))
    }
}

fn read(path: &Path) -> Option<(RunId, RunSettings)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    let run = RunId::new(name).ok()?;
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let settings = text.and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string()));
    match settings {
        Ok(settings) => Some((run, settings)),
        Err(problem) => {
            tracing::warn!(%run, problem, "a run cannot go on by itself: `swarm runs resume` does that");
            None
        }
    }
}
