//! What the exit status of `swarm` says. Documented in `swarm --help` and `docs/guide/cli.md`.

use std::process::ExitCode;

use swarm_core::{
    error_code::ErrorCode,
    machine::{End, Failure},
    outcome::ExitReason,
    run_view::{RunState, RunView},
};

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything that was asked for was done.
    Ok = 0,
    /// Something failed.
    Failed = 1,
    /// What was asked for makes no sense.
    Usage = 2,
    /// It took too long: a timeout, a deadline, or the queue.
    TimedOut = 3,
    /// The budget did not cover it.
    OverBudget = 4,
    /// A control said no.
    Denied = 5,
    /// It was stopped from outside; what had finished is kept.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// What an error amounts to.
    pub(crate) fn of_error(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidName
            | ErrorCode::InvalidInput
            | ErrorCode::InvalidJson
            | ErrorCode::InvalidToml
            | ErrorCode::UnknownField
            | ErrorCode::UnknownSandbox
            | ErrorCode::UnknownType
            | ErrorCode::UnknownAgent
            | ErrorCode::UnknownModel
            | ErrorCode::NoCredentials
            | ErrorCode::UnknownMcpServer
            | ErrorCode::Unsupported
            | ErrorCode::InvalidPipeline
            | ErrorCode::DuplicateStep
            | ErrorCode::UnreachableStep
            | ErrorCode::EndlessCycle
            | ErrorCode::UnknownGovernor
            | ErrorCode::UnknownPipeline
            | ErrorCode::RecursivePipeline
            | ErrorCode::UnknownStep
            | ErrorCode::UnknownPeer
            | ErrorCode::RecordingUnusable
            | ErrorCode::MountMissing => Self::Usage,
            ErrorCode::AgentTimedOut | ErrorCode::QueueTimedOut | ErrorCode::DeadlineExceeded => {
                Self::TimedOut
            }
            ErrorCode::BudgetExhausted | ErrorCode::AgentOverBudget => Self::OverBudget,
            ErrorCode::Refused
            | ErrorCode::NotYours
            | ErrorCode::Forbidden
            | ErrorCode::Unauthorized
            | ErrorCode::NotRecorded
            | ErrorCode::GuardFailed
            | ErrorCode::RefEncrypted
            | ErrorCode::WrongKey => Self::Denied,
            ErrorCode::Cancelled => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// What a run amounts to: if all its failures are of one kind, that kind.
    pub(crate) fn of_run(view: &RunView) -> Self {
        match &view.state {
            RunState::Open { .. } | RunState::Ended(End::Cancelled) => Self::Interrupted,
            RunState::Ended(End::Succeeded { .. }) => Self::Ok,
            RunState::Ended(End::Failed { failures, .. }) => {
                let mut kinds = failures.iter().map(Self::of_failure);
                let first = kinds.next().unwrap_or(Self::Failed);
                if kinds.all(|kind| kind == first) {
                    first
                } else {
                    Self::Failed
                }
            }
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        match failure.exit {
            ExitReason::TimedOut { .. }
            | ExitReason::DeadlineExceeded
            | ExitReason::QueueTimedOut => Self::TimedOut,
            ExitReason::BudgetExhausted | ExitReason::OverBudget => Self::OverBudget,
            ExitReason::Refused => Self::Denied,
            ExitReason::Cancelled => Self::Interrupted,
            ExitReason::Completed
            | ExitReason::Failed { .. }
            | ExitReason::Signalled { .. }
            | ExitReason::OutputLimit { .. }
            | ExitReason::OutOfMemory
            | ExitReason::ReportedFailure
            | ExitReason::InvalidOutput
            | ExitReason::RateLimited
            | ExitReason::NotStarted
            | ExitReason::Rejected
            | ExitReason::Lost => Self::Failed,
        }
    }
}
