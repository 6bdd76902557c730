//! One run, from here to its end.

use std::sync::Arc;

use swarm_core::{
    Control, NewRun, Restart, RunView, Swarm, SwarmError,
    drive::Stop,
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::RunLimits,
    runtime::AgentRuntime,
    spec::ByteSize,
    supplies::Supplies,
};
use swarm_refs::RunLock;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{Driven, RunSettings, Runs};
use crate::Failure;

/// What is to be driven.
#[derive(Debug)]
pub(super) enum Work {
    New(NewRun),
    Known(Box<RunView>, GoOn),
}

/// How to go on with a run.
#[derive(Debug, Default)]
pub(crate) struct GoOn {
    /// From a step, or with another program.
    pub(crate) restart: Option<Restart>,
    /// Within other limits.
    pub(crate) limits: Option<RunLimits>,
}

/// A run, and everything that it needs.
#[derive(Debug)]
pub(super) struct Driving {
    pub(super) place: Place,
    pub(super) settings: RunSettings,
    pub(super) lock: RunLock,
    pub(super) supplies: Option<Supplies>,
    /// Whether it went on with a new daemon before.
    pub(super) went_on: bool,
}

/// A run's place among those that are driven, given up when dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) runs: Arc<Runs>,
    pub(super) run: RunId,
    pub(super) driven: Arc<Driven>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.runs.driven().remove(&self.run);
        // If nobody has said why, it has panicked.
        let defect = "the run has stopped without a reason; this is a defect in swarm";
        let defect = Failure::new(ErrorCode::Internal, defect);
        self.driven.end(Err(defect));
    }
}

impl Driving {
    /// Drives it. Why it could not begin or go on is told to `refused` and to whoever watches.
    pub(super) async fn drive(self, work: Work, refused: oneshot::Sender<Failure>) {
        let Self {
            place,
            settings,
            lock,
            supplies,
            went_on,
        } = self;
        let Place { runs, run, driven } = &place;
        let is_new = matches!(work, Work::New(_));
        let ended = Box::pin(place.driven_to_end(work, &settings, supplies)).await;
        let goes_on = match &ended {
            // Only because the daemon ends.
            Ok(view) => view.end().is_none() && runs.stopping.is_cancelled(),
            // It was under way: the disk is full, for one.
            Err(Ended {
                was_under_way: true,
                ..
            }) => true,
            Err(_) => went_on,
        };
        let never_began = is_new && ended.is_err() && !runs.has_begun(run).await;
        let (kept, id) = (runs.kept.clone(), run.clone());
        let tidied = spawn_blocking(move || {
            if !goes_on || never_began {
                kept.forget(&id);
            }
            if never_began {
                // What was refused leaves nothing. If that fails, gc removes it.
                drop(lock.discard());
            }
        });
        drop(tidied.await);
        match ended {
            Ok(_) if goes_on => {
                let ending = format!(
                    "the daemon is ending, and run {run} goes on with the next one: `swarm runs watch {run}` starts that and follows it"
                );
                driven.end(Err(Failure::new(ErrorCode::DaemonUnreachable, ending)));
            }
            Ok(_) => driven.end(Ok(())),
            Err(ended) => {
                let Ended {
                    failure,
                    was_under_way,
                } = ended;
                if was_under_way {
                    tracing::warn!(%run, code = %failure.code, problem = %failure.message, "a run has stopped");
                }
                driven.end(Err(failure.clone()));
                // Whoever asked may have been answered already.
                drop(refused.send(failure));
            }
        }
        drop(place);
    }
}

/// Why a run is driven no longer, and has not come to its end.
struct Ended {
    failure: Failure,
    was_under_way: bool,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            was_under_way: false,
        }
    }
}

impl From<SwarmError> for Ended {
    fn from(error: SwarmError) -> Self {
        Self {
            failure: Failure::new(error.code(), error.to_string()),
            was_under_way: matches!(error, SwarmError::Log(_) | SwarmError::Drive(_)),
        }
    }
}

impl Place {
    async fn driven_to_end(
        &self,
        work: Work,
        settings: &RunSettings,
        supplies: Option<Supplies>,
    ) -> Result<RunView, Ended> {
        let Self { runs, run, driven } = self;
        let engine = runs.engine(&settings.engine).await?;
        let machine = runs.machine.clone();
        let swarm = settings.swarm(engine.runtime(), &runs.stores, &runs.all, machine)?;
        let control = driven.control(supplies);
        let driving = async {
            match work {
                Work::New(new) => {
                    if let Some(ahead) = settings.warm {
                        let most = ByteSize::new(settings.max_output);
                        engine.keep_warm(&new.id, &new.plan, ahead, most);
                    }
                    swarm.run(new, control).await
                }
                Work::Known(view, how) => go_on(&swarm, run, &view, how, control).await,
            }
        };
        let mut driving = std::pin::pin!(driving);
        let ended = tokio::select! {
            ended = &mut driving => ended,
            () = runs.stopping.cancelled() => {
                driven.stop(Stop::Interrupt);
                driving.await
            }
        };
        let ended = ended.map_err(Ended::from);
        if ended.as_ref().is_err_and(|ended| !ended.was_under_way) {
            self.leave_no_process(&*engine.runtime()).await;
        }
        ended
    }
}

impl Place {
    /// Ends processes that a dead daemon has left of a run that is not gone on with: nobody will ever take what they print. Containers
    /// are kept for whoever resumes it.
    async fn leave_no_process(&self, runtime: &dyn AgentRuntime) {
        if runtime.name() == "docker" {
            return;
        }
        let run = &self.run;
        if let Err(error) = runtime.sweep(&|other| other != run).await {
            tracing::warn!(%run, %error, "could not look for what is left of the run");
        }
    }
}

/// Goes on from where it was left, or from a step.
async fn go_on(
    swarm: &Swarm,
    run: &RunId,
    view: &RunView,
    how: GoOn,
    control: Control,
) -> Result<RunView, SwarmError> {
    let limits = how.limits.filter(|limits| *limits != view.limits);
    match how.restart {
        Some(restart) => {
            let limits = restart.limits.or(limits);
            let restart = Restart { limits, ..restart };
            swarm.reopen(run, restart, control.observer.clone()).await?;
        }
        None => {
            if let Some(limits) = limits {
                swarm.change_limits(run, limits).await?;
            }
        }
    }
    swarm.resume(run, control).await
}
