//! The performer that really runs agents: budget, permits, record, runtime.

mod admission;
mod describe;
mod listener;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use self::{
    admission::Limits,
    describe::describe,
    listener::{Heard, Listener},
};
use crate::{
    agents::{AgentKind, Verdict, kind_of},
    budget::Reservation,
    drive::{DriveError, Halt, Performed, Performer, Start},
    ids::{RefId, RunId},
    journal::{RunEvent, RunJournal},
    machine::Cursor,
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    prices::PriceBook,
    prompt::{self, Context},
    refs::{
        Classification, RecordEnd, RecordHeader, Recording, Ref, RefError, RefStore, RetryStamp,
        Stamps,
    },
    runtime::{AgentExit, AgentJob, AgentRuntime, Launch, RuntimeError},
    spec::AgentSpec,
    supplies::Supplies,
};

/// Runs the agents of one run.
#[derive(Debug)]
pub(crate) struct AgentRunner {
    pub(crate) run: RunId,
    pub(crate) runtime: Arc<dyn AgentRuntime>,
    pub(crate) store: Arc<dyn RefStore>,
    pub(crate) journal: RunJournal,
    pub(crate) limits: Limits,
    pub(crate) prices: Arc<PriceBook>,
    pub(crate) supplies: Supplies,
    /// Agents that an earlier process started, and what it set aside for them.
    pub(crate) under_way: Mutex<HashMap<Cursor, Reservation>>,
}

pub(crate) use admission::Limits as AdmissionLimits;

/// Why an agent did not get as far as its end.
enum Stopped {
    /// It ends here, without ever having started.
    Denied(AgentOutcome),
    /// The run was interrupted.
    Interrupted,
    /// The run cannot go on.
    Broken(DriveError),
}

impl Performer for AgentRunner {
    async fn perform(&self, start: Start, halt: Halt) -> Performed {
        match self.run_agent(&start, &halt).await {
            Ok(outcome) | Err(Stopped::Denied(outcome)) => Performed::Ended(outcome),
            Err(Stopped::Interrupted) => Performed::Interrupted,
            Err(Stopped::Broken(error)) => Performed::Broken(error),
        }
    }
}

impl AgentRunner {
    async fn run_agent(&self, start: &Start, halt: &Halt) -> Result<AgentOutcome, Stopped> {
        let id = RefId::new(self.run.clone(), start.agent.clone());
        let (launch, holds) = match self.take_under_way(&start.at) {
            None => (Launch::New, None),
            Some(reservation) => {
                if let Ok(found) = self.store.get(&id).await {
                    // It had ended and its result is kept; only the log did not hear of it any more.
                    let _ = reservation.settle(found.cost_usd);
                    return Ok(outcome_of(found));
                }
                match self.runtime.can_take_over(&id).await {
                    Ok(true) => (Launch::TakeOver, Some(reservation)),
                    // What it cost so far is gone, and nobody knows how much that was.
                    Ok(false) => (Launch::Again, None),
                    Err(error) => return Err(Stopped::Broken(error.into())),
                }
            }
        };
        let spec = start.spec.as_ref();
        let kind =
            kind_of(&spec.agent).map_err(|error| denied(ExitReason::Refused, error.to_string()))?;
        let mut admission = self
            .limits
            .admit(spec, kind.worst_case(spec), holds, halt)
            .await?;
        let mut recording = self.open_record(&id, start, kind).await?;
        if launch != Launch::TakeOver {
            let started = RunEvent::AgentStarted {
                at: start.at.clone(),
                agent: start.agent.clone(),
                reserved: admission.reserved(),
            };
            self.journal
                .append(vec![started])
                .await
                .map_err(|error| Stopped::Broken(error.into()))?;
            admission.begin();
        }
        let job = AgentJob {
            id,
            invocation: self.supplies.invocation(kind, spec),
            stdin: recording.prompt(),
            sandbox: spec.sandbox.clone(),
            timeout: self.limits.timeout(spec),
            launch,
        };
        let (ran, heard) = self
            .listen(&job, kind, spec, recording.as_mut(), halt)
            .await;
        match ran {
            Ok(AgentExit {
                reason: ExitReason::Cancelled,
                ..
            }) if halt.is_interruption() => {
                return Err(Stopped::Interrupted);
            }
            // No agent would fare better, and none is to blame: the run waits for the engine to be back.
            Err(error @ RuntimeError::EngineUnavailable { .. }) => {
                return Err(Stopped::Broken(error.into()));
            }
            _ => {}
        }
        let mut end = conclude(ran, &job, spec, kind, &recording.stderr_tail());
        if end.exit == ExitReason::DeadlineExceeded {
            end.error = self.limits.stopped_at_deadline();
        }
        if let Some(heard) = heard {
            heed(
                &mut end,
                heard,
                kind.worst_case(spec),
                &recording.stderr_tail(),
            );
        }
        end.stamps = Stamps {
            budget: Some(admission.settle(end.cost)),
            conversation: end.stamps.conversation,
            deadline: self.limits.deadline_stamp(),
            retry: retry_stamp(&start.context),
            ..Stamps::default()
        };
        Ok(keep(recording, end).await)
    }

    /// Runs the agent, and listens to it if there is anything to understand.
    async fn listen(
        &self,
        job: &AgentJob,
        kind: &dyn AgentKind,
        spec: &AgentSpec,
        recording: &mut dyn Recording,
        halt: &Halt,
    ) -> (Result<AgentExit, RuntimeError>, Option<Heard>) {
        let Some(transcript) = kind.transcript() else {
            return (self.runtime.run(job, recording, halt.token()).await, None);
        };
        let stop = halt.token().child_token();
        let limit = kind.worst_case(spec);
        let mut listener = Listener::new(
            recording,
            transcript,
            Arc::clone(&self.prices),
            kind.model(spec),
            limit,
            stop.clone(),
        );
        let mut ran = self.runtime.run(job, &mut listener, &stop).await;
        let heard = listener.conclude().await;
        if let Ok(exit) = &mut ran
            && exit.reason == ExitReason::Cancelled
            && !halt.token().is_cancelled()
        {
            exit.reason = ExitReason::OverBudget;
        }
        (ran, Some(heard))
    }

    fn take_under_way(&self, at: &Cursor) -> Option<Reservation> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.remove(at)
    }

    /// Checks what the agent may see and writes its prompt down.
    async fn open_record(
        &self,
        id: &RefId,
        start: &Start,
        kind: &dyn AgentKind,
    ) -> Result<Box<dyn Recording>, Stopped> {
        let pieces = prompt::compose(&start.spec.prompt, &start.context);
        let parents = prompt::parents(&pieces);
        self.check_classification(&parents, &start.spec).await?;
        let header = RecordHeader {
            id: id.clone(),
            agent: kind.name().to_owned(),
            model: kind.model(&start.spec),
            spec_hash: start.spec.digest(),
            parents,
        };
        self.store.begin(header, pieces).await.map_err(|error| {
            if error.is_storage_exhausted() {
                // No agent would fare better: the run waits for room.
                Stopped::Broken(error.into())
            } else {
                denied(ExitReason::NotStarted, error.to_string())
            }
        })
    }

    /// MCP servers that may not see a parent's result are not attached to an agent that is told it.
    async fn check_classification(
        &self,
        parents: &[RefId],
        spec: &AgentSpec,
    ) -> Result<(), Stopped> {
        if spec.sandbox.mcps.is_empty() {
            return Ok(());
        }
        let not_started = |error: RefError| denied(ExitReason::NotStarted, error.to_string());
        let mut combined = Classification::default();
        for parent in parents {
            let found = self.store.get(parent).await.map_err(not_started)?;
            if let Some(classification) = found.stamps.classification {
                combined = combined.combined(classification);
            }
        }
        match spec
            .sandbox
            .mcps
            .iter()
            .find_map(|mcp| combined.objection(mcp))
        {
            Some(objection) => Err(denied(ExitReason::Refused, objection)),
            None => Ok(()),
        }
    }
}

/// What the end of the agent means.
fn conclude(
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
fn heed(end: &mut RecordEnd, heard: Heard, worst_case: Usd, stderr: &str) {
    // Who never started has said nothing, and costs nothing.
    if matches!(end.exit, ExitReason::NotStarted | ExitReason::Refused) {
        return;
    }
    let Heard {
        conclusion,
        metered,
    } = heard;
    end.text = Some(conclusion.text);
    end.stamps.conversation = Some(conclusion.conversation);
    end.cost = match conclusion.verdict {
        // Whoever was stopped may have spent more than it had time to tell.
        Verdict::Unfinished => (metered > worst_case).then_some(metered),
        _ => conclusion
            .cost
            .or_else(|| (metered > Usd::ZERO).then_some(metered)),
    };
    let ended_by_itself = matches!(end.exit, ExitReason::Completed | ExitReason::Failed { .. });
    if !ended_by_itself {
        if end.exit == ExitReason::OverBudget {
            end.error = Some(format!(
                "stopped when it had spent {metered} of {worst_case}; raise `max_budget`, or ask for less"
            ));
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

/// Completes the record. If that fails the agent did run, and was paid; what is lost is its result.
async fn keep(recording: Box<dyn Recording>, end: RecordEnd) -> AgentOutcome {
    let RecordEnd {
        exit,
        error,
        cost,
        duration,
        ..
    } = end.clone();
    match recording.finish(end).await {
        Ok(found) => outcome_of(found),
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
        },
    }
}

fn prefix(error: Option<String>) -> String {
    error.map(|error| format!("{error}; ")).unwrap_or_default()
}

fn denied(exit: ExitReason, error: String) -> Stopped {
    Stopped::Denied(AgentOutcome::not_started(exit, error))
}

fn outcome_of(found: Ref) -> AgentOutcome {
    // What an agent said stays in its record, where it can be encrypted.
    let error = match found.exit {
        ExitReason::Failed { .. }
        | ExitReason::ReportedFailure
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
    }
}

fn retry_stamp(context: &[Context]) -> Option<RetryStamp> {
    context.iter().rev().find_map(|part| match part {
        Context::Attempt { number, of, errors } => Some(RetryStamp {
            attempt: *number,
            max_retries: *of,
            prior_errors: errors.concat(),
        }),
        Context::Previous(_) | Context::Inputs(_) => None,
    })
}
