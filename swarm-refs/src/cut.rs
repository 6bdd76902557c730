//! In tests: the step at which the process dies or the disk fails.

use std::io;

/// One step that changes the disk. Does nothing outside this crate's own tests.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(crate) const fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use counted::{Cut, arm, step};

#[cfg(test)]
mod counted {
    use std::cell::Cell;

    use super::io;

    /// What happens at the armed step.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Cut {
        /// The disk fails then, and ever after.
        Fail,
        /// The process is killed.
        Kill,
    }

    thread_local! {
        static DONE: Cell<usize> = const { Cell::new(0) };
        static ARMED: Cell<Option<(Cut, usize)>> = const { Cell::new(None) };
    }

    /// Sets what happens at which step from now on this thread, counted from 0; returns how many there were before.
    pub(crate) fn arm(cut: Option<(Cut, usize)>) -> usize {
        ARMED.set(cut);
        DONE.replace(0)
    }

    pub(crate) fn step() -> io::Result<()> {
        let step = DONE.get();
        DONE.set(step + 1);
        match ARMED.get() {
            Some((Cut::Fail, at)) if step >= at => Err(io::Error::other("the disk failed")),
            Some((Cut::Kill, at)) if step == at => {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::KILL)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
