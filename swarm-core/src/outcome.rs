//! Every way an agent can end.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{error_code::ErrorCode, evaluate::Finding, ids::RefId, money::Usd, time::seconds};

/// Why an agent is no longer running, or never ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExitReason {
    /// It did its task: exit status zero.
    Completed,
    /// It ended by itself with another status.
    Failed {
        /// The exit status.
        code: i32,
    },
    /// A signal that was not ours ended it.
    Signalled {
        /// The number of the signal.
        signal: i32,
    },
    /// It was stopped at its timeout.
    TimedOut {
        /// The timeout.
        #[serde(with = "seconds")]
        after: Duration,
    },
    /// It was stopped because it had printed more than is kept.
    OutputLimit {
        /// How much is kept.
        bytes: u64,
    },
    /// The kernel stopped it at its memory limit.
    OutOfMemory,
    /// It ended with status zero, but says itself that it did not do its task, or does not say that it did.
    ReportedFailure,
    /// It did its task, but its answer is not as `output_schema` wants it.
    InvalidOutput,
    /// It was stopped, or stopped itself, because it had spent what it may cost.
    OverBudget,
    /// Its provider took no more requests.
    RateLimited,
    /// It was stopped, or not started, because its result is no longer wanted.
    Cancelled,
    /// It was not started: the budget does not cover its worst case.
    BudgetExhausted,
    /// It was not started, or was stopped: the deadline of the run has passed.
    DeadlineExceeded,
    /// It was not started: no slot or pool became free in time.
    QueueTimedOut,
    /// It was not started: a control forbids what it asks for.
    Refused,
    /// It could not be started.
    NotStarted,
    /// It vanished: its engine died, or somebody removed it.
    Lost,
    /// It did its task, but who judged its result, a guard, or a person did not accept that. No agent ends like that by
    /// itself.
    Rejected,
}

impl ExitReason {
    /// Whether the agent did its task.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Completed)
    }

    /// Whether another attempt could end differently. A limit stays reached and a control stays in force.
    pub const fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Failed { .. }
            | Self::Signalled { .. }
            | Self::TimedOut { .. }
            | Self::OutputLimit { .. }
            | Self::OutOfMemory
            | Self::ReportedFailure
            | Self::InvalidOutput
            // The next attempt waits until requests are taken again.
            | Self::RateLimited
            | Self::QueueTimedOut
            | Self::NotStarted
            | Self::Lost
            | Self::Rejected => true,
            Self::Completed
            | Self::OverBudget
            | Self::Cancelled
            | Self::BudgetExhausted
            | Self::DeadlineExceeded
            | Self::Refused => false,
        }
    }

    /// Whether it never began, for a reason that does not pass by itself. One that waited too long for a slot may get one later.
    pub const fn never_began(&self) -> bool {
        matches!(
            self,
            Self::Refused | Self::NotStarted | Self::BudgetExhausted | Self::DeadlineExceeded
        )
    }

    /// The status as a number: the agent's own, 128 + signal as shells have it, −1 if there is none. A failure that an agent
    /// reports in spite of its status zero is 1, and so is an answer of the wrong shape.
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Completed => 0,
            Self::Failed { code } => *code,
            Self::Signalled { signal } => 128 + *signal,
            Self::OutOfMemory => 137,
            Self::ReportedFailure | Self::InvalidOutput | Self::Rejected => 1,
            Self::TimedOut { .. }
            | Self::OutputLimit { .. }
            | Self::OverBudget
            | Self::RateLimited
            | Self::Cancelled
            | Self::BudgetExhausted
            | Self::DeadlineExceeded
            | Self::QueueTimedOut
            | Self::Refused
            | Self::NotStarted
            | Self::Lost => -1,
        }
    }

    /// The code of the error that this amounts to; none for success.
    pub const fn error_code(&self) -> Option<ErrorCode> {
        Some(match self {
            Self::Completed => return None,
            Self::Failed { .. } => ErrorCode::AgentFailed,
            Self::Signalled { .. } => ErrorCode::AgentSignalled,
            Self::TimedOut { .. } => ErrorCode::AgentTimedOut,
            Self::OutputLimit { .. } => ErrorCode::AgentOutputLimit,
            Self::OutOfMemory => ErrorCode::AgentOutOfMemory,
            Self::ReportedFailure => ErrorCode::AgentReportedFailure,
            Self::InvalidOutput => ErrorCode::AgentInvalidOutput,
            Self::OverBudget => ErrorCode::AgentOverBudget,
            Self::RateLimited => ErrorCode::AgentRateLimited,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::BudgetExhausted => ErrorCode::BudgetExhausted,
            Self::DeadlineExceeded => ErrorCode::DeadlineExceeded,
            Self::QueueTimedOut => ErrorCode::QueueTimedOut,
            Self::Refused => ErrorCode::Refused,
            Self::NotStarted => ErrorCode::StartFailed,
            Self::Lost => ErrorCode::AgentLost,
            Self::Rejected => ErrorCode::Rejected,
        })
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Failed { code } => write!(f, "exit code {code}"),
            Self::Signalled { signal } => write!(f, "ended by signal {signal}"),
            Self::TimedOut { after } => write!(f, "timed out after {}s", after.as_secs_f64()),
            Self::OutputLimit { bytes } => write!(f, "printed more than {bytes} bytes"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::ReportedFailure => f.write_str("reported failure"),
            Self::InvalidOutput => f.write_str("invalid output"),
            Self::OverBudget => f.write_str("over budget"),
            Self::RateLimited => f.write_str("rate limited"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::BudgetExhausted => f.write_str("budget exhausted"),
            Self::DeadlineExceeded => f.write_str("deadline exceeded"),
            Self::QueueTimedOut => f.write_str("queue timed out"),
            Self::Refused => f.write_str("refused"),
            Self::NotStarted => f.write_str("not started"),
            Self::Lost => f.write_str("lost"),
            Self::Rejected => f.write_str("rejected"),
        }
    }
}

/// How one agent ended, as the log keeps it. The text of its result is in the ref store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentOutcome {
    /// Why it ended.
    pub exit: ExitReason,
    /// What happened to it, for a person, if it did not complete. What an agent that [failed](ExitReason::Failed)
    /// said about that is in its record and nowhere else, so that it can be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it cost; `None` if nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// How long it ran, without waiting for slots.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// Where its output is kept; `None` if it never started.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub result: Option<RefId>,
    /// What was read out of its answer, if the plan asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// Whether it was not run because another agent, mostly of another run, had done the same work: the result is that agent's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
}

impl AgentOutcome {
    /// The outcome of an agent that was never started.
    pub fn not_started(exit: ExitReason, error: impl Into<String>) -> Self {
        Self {
            exit,
            error: Some(error.into()),
            cost: Some(Usd::ZERO),
            duration: Duration::ZERO,
            result: None,
            finding: None,
            cached: false,
        }
    }
}
