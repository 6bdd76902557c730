//! What the end of an agent means.

use std::time::Duration;

use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{describe::describe, listener::Heard};
use crate::{
    agents::{AgentKind, Verdict, transcript::MAX_TEXT},
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    output_schema::OutputSchema,
    refs::{RecordEnd, Recording, Ref, RefError, Stamps},
    runtime::{AgentExit, AgentJob, RuntimeError},
    spec::AgentSpec,
};

/// What the end of the agent means.
pub(super) fn conclude(
    ran: Result<AgentExit, RuntimeError>,
    job: &AgentJob,
    spec: &AgentSpec,
    kind: &dyn AgentKind,
    stderr: &str,
) -> RecordEnd {
    let (exit, duration, error) = match ran {
        Ok(AgentExit {
            reason: ExitReason::TimedOut { .. },
            duration,
        }) if job.timeout < spec.sandbox.timeout => {
            // It was stopped before its own timeout, so it was the deadline that stopped it.
            (ExitReason::DeadlineExceeded, duration, None)
        }
        Ok(exit) => {
            let error = describe(&exit.reason, spec, stderr);
            (exit.reason, exit.duration, error)
        }
        Err(error) => (error.exit_reason(), Duration::ZERO, Some(error.to_string())),
    };
    let cost = match exit {
        ExitReason::NotStarted | ExitReason::Refused => Some(Usd::ZERO),
        _ => kind.cost(spec),
    };
    RecordEnd {
        exit,
        error,
        cost,
        duration,
        text: None,
        stamps: Stamps::default(),
    }
}

/// What the agent says itself counts against it, never for it: it can turn a success into a failure, not the other way
/// round.
pub(super) fn heed(end: &mut RecordEnd, heard: Heard, worst_case: Usd, stderr: &str) {
    // Who never started has said nothing, and costs nothing.
    if matches!(end.exit, ExitReason::NotStarted | ExitReason::Refused) {
        return;
    }
    let Heard {
        mut conclusion,
        metered,
        used,
        refused,
    } = heard;
    end.text = Some(conclusion.text);
    // Whoever was stopped has told on the way what it used, but not in the end.
    let usage = &mut conclusion.conversation.usage;
    *usage = usage.at_least(used);
    end.stamps.conversation = Some(conclusion.conversation);
    end.cost = match conclusion.verdict {
        // Whoever was stopped may have spent more than it had time to tell.
        Verdict::Unfinished => (metered > worst_case).then_some(metered),
        // It may have told more on the way than it admits at the end.
        _ => conclusion
            .cost
            .max((metered > Usd::ZERO).then_some(metered)),
    };
    let ended_by_itself = matches!(end.exit, ExitReason::Completed | ExitReason::Failed { .. });
    if !ended_by_itself {
        if end.exit == ExitReason::OverBudget {
            end.error = Some(format!(
                "stopped when it had spent {metered} of {worst_case}; raise `max_budget`, or ask for less"
            ));
        } else if let (Some(error), Some(status)) = (&mut end.error, refused) {
            // Else nobody would know why it took so long.
            *error = format!(
                "{error}; its provider had refused its last request with the status {status}"
            );
        }
        return;
    }
    let has_status = matches!(end.exit, ExitReason::Failed { .. });
    match conclusion.verdict {
        Verdict::Succeeded => {}
        Verdict::OverBudget { message } => say(end, ExitReason::OverBudget, message),
        Verdict::RateLimited { message } => say(end, ExitReason::RateLimited, message),
        // Its own status says more.
        Verdict::Failed { message } if has_status => end.error = Some(message),
        Verdict::Failed { message } => say(end, ExitReason::ReportedFailure, message),
        // So does stderr.
        Verdict::Unfinished if has_status => {}
        Verdict::Unfinished => {
            let said = if stderr.trim().is_empty() {
                String::new()
            } else {
                format!(": {}", stderr.trim())
            };
            say(
                end,
                ExitReason::ReportedFailure,
                format!("it ended without saying that it had finished{said}"),
            );
        }
    }
}

fn say(end: &mut RecordEnd, exit: ExitReason, error: String) {
    end.exit = exit;
    end.error = Some(error);
}

/// An answer of the wrong shape is no success, whatever the program says. The answer is `stdout`, or the text that was heard.
pub(super) async fn hold_to_schema(end: &mut RecordEnd, schema: &Value, stdout: Option<Vec<u8>>) {
    if end.exit != ExitReason::Completed {
        return;
    }
    let answer = stdout.unwrap_or_else(|| end.text.clone().unwrap_or_default().into_bytes());
    if answer.len() > MAX_TEXT {
        let error = format!("the answer has more than {MAX_TEXT} bytes, too many to be checked");
        return say(end, ExitReason::InvalidOutput, error);
    }
    let schema = schema.clone();
    let checked = spawn_blocking(move || match OutputSchema::new(&schema) {
        Ok(schema) => match std::str::from_utf8(&answer) {
            Ok(answer) => schema.objection(answer),
            Err(error) => Some(format!("the answer is not JSON: {error}")),
        },
        Err(error) => Some(error.to_string()),
    });
    let objection = checked
        .await
        .unwrap_or_else(|error| Some(error.to_string()));
    if let Some(objection) = objection {
        say(end, ExitReason::InvalidOutput, objection);
    }
}

/// Completes the record. If that fails the agent did run, and was paid; what is lost is its result.
///
/// # Errors
///
/// If there is no room for it, and it is wanted.
pub(super) async fn keep(
    recording: Box<dyn Recording>,
    end: RecordEnd,
) -> Result<AgentOutcome, RefError> {
    let RecordEnd {
        exit,
        error,
        cost,
        duration,
        ..
    } = end.clone();
    Ok(match recording.finish(end).await {
        Ok(found) => outcome_of(found),
        Err(full) if full.is_storage_exhausted() && exit != ExitReason::Cancelled => {
            return Err(full);
        }
        Err(lost) => AgentOutcome {
            exit: if exit.is_success() {
                ExitReason::Lost
            } else {
                exit
            },
            error: Some(format!(
                "{}its result could not be kept: {lost}",
                prefix(error)
            )),
            cost,
            duration,
            result: None,
            finding: None,
            cached: false,
        },
    })
}

fn prefix(error: Option<String>) -> String {
    error.map(|error| format!("{error}; ")).unwrap_or_default()
}

pub(super) fn outcome_of(found: Ref) -> AgentOutcome {
    // What an agent said stays in its record, where it can be encrypted.
    let error = match found.exit {
        ExitReason::Failed { .. }
        | ExitReason::ReportedFailure
        | ExitReason::InvalidOutput
        | ExitReason::OverBudget
        | ExitReason::RateLimited => None,
        _ => found.error,
    };
    AgentOutcome {
        exit: found.exit,
        error,
        cost: found.cost_usd,
        duration: Duration::try_from_secs_f64(found.duration_seconds).unwrap_or_default(),
        result: Some(found.id),
        finding: found.stamps.finding.map(|stamp| stamp.finding),
        cached: false,
    }
}
