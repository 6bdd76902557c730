//! The performer that really runs agents: budget, permits, record, runtime.

mod admission;
mod approval;
mod caching;
mod close;
mod describe;
mod effects;
mod ending;
mod listener;
mod reading;
mod shared;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::OnceCell;

use self::{
    admission::{Admission, Applicant, Limits},
    caching::Looked,
    ending::{conclude, heed, hold_to_schema, keep, outcome_of},
    listener::{Ear, Heard, Listener, Noted},
};
use crate::{
    agents::{AgentKind, Onlooker, Verdict, kind_of, reset::wait_in},
    budget::Reservation,
    drive::{DriveError, Halt, Performed, Performer, Start},
    evaluate::Finding,
    ids::{RefId, RunId},
    journal::{RunEvent, RunJournal},
    machine::{Cursor, Do, EffectOutcome},
    money::Usd,
    outcome::{AgentOutcome, ExitReason},
    plan::Patcher,
    prices::PriceBook,
    prompt::{self, Context, Input},
    refs::{
        Classification, RecordEnd, RecordHeader, Recording, RefError, RefStore, RetryStamp, Stamps,
    },
    runtime::{AgentExit, AgentJob, AgentRuntime, Launch, Leftovers, RuntimeError, SharedFolder},
    scopes::{Bounds, Reserved, Scopes},
    spec::{AgentSpec, ByteSize, HostPattern, Network, Sandbox},
    supplies::Supplies,
    time::Timestamp,
};

/// Runs the agents of one run.
pub(crate) struct AgentRunner {
    pub(crate) run: RunId,
    pub(crate) runtime: Arc<dyn AgentRuntime>,
    pub(crate) store: Arc<dyn RefStore>,
    pub(crate) journal: RunJournal,
    pub(crate) limits: Limits,
    pub(crate) prices: Arc<PriceBook>,
    pub(crate) supplies: Supplies,
    pub(crate) max_output: ByteSize,
    pub(crate) caching: Caching,
    pub(crate) onlooker: Option<Onlooker>,
    pub(crate) patcher: Option<Arc<dyn Patcher>>,
    pub(crate) scopes: Scopes,
    /// The list of items that was read last.
    pub(crate) list: Mutex<Option<NamedList>>,
    /// The folder that agents of this run share, once one of them wants it.
    pub(crate) shared: OnceCell<PathBuf>,
    /// Agents that an earlier process started, and what it set aside for them.
    pub(crate) under_way: Mutex<HashMap<Cursor, Reservation>>,
    /// The same agents, if the run is not to go on.
    pub(crate) left_behind: Mutex<HashMap<Cursor, Start>>,
}

pub(crate) use admission::Limits as AdmissionLimits;
pub(crate) use caching::Caching;
pub(crate) use shared::speaks_of_it as speaks_of_sharing;

/// What an agent has listed, and which one.
type NamedList = (RefId, Arc<[String]>);

/// How an agent is to be started, if it still is.
enum ToLaunch {
    Ended(AgentOutcome),
    /// With the money that is set aside for it already.
    As(Launch, Option<Reserved>),
}

/// How an agent ended, and what is known of it besides.
type Ran = (Result<AgentExit, RuntimeError>, Noted);

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
    fn refuses(&self, start: &Start) -> Option<AgentOutcome> {
        // What an earlier process has started has to be ended, and what is remembered takes no time.
        if start.spec.sandbox.cache || lock(&self.under_way).contains_key(&start.at) {
            return None;
        }
        self.limits.refuses(&self.bounds(start))
    }

    fn give_up(&self, at: &Cursor) -> Option<BoxFuture<'_, AgentOutcome>> {
        let start = lock(&self.left_behind).remove(at)?;
        Some(self.close(start).boxed())
    }

    async fn perform(&self, start: Start, halt: Halt) -> Performed {
        let start = match self.filled(start).await {
            Ok(start) => start,
            Err(problem) => {
                let outcome = AgentOutcome::not_started(ExitReason::NotStarted, problem);
                return Performed::Ended(outcome);
            }
        };
        match self.run_agent(&start, &halt).await {
            Ok(outcome) | Err(Stopped::Denied(outcome)) => Performed::Ended(outcome),
            Err(Stopped::Interrupted) => Performed::Interrupted,
            Err(Stopped::Broken(error)) => Performed::Broken(error),
        }
    }

    async fn carry_out(&self, what: Do, halt: Halt) -> Performed<EffectOutcome> {
        self.carry_out_effect(what, halt).await
    }
}

impl AgentRunner {
    async fn run_agent(&self, start: &Start, halt: &Halt) -> Result<AgentOutcome, Stopped> {
        let id = RefId::new(self.run.clone(), start.agent.clone());
        let bounds = self.bounds(start);
        let (launch, holds) = match self.how_to_launch(&id, start, &bounds).boxed().await? {
            ToLaunch::Ended(outcome) => return Ok(outcome),
            ToLaunch::As(launch, holds) => (launch, holds),
        };
        let spec = start.spec.as_ref();
        let kind =
            kind_of(&spec.agent).map_err(|error| denied(ExitReason::Refused, error.to_string()))?;
        let looked = self.look_up((start, &bounds), kind, launch, halt);
        let work = match looked.boxed().await {
            Looked::Found(outcome) => return Ok(outcome),
            Looked::Absent(work) => work,
        };
        let applicant = Applicant {
            start,
            kind,
            is_new: launch != Launch::TakeOver && self.runtime.starts_programs(),
            is_under_way: launch == Launch::TakeOver,
            bounds: &bounds,
        };
        let admission = self
            .limits
            .admit(applicant, holds, halt, &self.journal)
            .await?;
        // Few run at once, and thousands may wait: these need not have room for all of it.
        let run = self.run_admitted(start, halt, &bounds, (kind, launch), admission);
        let outcome = run.boxed().await?;
        self.keep_for_others(work, start, kind, &outcome)
            .boxed()
            .await;
        Ok(outcome)
    }

    /// The rest, once nothing is in its way.
    async fn run_admitted(
        &self,
        start: &Start,
        halt: &Halt,
        bounds: &Bounds,
        (kind, launch): (&'static dyn AgentKind, Launch),
        mut admission: Admission,
    ) -> Result<AgentOutcome, Stopped> {
        let id = RefId::new(self.run.clone(), start.agent.clone());
        let shared = self.shared_folder(start).await?;
        let told = (start, shared.as_ref());
        let mut recording = self.open_record(&id, told, kind, bounds).await?;
        if launch != Launch::TakeOver {
            self.note_start(start, &mut admission).await?;
        }
        let timeout = match self.scopes.started(&start.at) {
            // The runtime counts from its start.
            Some(started) if launch == Launch::TakeOver => {
                Limits::timeout_since(started, &start.spec, bounds)
            }
            _ => self.limits.timeout(&start.spec, bounds),
        };
        let mut job = self.job(id, kind, &start.spec, recording.as_ref(), (launch, timeout));
        job.shared = shared;
        let leftovers = Leftovers::default();
        job.leftovers = Some(leftovers.clone());
        let ran = self
            .listen(&job, kind, start, recording.as_mut(), halt)
            .await;
        // No agent would fare better, and none is to blame: the run waits for the engine to be back.
        let ran = match ran {
            (Err(error @ RuntimeError::EngineUnavailable { .. }), _) => {
                return Err(Stopped::Broken(error.into()));
            }
            // So it does for room. The agent may work on meanwhile.
            (Err(error), _) if error.is_storage_exhausted() => {
                leftovers.leave();
                return Err(Stopped::Broken(error.into()));
            }
            ran => ran,
        };
        let stderr = recording.stderr_tail();
        let mut end = self.end_of(ran, &job, (start, bounds), kind, &stderr).await;
        if end.exit == ExitReason::Cancelled && halt.is_interruption() {
            end.error = Some(format!(
                "interrupted; `swarm runs resume {}` runs it again",
                self.run
            ));
            if let Err(error) = recording.suspend(end).await {
                tracing::warn!(agent = %job.id, %error, "what it had done so far could not be kept");
            }
            leftovers.clear().await;
            return Err(Stopped::Interrupted);
        }
        end.stamps.budget = Some(admission.settle(end.cost));
        match keep(recording, end).await {
            Ok(outcome) => {
                // Not earlier: whoever resumes the run after a sudden end would find nothing, and run the agent again.
                leftovers.clear().await;
                Ok(outcome)
            }
            // A result that there is no room for is none: else a choice among several would miss it for ever. Once there is room
            // it is taken from what the agent has left behind, or the agent runs again.
            Err(error) => {
                leftovers.leave();
                Err(Stopped::Broken(error.into()))
            }
        }
    }

    /// What is written down about the end of an agent, but for the budget.
    async fn end_of(
        &self,
        (ran, noted): Ran,
        job: &AgentJob,
        (start, bounds): (&Start, &Bounds),
        kind: &'static dyn AgentKind,
        stderr: &str,
    ) -> RecordEnd {
        let spec = start.spec.as_ref();
        let mut end = conclude(ran, job, spec, kind, stderr);
        if end.exit == ExitReason::DeadlineExceeded {
            end.error = Limits::stopped_at_deadline(bounds).or(end.error);
        }
        if let Some(heard) = noted.heard {
            let reset = self.reset(&heard);
            let claims_nothing = heard.metered == Usd::ZERO;
            heed(&mut end, heard, kind.worst_case(spec), stderr);
            if end.cost.is_none()
                && claims_nothing
                && asked_nobody(spec, start.shared, noted.reached)
            {
                end.cost = Some(Usd::ZERO);
            }
            self.limits.learn(kind, &end.exit, reset);
        }
        let printed = (noted.stdout.as_deref(), stderr);
        let finding = self.finding(start, &end, printed).await;
        if let Some(schema) = &spec.sandbox.output_schema {
            hold_to_schema(&mut end, schema, noted.stdout).await;
        }
        end.stamps = Stamps {
            conversation: end.stamps.conversation,
            finding,
            deadline: self.limits.deadline_stamp(bounds),
            image: noted.image,
            retry: retry_stamp(&start.context),
            ..Stamps::default()
        };
        end
    }

    /// What the runtime is told.
    fn job(
        &self,
        id: RefId,
        kind: &dyn AgentKind,
        spec: &Arc<AgentSpec>,
        recording: &dyn Recording,
        (launch, timeout): (Launch, Duration),
    ) -> AgentJob {
        let invocation = self.supplies.invocation(kind, spec);
        let mut needed = kind.hosts(spec, &invocation);
        needed.extend(self.supplies.hosts(spec));
        AgentJob {
            id,
            kind: kind.name(),
            invocation,
            stdin: recording.prompt(),
            sandbox: with_hosts(spec, needed),
            timeout,
            max_output: self.max_output,
            shared: None,
            launch,
            spec: Some(Arc::clone(spec)),
            leftovers: None,
        }
    }

    /// Writes down that the agent is about to be started.
    async fn note_start(&self, start: &Start, admission: &mut Admission) -> Result<(), Stopped> {
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
        Ok(())
    }

    /// What an earlier process of ours has left of this agent.
    async fn how_to_launch(
        &self,
        id: &RefId,
        start: &Start,
        bounds: &Bounds,
    ) -> Result<ToLaunch, Stopped> {
        let Some(reservation) = self.take_under_way(&start.at) else {
            return Ok(ToLaunch::As(Launch::New, None));
        };
        let reserved = bounds.held(&start.at, reservation);
        if let Ok(found) = self.store.get(id).await {
            // It had ended and its result is kept; only the log did not hear of it any more.
            let _ = reserved.settle(found.cost_usd);
            return Ok(ToLaunch::Ended(outcome_of(found)));
        }
        match self.runtime.can_take_over(id).await {
            Ok(true) => Ok(ToLaunch::As(Launch::TakeOver, Some(reserved))),
            // It cannot run again, so what it had done until its process died is what there is of it.
            Ok(false) if self.limits.refuses(bounds).is_some() => {
                let outcome = self.stopped_unseen(id, start, bounds).await?;
                let _ = reserved.settle(outcome.cost);
                Ok(ToLaunch::Ended(outcome))
            }
            // What it cost so far is gone, and nobody knows how much that was.
            Ok(false) => Ok(ToLaunch::As(Launch::Again, None)),
            Err(error) => Err(Stopped::Broken(error.into())),
        }
    }

    /// Runs the agent, and listens to it if there is anything to understand.
    async fn listen(
        &self,
        job: &AgentJob,
        kind: &dyn AgentKind,
        start: &Start,
        recording: &mut dyn Recording,
        halt: &Halt,
    ) -> Ran {
        let spec = start.spec.as_ref();
        let stop = halt.token().child_token();
        let mut listener = Listener::new(recording);
        if let Some(ear) = self.ear(kind, spec, &job.id) {
            listener = listener.understanding(ear, kind.worst_case(spec), stop.clone());
        } else if spec.sandbox.output_schema.is_some() || start.reading.is_some() {
            listener = listener.keeping_stdout();
        }
        let mut ran = self.runtime.run(job, &mut listener, &stop).await;
        let noted = listener.finish().await;
        if let Ok(exit) = &mut ran
            && exit.reason == ExitReason::Cancelled
            && noted.heard.is_some()
            && !halt.token().is_cancelled()
        {
            exit.reason = ExitReason::OverBudget;
        }
        (ran, noted)
    }

    /// What understands the agent, if it prints anything to be understood.
    fn ear(&self, kind: &dyn AgentKind, spec: &AgentSpec, id: &RefId) -> Option<Ear> {
        let transcript = kind.transcript()?;
        let onlooker = self.onlooker.clone();
        Some(Ear::new(
            transcript,
            Arc::clone(&self.prices),
            kind.model(spec),
            onlooker.map(|onlooker| (id.agent.clone(), onlooker)),
        ))
    }

    /// When the provider takes requests again, if the agent was told.
    fn reset(&self, heard: &Heard) -> Option<Timestamp> {
        let Verdict::RateLimited { message } = &heard.conclusion.verdict else {
            return None;
        };
        let from_message = || wait_in(message).map(|wait| self.limits.after(wait));
        heard.conclusion.resets_at.or_else(from_message)
    }

    /// What holds for an agent because of where it is.
    fn bounds(&self, start: &Start) -> Bounds {
        let (scope, of_run) = (start.scope.as_ref(), self.limits.deadline);
        self.scopes
            .bounds(scope, of_run, self.limits.clock.as_ref())
    }

    fn take_under_way(&self, at: &Cursor) -> Option<Reservation> {
        lock(&self.under_way).remove(at)
    }

    /// Checks what the agent may see and writes its prompt down.
    async fn open_record(
        &self,
        id: &RefId,
        (start, shared): (&Start, Option<&SharedFolder>),
        kind: &dyn AgentKind,
        bounds: &Bounds,
    ) -> Result<Box<dyn Recording>, Stopped> {
        self.check_artifact(&start.context).await?;
        let pieces = prompt::compose(&self.task(&start.spec, shared), &start.context);
        let parents = prompt::parents(&pieces);
        self.check_classification(&parents, &start.spec, bounds.classification.clone())
            .await?;
        let header = RecordHeader {
            id: id.clone(),
            agent: kind.name().to_owned(),
            model: kind.model(&start.spec),
            spec_hash: start.spec.digest(),
            parents,
            classification: bounds.classification.clone(),
        };
        self.store.begin(header, pieces).await.map_err(not_kept)
    }

    /// Nobody is paid for judging nothing.
    async fn check_artifact(&self, context: &[Context]) -> Result<(), Stopped> {
        for part in context {
            let Context::Artifact { input, .. } = part else {
                continue;
            };
            let empty = match input {
                Input::Text(text) => text.is_empty().then(|| "the text is empty".to_owned()),
                Input::Ref(id) => {
                    let found = self.store.get(id).await;
                    let is_empty = found.is_ok_and(|found| found.size == 0);
                    is_empty.then(|| format!("ref {id} has empty text"))
                }
            };
            if let Some(problem) = empty {
                let outcome = AgentOutcome::not_started(ExitReason::NotStarted, problem.clone());
                // It is not for whoever judges that this cannot be judged.
                return Err(Stopped::Denied(AgentOutcome {
                    finding: Some(Finding::Unreadable { problem }),
                    ..outcome
                }));
            }
        }
        Ok(())
    }

    /// MCP servers that may not see a parent's result are not attached to an agent that is told it.
    async fn check_classification(
        &self,
        parents: &[RefId],
        spec: &AgentSpec,
        imposed: Option<Classification>,
    ) -> Result<(), Stopped> {
        if spec.sandbox.mcps.is_empty() {
            return Ok(());
        }
        let not_started = |error: RefError| denied(ExitReason::NotStarted, error.to_string());
        let mut combined = imposed.unwrap_or_default();
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

/// An agent whose files cannot be made is not started.
fn not_kept(error: RefError) -> Stopped {
    if error.is_storage_exhausted() {
        // No agent would fare better: the run waits for room.
        Stopped::Broken(error.into())
    } else {
        denied(ExitReason::NotStarted, error.to_string())
    }
}

/// Whether it is sure that no model was asked. What the agent says is no evidence, only that it had no way, or took none:
/// not through the network, and not through a socket in a folder of the host, or another agent's in that which they share.
fn asked_nobody(spec: &AgentSpec, shares: bool, reached: Option<bool>) -> bool {
    let nobody = match spec.sandbox.network {
        Network::None => true,
        Network::Allow(_) => reached == Some(false),
        Network::Own | Network::Named(_) => false,
    };
    nobody && spec.sandbox.mounts.is_empty() && !shares
}

/// The sandbox, with the hosts that the program needs among those that are listed. The spec stays as it was written, and
/// with it its digest.
fn with_hosts(spec: &AgentSpec, needed: Vec<HostPattern>) -> Sandbox {
    let mut sandbox = spec.sandbox.clone();
    if let Network::Allow(listed) = sandbox.network {
        sandbox.network = Network::Allow(listed.with(needed));
    }
    sandbox
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn denied(exit: ExitReason, error: String) -> Stopped {
    Stopped::Denied(AgentOutcome::not_started(exit, error))
}

fn retry_stamp(context: &[Context]) -> Option<RetryStamp> {
    context.iter().rev().find_map(|part| match part {
        Context::Attempt { number, of, errors } => Some(RetryStamp {
            attempt: *number,
            max_retries: *of,
            prior_errors: errors.concat(),
        }),
        Context::Previous(_)
        | Context::Inputs(_)
        | Context::Iterations { .. }
        | Context::Artifact { .. }
        | Context::Step(_)
        | Context::Situation(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SandboxSpec;

    #[test]
    fn only_who_had_no_way_or_took_none_has_asked_nobody() {
        let mount = json!([{"host_path": "/tmp", "container_path": "/m"}]);
        for (sandbox, reached, nobody) in [
            (json!({"network": false}), None, true),
            (json!({"network": {"allow": []}}), Some(false), true),
            (json!({"network": {"allow": []}}), Some(true), false),
            // Its attempts could not be learned.
            (json!({"network": {"allow": []}}), None, false),
            (json!({}), None, false),
            (json!({"network_mode": "lab"}), None, false),
            // A socket may be in there.
            (json!({"network": false, "mounts": mount}), None, false),
        ] {
            let mut written = sandbox.clone();
            written["agent"] = json!("claude");
            let spec = SandboxSpec::from_json(written, "sandbox").unwrap();
            let spec = AgentSpec::new("p", spec).unwrap();
            assert_eq!(asked_nobody(&spec, false, reached), nobody, "{sandbox}");
            // Another agent may have left a socket.
            assert!(!asked_nobody(&spec, true, reached), "{sandbox}");
        }
    }
}
