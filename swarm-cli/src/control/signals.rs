//! The signals that ask this process to stop.

use std::future::pending;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CliError;

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Somebody at the terminal wants us to stop: ctrl-C or ctrl-\\.
    Interrupt,
    /// Somebody elsewhere does: `kill`.
    Terminate,
    /// The terminal is gone.
    Hangup,
}

/// The signals that ask this process to stop, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    /// None if we are to outlive the terminal.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens from now on. None of them ends this process by itself any more.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let on = |kind| {
            signal(kind).map_err(|error| CliError::file("listen to", "signals".as_ref(), &error))
        };
        let hangup = SignalKind::hangup();
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            quit: on(SignalKind::quit())?,
            hangup: if is_ignored(hangup) {
                None
            } else {
                Some(on(hangup)?)
            },
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Heard {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Heard::Interrupt,
            _ = self.terminate.recv() => Heard::Terminate,
            _ = self.quit.recv() => Heard::Interrupt,
            _ = hangup => Heard::Hangup,
        }
    }
}

/// Whether whoever started us had this signal ignored, as `nohup` does; to listen would undo that.
fn is_ignored(kind: SignalKind) -> bool {
    // Where there is no such file, nothing is known to be ignored.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    let number = kind.as_raw_value();
    (1..=64).contains(&number) && ignored >> (number - 1) & 1 == 1
}
