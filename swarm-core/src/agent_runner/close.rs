//! The end of an agent that a dead process of ours has left behind, and that nobody wants any more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    AgentRunner, Listener, Noted, Stopped,
    admission::limit_of_time,
    ending::{keep, outcome_of},
};
use crate::{
    agents::{AgentKind, kind_of},
    drive::{Halt, Start},
    ids::RefId,
    outcome::{AgentOutcome, ExitReason},
    prompt,
    refs::{RecordHeader, Recording, Recovered, RefError},
    runtime::{AgentExit, AgentJob, Launch},
    scopes::Bounds,
    spec::Network,
};

/// What the record says of an agent that ended unseen.
const UNSEEN: &str =
    "stopped: the process that drove it has died; what it had printed until then is kept";

/// And of one that had been interrupted, and is not wanted any more.
const STOPPED: &str = "stopped; what it had printed when it was interrupted is kept";

impl AgentRunner {
    /// Stops the agent if it is still there, and completes its record with all that it had printed.
    pub(super) async fn close(&self, start: Start) -> AgentOutcome {
        let id = RefId::new(self.run.clone(), start.agent.clone());
        if let Ok(found) = self.store.get(&id).await {
            // It had ended, and only the log did not hear of it any more.
            return outcome_of(found);
        }
        let nothing = |problem: &str| AgentOutcome {
            cost: None,
            ..AgentOutcome::not_started(ExitReason::Cancelled, problem)
        };
        let Ok(kind) = kind_of(&start.spec.agent) else {
            return nothing(UNSEEN);
        };
        let closed = match self.runtime.can_take_over(&id).await {
            Ok(true) => self.stop_left_behind(&id, &start, kind).await,
            // Also if nobody can tell: what was printed is kept either way.
            found @ (Ok(false) | Err(_)) => {
                let exit = ExitReason::Cancelled;
                self.recover(&id, (&start, kind), found.is_ok(), exit).await
            }
        };
        match closed {
            Ok(Some(outcome)) => outcome,
            Ok(None) => nothing(UNSEEN),
            Err(error) => nothing(&format!(
                "{UNSEEN}; its record cannot be completed: {error}"
            )),
        }
    }

    /// It runs still, or its output is still to be had: it is taken over, and told to end at once.
    async fn stop_left_behind(
        &self,
        id: &RefId,
        start: &Start,
        kind: &'static dyn AgentKind,
    ) -> Result<Option<AgentOutcome>, RefError> {
        // What it was told is written down as it was told, whether or not the folder is still to be had.
        let shared = self.shared_folder(start).await.ok().flatten();
        let task = self.task(&start.spec, shared.as_ref());
        let pieces = prompt::compose(&task, &start.context);
        let bounds = self.bounds(start);
        let header = header(id, start, kind, &bounds);
        let mut recording = self.store.begin(header, pieces).await?;
        let spec = start.spec.as_ref();
        let launch = (Launch::TakeOver, self.limits.timeout(spec, &bounds));
        let job = self.job(id.clone(), kind, &start.spec, recording.as_ref(), launch);
        let halt = Halt::default();
        halt.token().cancel();
        let ran = self
            .listen(&job, kind, start, recording.as_mut(), &halt)
            .await;
        let stderr = recording.stderr_tail();
        let start = (start, &bounds);
        let end = self.end_of(ran, &job, start, kind, &stderr).await;
        Ok(Some(keep(recording, end).await?))
    }

    /// It is gone: what its record has got must do.
    async fn recover(
        &self,
        id: &RefId,
        (start, kind): (&Start, &'static dyn AgentKind),
        is_gone: bool,
        exit: ExitReason,
    ) -> Result<Option<AgentOutcome>, RefError> {
        let bounds = self.bounds(start);
        let header = header(id, start, kind, &bounds);
        let recovered = self.store.recover(header).await?;
        let Some(Recovered {
            mut recording,
            stdout,
            interrupted,
        }) = recovered
        else {
            return Ok(None);
        };
        let spec = start.spec.as_ref();
        let launch = (Launch::TakeOver, self.limits.timeout(spec, &bounds));
        let job = self.job(id.clone(), kind, &start.spec, recording.as_ref(), launch);
        let reached = if is_gone && matches!(spec.sandbox.network, Network::Allow(_)) {
            self.reached(&job, recording.as_mut()).await
        } else {
            None
        };
        let heard = match self.ear(kind, spec, id) {
            Some(ear) => Some(ear.hear_all(stdout).await),
            None => None,
        };
        let noted = Noted {
            heard,
            stdout: None,
            image: interrupted
                .as_ref()
                .and_then(|known| known.stamps.image.clone()),
            reached,
        };
        let ran = Ok(AgentExit {
            reason: exit.clone(),
            duration: interrupted.as_ref().map_or(Duration::ZERO, |known| {
                Duration::try_from_secs_f64(known.duration_seconds).unwrap_or_default()
            }),
        });
        let stderr = recording.stderr_tail();
        let start = (start, &bounds);
        let mut end = self.end_of((ran, noted), &job, start, kind, &stderr).await;
        end.error = Some(match exit {
            ExitReason::DeadlineExceeded => died_before_the_deadline(&bounds),
            _ if interrupted.is_some() => STOPPED.to_owned(),
            _ => UNSEEN.to_owned(),
        });
        Ok(Some(keep(recording, end).await?))
    }
}

impl AgentRunner {
    /// How an agent ends that an earlier process has started, that is gone, and for which it is too late to run again: with all
    /// that it had printed.
    pub(super) async fn stopped_unseen(
        &self,
        id: &RefId,
        start: &Start,
        bounds: &Bounds,
    ) -> Result<AgentOutcome, Stopped> {
        let exit = ExitReason::DeadlineExceeded;
        let kind = kind_of(&start.spec.agent);
        let recovered = match kind {
            Ok(kind) => self.recover(id, (start, kind), true, exit.clone()).await,
            Err(_) => Ok(None),
        };
        match recovered {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => Ok(AgentOutcome {
                cost: None,
                ..AgentOutcome::not_started(exit, died_before_the_deadline(bounds))
            }),
            Err(error) => Err(Stopped::Broken(error.into())),
        }
    }

    /// Keeps what an agent that is gone tried to reach: that was watched outside of its reach. Whether it reached anybody.
    async fn reached(&self, job: &AgentJob, recording: &mut dyn Recording) -> Option<bool> {
        let stop = CancellationToken::new();
        stop.cancel();
        let mut listener = Listener::new(recording);
        // It is lost, whatever is said of it: what is taken over is never started again.
        drop(self.runtime.run(job, &mut listener, &stop).await);
        listener.finish().await.reached
    }
}

fn died_before_the_deadline(bounds: &Bounds) -> String {
    let (limit, more) = limit_of_time(bounds);
    let when = bounds.deadline.unwrap_or_default();
    format!(
        "the process that drove it has died, and {limit}, until {when}, is over; what it had printed until then is kept; {more}"
    )
}

fn header(id: &RefId, start: &Start, kind: &dyn AgentKind, bounds: &Bounds) -> RecordHeader {
    let pieces = prompt::compose(&start.spec.prompt, &start.context);
    RecordHeader {
        id: id.clone(),
        agent: kind.name().to_owned(),
        model: kind.model(&start.spec),
        spec_hash: start.spec.digest(),
        parents: prompt::parents(&pieces),
        classification: bounds.classification.clone(),
    }
}
