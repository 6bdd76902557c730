//! How much an agent may print.

use tokio_util::sync::CancellationToken;

use crate::{outcome::ExitReason, spec::ByteSize};

/// How much of what an agent prints is kept if nobody says otherwise: 256 MiB, both outputs together.
pub const DEFAULT_MAX_OUTPUT: ByteSize = ByteSize::new(256 << 20);

/// What is left of [`max_output`](super::AgentJob::max_output), for runtimes.
///
/// Whatever an agent prints passes through [`take`](Self::take) on its way to the sink. The first byte too many is heard at
/// [`exceeded`](Self::exceeded), where the agent is stopped, and its end goes through [`judge`](Self::judge).
#[derive(Debug)]
pub struct OutputLimit {
    limit: ByteSize,
    left: u64,
    exceeded: CancellationToken,
}

impl OutputLimit {
    /// Nothing has been printed yet.
    pub fn new(limit: ByteSize) -> Self {
        Self {
            limit,
            left: limit.bytes(),
            exceeded: CancellationToken::new(),
        }
    }

    /// The part of `printed` that is kept.
    pub fn take<'a>(&mut self, printed: &'a [u8]) -> &'a [u8] {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        match printed.get(..room) {
            Some(kept) if kept.len() < printed.len() => {
                self.left = 0;
                self.exceed();
                kept
            }
            _ => {
                self.left -= printed.len() as u64;
                printed
            }
        }
    }

    /// Nothing more can be kept.
    pub fn exceed(&mut self) {
        self.left = 0;
        self.exceeded.cancel();
    }

    /// Fires when the agent has printed more than it may.
    pub fn exceeded(&self) -> &CancellationToken {
        &self.exceeded
    }

    /// How an agent that is stopped for this has ended.
    pub fn reason(&self) -> ExitReason {
        ExitReason::OutputLimit {
            bytes: self.limit.bytes(),
        }
    }

    /// How an agent has really ended: if it was quicker than whoever stops it, what it printed is cut all the same, and that is
    /// no success. One that was stopped for another reason was.
    #[must_use]
    pub fn judge(&self, reason: ExitReason) -> ExitReason {
        let stopped = matches!(
            reason,
            ExitReason::Cancelled | ExitReason::TimedOut { .. } | ExitReason::DeadlineExceeded
        );
        if self.exceeded.is_cancelled() && !stopped {
            self.reason()
        } else {
            reason
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_limit_is_kept_and_the_next_byte_is_heard() {
        let mut limit = OutputLimit::new(ByteSize::new(5));
        assert_eq!(limit.take(b"abc"), b"abc");
        assert_eq!(limit.take(b"de"), b"de");
        assert_eq!(limit.take(b""), b"");
        assert!(!limit.exceeded().is_cancelled());
        assert_eq!(limit.judge(ExitReason::Completed), ExitReason::Completed);
        assert_eq!(limit.take(b"f"), b"");
        assert!(limit.exceeded().is_cancelled());
        assert_eq!(limit.take(b"g"), b"");
    }

    #[test]
    fn who_prints_too_much_never_succeeds() {
        let mut limit = OutputLimit::new(ByteSize::new(2));
        assert_eq!(limit.take(b"abc"), b"ab");
        let cut = ExitReason::OutputLimit { bytes: 2 };
        assert_eq!(limit.judge(ExitReason::Completed), cut);
        assert_eq!(limit.judge(ExitReason::Failed { code: 1 }), cut);
        assert_eq!(limit.judge(ExitReason::Cancelled), ExitReason::Cancelled);
        assert!(!cut.is_success());
    }
}
