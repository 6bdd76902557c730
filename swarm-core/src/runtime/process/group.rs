//! The process group of one agent.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// A process group that was made for one agent; killed when this is dropped.
///
/// Killing the child alone would leave behind what it has started.
#[derive(Debug)]
pub(super) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group that `child` leads.
    pub(super) fn led_by(child: &Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        Self(pid.and_then(Pid::from_raw))
    }

    /// The number of the group, which is that of its leader.
    pub(super) fn number(&self) -> Option<i32> {
        self.0.map(Pid::as_raw_pid)
    }

    /// Asks every process of the group to end.
    pub(super) fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills every process of the group, for the last time.
    ///
    /// If the leader was awaited, this must follow at once: its number is free for others as soon as
    /// nothing is left of the group.
    pub(super) fn end(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // Fails if nothing is left of the group, which is as good.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}
