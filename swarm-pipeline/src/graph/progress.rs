//! How far a run got, step by step.

use std::{collections::BTreeMap, fmt};

use swarm_core::{
    RunView,
    ids::StepId,
    machine::{Account, Cursor, PipelineTrace, VisitEnd},
    money::Usd,
};

use crate::simulate::Simulated;

/// How far a run of a pipeline got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    steps: BTreeMap<StepId, StepProgress>,
}

/// How far one step got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepProgress {
    /// How the newest visit stands.
    pub state: State,
    /// How often it was worked on.
    pub visits: u32,
    /// What all visits cost.
    pub cost: Usd,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody came there.
    #[default]
    NotReached,
    /// It is under way.
    Running,
    /// A person has to answer.
    Waiting,
    /// It ended well.
    Done,
    /// It ended badly.
    Failed,
    /// It was stopped.
    Cancelled,
    /// It was left out.
    Skipped,
}

impl State {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotReached => "not reached",
            Self::Running => "running",
            Self::Waiting => "waiting for approval",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Colours of the inside and of the line around.
    pub(super) const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::NotReached => ("#f4f4f4", "#aaaaaa"),
            Self::Running => ("#dbeafe", "#1d4ed8"),
            Self::Waiting => ("#fef3c7", "#b45309"),
            Self::Done => ("#dcfce7", "#15803d"),
            Self::Failed => ("#fee2e2", "#b91c1c"),
            Self::Cancelled => ("#ede9fe", "#6d28d9"),
            Self::Skipped => ("#ffffff", "#aaaaaa"),
        }
    }

    /// How the line around is drawn in SVG, so that states differ without colours, too.
    pub(super) const fn stroke(self) -> &'static str {
        match self {
            Self::NotReached => " stroke-dasharray=\"2 4\"",
            Self::Skipped => " stroke-dasharray=\"8 4\"",
            Self::Running => " stroke-width=\"2\" stroke-dasharray=\"12 3\"",
            Self::Waiting => " stroke-width=\"2\" stroke-dasharray=\"12 3 2 3\"",
            Self::Done => "",
            Self::Failed => " stroke-width=\"4\"",
            Self::Cancelled => " stroke-width=\"4\" stroke-dasharray=\"4 2\"",
        }
    }

    /// A name that is safe in every format.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::NotReached => "not_reached",
            Self::Waiting => "waiting",
            other => other.name(),
        }
    }
}

impl Progress {
    /// Of a run, as far as it got.
    pub fn of_run(view: &RunView) -> Self {
        let Some(Account::Pipeline(trace)) = &view.account else {
            return Self::default();
        };
        let costs = view.agents.iter().map(|(at, agent)| (at, agent.counted()));
        let mut progress = Self::from_parts(trace, costs);
        for at in view.approvals.keys() {
            if let Some(step) = progress.at(trace, at) {
                step.state = State::Waiting;
            }
        }
        progress
    }

    /// Of a simulation.
    pub fn of_simulated(simulated: &Simulated) -> Self {
        let Some(trace) = simulated.trace() else {
            return Self::default();
        };
        let costs = simulated.agents.iter().map(|agent| (&agent.at, agent.cost));
        Self::from_parts(trace, costs)
    }

    fn from_parts<'c>(
        trace: &PipelineTrace,
        costs: impl Iterator<Item = (&'c Cursor, Usd)>,
    ) -> Self {
        let mut progress = Self::default();
        for visit in &trace.visits {
            let step = progress.steps.entry(visit.step.clone()).or_default();
            let state = match visit.end {
                None => State::Running,
                Some(VisitEnd::Succeeded) => State::Done,
                Some(VisitEnd::Failed) => State::Failed,
                Some(VisitEnd::Cancelled) => State::Cancelled,
                Some(VisitEnd::Skipped) => State::Skipped,
            };
            // To be left out later does not undo what was done.
            if state != State::Skipped || step.visits == 0 {
                step.state = state;
            }
            if state != State::Skipped {
                step.visits = step.visits.saturating_add(1);
            }
        }
        for (at, cost) in costs {
            if let Some(step) = progress.at(trace, at) {
                step.cost = step.cost + cost;
            }
        }
        progress
    }

    /// The step that something at `at` belongs to.
    fn at(&mut self, trace: &PipelineTrace, at: &Cursor) -> Option<&mut StepProgress> {
        let visit = usize::try_from(at.first()?).ok()?;
        self.steps.get_mut(&trace.visits.get(visit)?.step)
    }

    /// How far `step` got.
    pub fn of(&self, step: &StepId) -> StepProgress {
        self.steps.get(step).copied().unwrap_or_default()
    }
}

impl fmt::Display for StepProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state.name())?;
        if self.visits > 1 {
            write!(f, " · visited {} times", self.visits)?;
        }
        if self.cost > Usd::ZERO {
            write!(f, " · {}", self.cost)?;
        }
        Ok(())
    }
}
