//! From a status to a reason.

use std::time::Duration;

use swarm_core::{outcome::ExitReason, spec::ByteSize};

/// Whether we had a hand in the end of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended, or somebody else ended it.
    ByItself,
    /// We stopped it at its timeout.
    AtTimeout(Duration),
    /// We stopped it because it had printed more than this.
    AtOutputLimit(ByteSize),
    /// We stopped it on request.
    OnRequest,
}

/// Why an agent with this status is no longer running.
///
/// `oom` is what the engine says of the kernel's memory killer. It counts only for a failure: a program
/// that lost a child to it and still succeeded did its task.
pub(crate) fn reason(status: i64, oom: bool, ended: Ended) -> ExitReason {
    match ended {
        Ended::AtTimeout(after) => ExitReason::TimedOut { after },
        Ended::AtOutputLimit(limit) => ExitReason::OutputLimit {
            bytes: limit.bytes(),
        },
        Ended::OnRequest => ExitReason::Cancelled,
        Ended::ByItself if status == 0 => ExitReason::Completed,
        Ended::ByItself if oom => ExitReason::OutOfMemory,
        // Engines and shells report death by signal n as 128 + n. A program that itself exits with such a
        // status cannot be told apart, but for signals that end nobody: the Gemini CLI exits with the HTTP status of its
        // provider, of which 8 bits are left, and 400 to 404 are 144 to 148.
        Ended::ByItself => match i32::try_from(status) {
            Ok(code @ (129..=143 | 152..=155 | 157..=159)) => {
                ExitReason::Signalled { signal: code - 128 }
            }
            Ok(code) => ExitReason::Failed { code },
            Err(_) => ExitReason::Failed { code: i32::MAX },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_the_reason_that_shells_would_give() {
        let after = Duration::from_secs(3);
        for (status, oom, ended, expected) in [
            (0, false, Ended::ByItself, ExitReason::Completed),
            (0, true, Ended::ByItself, ExitReason::Completed),
            (1, false, Ended::ByItself, ExitReason::Failed { code: 1 }),
            (
                128,
                false,
                Ended::ByItself,
                ExitReason::Failed { code: 128 },
            ),
            (
                129,
                false,
                Ended::ByItself,
                ExitReason::Signalled { signal: 1 },
            ),
            (
                137,
                false,
                Ended::ByItself,
                ExitReason::Signalled { signal: 9 },
            ),
            (
                143,
                false,
                Ended::ByItself,
                ExitReason::Signalled { signal: 15 },
            ),
            (
                159,
                false,
                Ended::ByItself,
                ExitReason::Signalled { signal: 31 },
            ),
            (
                160,
                false,
                Ended::ByItself,
                ExitReason::Failed { code: 160 },
            ),
            (
                255,
                false,
                Ended::ByItself,
                ExitReason::Failed { code: 255 },
            ),
            (137, true, Ended::ByItself, ExitReason::OutOfMemory),
            (1, true, Ended::ByItself, ExitReason::OutOfMemory),
            (
                137,
                true,
                Ended::AtTimeout(after),
                ExitReason::TimedOut { after },
            ),
            (
                0,
                false,
                Ended::AtTimeout(after),
                ExitReason::TimedOut { after },
            ),
            (137, false, Ended::OnRequest, ExitReason::Cancelled),
            (
                i64::MAX,
                false,
                Ended::ByItself,
                ExitReason::Failed { code: i32::MAX },
            ),
        ] {
            assert_eq!(
                reason(status, oom, ended),
                expected,
                "{status} {oom} {ended:?}"
            );
        }
    }

    #[test]
    fn a_signal_that_ends_nobody_is_a_status() {
        // 400 and 404 of a provider as the Gemini CLI gives them on, and `SIGWINCH`.
        for code in [144, 148, 156] {
            let found = reason(code.into(), false, Ended::ByItself);
            assert_eq!(found, ExitReason::Failed { code });
        }
    }

    #[test]
    fn who_was_stopped_at_the_output_limit_ended_for_that_whatever_the_status() {
        let ended = Ended::AtOutputLimit(ByteSize::new(9));
        for status in [0, 137] {
            let expected = ExitReason::OutputLimit { bytes: 9 };
            assert_eq!(reason(status, true, ended), expected);
        }
    }
}
