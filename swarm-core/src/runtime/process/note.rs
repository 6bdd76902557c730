//! Who the process of an agent is, written down for the case that this process dies.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::procfs::{Stat, era};

const FILE: &str = "process.json";

/// The identity of the leader of a process group.
///
/// A process number alone is worth nothing: the kernel gives it to somebody else sooner or later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pid: i32,
    started: u64,
    era: String,
}

impl Note {
    /// The process `pid`, which runs now; `None` where processes cannot be told apart.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Some(Self {
            pid,
            started: Stat::of(pid)?.started,
            era: era()?,
        })
    }

    /// Writes this into the agent's folder. Survives the end of this process, need not survive a crash
    /// of the machine: the agent would not either.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(FILE), serde_json::to_vec(self)?)
    }

    /// The note in `folder`; `None` if there is none, or none that makes sense.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut text = Vec::new();
        let file = File::open(folder.join(FILE)).ok()?;
        file.take(4096).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The group to kill: only if its leader is still the very process that this note is about.
    pub(super) fn group(&self) -> Option<Pid> {
        let stat = Stat::of(self.pid)?;
        let same = stat.started == self.started
            && stat.group == self.pid
            && era().is_some_and(|era| era == self.era);
        // Group 1 stands for every process there is.
        (same && self.pid > 1).then(|| Pid::from_raw(self.pid))?
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{os::unix::process::CommandExt as _, process::Command};

    use super::*;

    #[test]
    fn only_the_very_process_that_was_noted_is_recognised() {
        let mut child = Command::new("sleep")
            .arg("60")
            .process_group(0)
            .spawn()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let note = Note::of(i32::try_from(child.id()).unwrap()).unwrap();
        note.write(folder.path()).unwrap();
        assert_eq!(Note::read(folder.path()), Some(note.clone()));
        assert_eq!(note.group().map(Pid::as_raw_pid), Some(note.pid));

        let later = Note {
            started: note.started + 1,
            ..note.clone()
        };
        let other_boot = Note {
            era: "another".to_owned(),
            ..note
        };
        assert_eq!(later.group(), None);
        assert_eq!(other_boot.group(), None);

        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(note.group(), None);
    }

    #[test]
    fn a_process_that_leads_no_group_is_never_the_one() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let note = Note::of(i32::try_from(child.id()).unwrap()).unwrap();
        let group = note.group();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(group, None);
        assert_eq!(Note::of(1).and_then(|init| init.group()), None);
    }

    #[test]
    fn a_damaged_note_is_no_note() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(folder.path()), None);
        fs::write(folder.path().join(FILE), b"{\"pid\": 1").unwrap();
        assert_eq!(Note::read(folder.path()), None);
    }
}
