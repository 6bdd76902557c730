//! What to tell a person about an agent that did not complete.

use crate::{outcome::ExitReason, spec::AgentSpec};

/// The agent's own words if it failed by itself, else what was done to it; nothing if it completed.
pub(super) fn describe(exit: &ExitReason, spec: &AgentSpec, stderr: &str) -> Option<String> {
    let said = stderr.trim();
    match exit {
        ExitReason::Completed => None,
        ExitReason::Failed { .. } if !said.is_empty() => Some(said.to_owned()),
        ExitReason::OutOfMemory => Some(match spec.sandbox.memory {
            Some(limit) => format!("out of memory at its limit of {limit} bytes; raise `memory`"),
            None => "out of memory".to_owned(),
        }),
        reason @ ExitReason::TimedOut { .. } => {
            Some(format!("{reason}; what it had printed is kept"))
        }
        reason @ ExitReason::OutputLimit { .. } => Some(format!(
            "{reason}, and was stopped; what it had printed until then is kept; let it print less, or raise `max_output`"
        )),
        reason => Some(reason.to_string()),
    }
}
