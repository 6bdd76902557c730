//! Going on with a pipeline that is over, and beginning another one in its middle.

use std::sync::Arc;

use super::{Control, NewRun, Swarm, SwarmError, is_to_be_cancelled};
use crate::{
    agents::kind_of,
    drive::DriveError,
    ids::{RunId, StepId},
    journal::{Observer, RunEvent, RunLimits},
    machine::{Account, PipelineState},
    money::Usd,
    plan::{Plan, Program},
    run_view::{self, RunView},
    suggest::nearest,
};

/// How to go on with a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Restart {
    /// From which step; from the one that it ended at if it is not said.
    pub step: Option<String>,
    /// The pipeline as it is from here on; as it was if it is not said.
    pub program: Option<Program>,
    /// Its limits from here on; as they were if they are not said. What was spent before counts.
    pub limits: Option<RunLimits>,
}

impl Swarm {
    /// Goes on with a pipeline from one of its steps, with all jumps allowed anew. Earlier results and the shared folder
    /// stay, and what was spent stays spent.
    ///
    /// One that has not ended is stopped first. The caller must see to it that nobody else drives the run.
    ///
    /// # Errors
    ///
    /// [`SwarmError::NoPipeline`], [`SwarmError::UnknownStep`], [`SwarmError::StepNeeded`], or those of [`Self::run`] if
    /// another program was given; then nothing was changed.
    pub async fn restart(
        &self,
        run: &RunId,
        restart: Restart,
        control: Control,
    ) -> Result<RunView, SwarmError> {
        self.reopen(run, restart, control.observer.clone()).await?;
        self.resume(run, control).await
    }

    /// Opens a pipeline again, so that [`Self::resume`] goes on with it from the step. What was asked of it before, such as
    /// to stop, is over then.
    ///
    /// # Errors
    ///
    /// As for [`Self::restart`].
    pub async fn reopen(
        &self,
        run: &RunId,
        restart: Restart,
        observer: Option<Observer>,
    ) -> Result<(), SwarmError> {
        let mut view = self.view(run).await?;
        let changed = restart.program.map(Arc::new);
        let (program, step) = whence(&view, changed.as_ref(), restart.step.as_deref())?;
        let limits = restart.limits.unwrap_or(view.limits);
        let plan = Plan::Pipeline {
            program: Arc::clone(&program),
        };
        self.check(&plan)?;
        self.look_around(&plan).await?;
        let wanted = usize::try_from(step)
            .ok()
            .and_then(|at| program.steps.get(at))
            .map_or(Usd::ZERO, |step| least(&step.work));
        let is_spent = |limit: &Usd| *limit < view.spent + wanted;
        if let Some(limit) = limits.budget.filter(is_spent) {
            return Err(SwarmError::BudgetSpent {
                run: run.clone(),
                spent: view.spent,
                limit,
                wanted,
            });
        }
        let journal = self.journal(run);
        if changed.is_none() && journal.has_lost_values(&journal.read().await?).await? {
            return Err(SwarmError::ValuesLost(run.clone()));
        }
        if view.end().is_none() {
            if !is_to_be_cancelled(&view) {
                journal.append(vec![RunEvent::CancelRequested]).await?;
            }
            let stopping = Control {
                observer: observer.clone(),
                ..Control::default()
            };
            view = self.resume(run, stopping).await?;
        }
        debug_assert!(view.end().is_some(), "nobody else drives it");
        let restarted = RunEvent::Restarted {
            step,
            program: changed.map(|program| Box::new(Arc::unwrap_or_clone(program))),
            limits,
        };
        journal
            .observed_by(observer)
            .append(vec![restarted])
            .await?;
        Ok(())
    }

    /// A new run that does a pipeline from one of its steps on, which is given what it was given there. Nothing is started.
    ///
    /// # Errors
    ///
    /// As for [`Self::restart`].
    pub async fn fork(&self, run: &RunId, step: &str) -> Result<(NewRun, Program), SwarmError> {
        let journal = self.journal(run);
        let events = journal.read().await?;
        let view =
            RunView::fold(run, &events).ok_or_else(|| SwarmError::RunNotFound(run.clone()))?;
        let (program, entry) = whence(&view, None, Some(step))?;
        if journal.has_lost_values(&events).await? {
            return Err(SwarmError::ValuesLost(run.clone()));
        }
        let machine = run_view::replay(&view.plan, events.iter().map(|(_, event)| event))
            .map_err(DriveError::from)?;
        let id = StepId::new(step).map_err(|_| unknown_step(run, &program, step))?;
        let given = machine.given_to(&id);
        let given = given.ok_or_else(|| SwarmError::NeverEntered {
            run: run.clone(),
            step: step.to_owned(),
        })?;
        let program = Program {
            entry,
            given,
            ..Arc::unwrap_or_clone(program)
        };
        let new = NewRun {
            limits: RunLimits {
                budget: view.limits.budget,
                deadline: None,
            },
            ..Plan::Pipeline {
                program: Arc::new(program.clone()),
            }
            .into()
        };
        Ok((new, program))
    }
}

/// The pipeline that goes on, and from which step.
fn whence(
    view: &RunView,
    changed: Option<&Arc<Program>>,
    step: Option<&str>,
) -> Result<(Arc<Program>, u32), SwarmError> {
    let run = &view.run;
    let present = view
        .program
        .as_ref()
        .ok_or_else(|| SwarmError::NoPipeline(run.clone()))?;
    let program = changed.unwrap_or(present);
    let is_edited = program.digest != present.digest;
    let step = match (step, &view.account) {
        (Some(step), _) => step.to_owned(),
        (None, _) if is_edited => {
            return Err(SwarmError::StepNeeded {
                run: run.clone(),
                problem: "its definition was edited",
            });
        }
        (None, Some(Account::Pipeline(trace))) if trace.state != PipelineState::Done => {
            match trace.visits.last() {
                Some(visit) => visit.step.to_string(),
                None => return Ok((Arc::clone(program), program.entry)),
            }
        }
        (None, _) => return Err(SwarmError::RunEnded(run.clone())),
    };
    let at = program.step(&step);
    let at = at.ok_or_else(|| unknown_step(run, program, &step))?;
    Ok((Arc::clone(program), at))
}

/// What any agent of a step may cost at least: with less left, none of them could start. One that may take a stored result need not.
fn least(work: &Plan) -> Usd {
    let agents = work.agents().into_iter();
    let worst = agents.map(|agent| match kind_of(&agent.agent) {
        Ok(kind) if !agent.sandbox.cache => kind.worst_case(agent),
        _ => Usd::ZERO,
    });
    worst.min().unwrap_or_default()
}

fn unknown_step(run: &RunId, program: &Program, step: &str) -> SwarmError {
    let ids = program.steps.iter().map(|step| step.id.as_str());
    SwarmError::UnknownStep {
        run: run.clone(),
        step: step.to_owned(),
        suggestion: nearest(step, ids).map(str::to_owned),
    }
}
