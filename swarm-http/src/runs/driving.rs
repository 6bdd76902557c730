//! One run, from here to its end.

use std::sync::Arc;

use swarm_core::{
    Control, NewRun, Restart, RunView, Swarm, SwarmError,
    drive::Stop,
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::RunLimits,
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
        let failure = ended.err().map(|ended| ended.failure);
        driven.end(failure.clone().map_or(Ok(()), Err));
        drop(place);
        if let Some(failure) = failure {
            tracing::warn!(code = %failure.code, problem = %failure.message, "a run has stopped");
            drop(refused.send(failure));
        }
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
        Ok(ended?)
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
