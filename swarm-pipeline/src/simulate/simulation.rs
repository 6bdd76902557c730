//! What is to be simulated, and how.

use std::{sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use swarm_core::{
    Plan,
    drive::{DriveError, Driven, Happened, Recorder, Stop, drive},
    error_code::{Coded, ErrorCode},
    evaluate::{Action, Score},
    journal::LogError,
    machine::Machine,
    money::Usd,
    outcome::ExitReason,
    plan::Patcher,
    resources::PoolLimits,
    spec::AgentSpec,
};
use thiserror::Error;
use tokio::{sync::watch, task::unconstrained};

use super::{
    answer::Answer,
    dice::{Chances, Dice},
    pattern::Pattern,
    performer::{MadeUp, World},
    simulated::Simulated,
    time::VirtualClock,
};

/// A plan, and what its agents do. Without a word about an agent, it completes at once and costs nothing.
///
/// Words such as [`fails`](Self::fails) are about the agents that were [named last](Self::agent), and about all others if none was named so
/// far. [`then`](Self::then) begins what they do the next time; what was said last they do for ever. Where several names mean one agent, the
/// later one counts, and the earlier one where the later says nothing.
#[derive(Clone, Debug)]
pub struct Simulation {
    pub(super) plan: Plan,
    pub(super) rules: Vec<Rule>,
    pub(super) dice: Option<Dice>,
    pub(super) budget: Option<Usd>,
    pub(super) deadline: Option<Duration>,
    pub(super) pools: PoolLimits,
    pub(super) patcher: Option<Arc<dyn Patcher>>,
    cancelled_after: Option<Duration>,
    pub(super) usual: Option<Usual>,
}

/// What an agent costs, and how long it takes, where nobody says that.
#[derive(Clone)]
pub(super) struct Usual(pub(super) Arc<Usually>);

type Usually = dyn Fn(&AgentSpec) -> (Usd, Duration) + Send + Sync;

impl std::fmt::Debug for Usual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Usual")
    }
}

/// What some agents do, one answer after the other; the last one for ever.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) answers: Vec<Answer>,
}

/// A simulation that did not come to an end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The plan and what was made up do not fit; this is a defect in swarm.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// Everything waits for something that never happens.
    #[error(
        "everything waits for something that never happens: see whether an agent needs more than there is; else this is a defect in swarm"
    )]
    Stuck,
}

impl Coded for SimulationError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Drive(error) => error.code(),
            Self::Stuck => ErrorCode::Internal,
        }
    }
}

impl Simulation {
    /// A plan in which all goes well.
    pub fn of(plan: impl Into<Plan>) -> Self {
        Self {
            plan: plan.into(),
            rules: Vec::new(),
            dice: None,
            budget: None,
            deadline: None,
            pools: PoolLimits::default(),
            patcher: None,
            cancelled_after: None,
            usual: None,
        }
    }

    /// What follows is about these: the name of a step means every agent that works in it, whichever visit it is, and `*` in a name means
    /// anything: `*.governor`, `draft.*.score-0`.
    ///
    /// Of the agents of a step that judge, list or decide, only what they [judge](Self::judges), [list](Self::lists) and
    /// [decide](Self::decides) is meant, unless they are named themselves.
    #[must_use]
    pub fn agent(mut self, pattern: &str) -> Self {
        self.rules.push(Rule {
            pattern: Pattern::new(pattern),
            answers: vec![Answer::default()],
        });
        self
    }

    /// What follows is about the next time that one of them is started.
    #[must_use]
    pub fn then(mut self) -> Self {
        if self.rules.is_empty() {
            self = self.agent("*");
        }
        if let Some(rule) = self.rules.last_mut() {
            rule.answers.push(Answer::default());
        }
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if self.rules.is_empty() {
            self = self.agent("*");
        }
        if let Some(answer) = self
            .rules
            .last_mut()
            .and_then(|rule| rule.answers.last_mut())
        {
            change(answer);
        }
        self
    }

    /// They end with this.
    #[must_use]
    pub fn ends(self, exit: ExitReason) -> Self {
        self.with(|answer| answer.exit = Some(exit))
    }

    /// They end with status 1.
    #[must_use]
    pub fn fails(self) -> Self {
        self.ends(ExitReason::Failed { code: 1 })
    }

    /// They do their task.
    #[must_use]
    pub fn succeeds(self) -> Self {
        self.ends(ExitReason::Completed)
    }

    /// The next time they fail.
    #[must_use]
    pub fn then_fails(self) -> Self {
        self.then().fails()
    }

    /// The next time they do their task.
    #[must_use]
    pub fn then_succeeds(self) -> Self {
        self.then().succeeds()
    }

    /// Their answer; `retry_if` looks for its words there.
    #[must_use]
    pub fn says(self, text: impl Into<String>) -> Self {
        self.with(|answer| answer.says = Some(text.into()))
    }

    /// What each costs. More than its `max_budget` it cannot cost: it is stopped there.
    #[must_use]
    pub fn cost(self, cost: Usd) -> Self {
        self.with(|answer| answer.cost = Some(cost))
    }

    /// How long each runs, in whole milliseconds; at its timeout it is stopped.
    #[must_use]
    pub fn takes(self, time: Duration) -> Self {
        self.with(|answer| answer.takes = Some(time))
    }

    /// As evaluators they give this score, from 0 to 1; what is no number counts as 0.
    #[must_use]
    pub fn judges(self, score: f64) -> Self {
        let score = Score::from_f64(score).unwrap_or(Score::ZERO);
        self.with(|answer| answer.score = Some(score))
    }

    /// As fetchers they list so many things.
    #[must_use]
    pub fn lists(self, count: u32) -> Self {
        self.with(|answer| answer.lists = Some(count))
    }

    /// As governors they decide this, and are sure of it.
    #[must_use]
    pub fn decides(self, action: Action) -> Self {
        self.with(|answer| answer.decides = Some((action, Score::ONE)))
    }

    /// As a person or a guard they agree.
    #[must_use]
    pub fn approves(self) -> Self {
        self.with(|answer| answer.objects = Some(String::new()))
    }

    /// As a person or a guard they object, for this reason.
    #[must_use]
    pub fn rejects(self, why: impl Into<String>) -> Self {
        let why: String = why.into();
        let why = if why.is_empty() { "no".to_owned() } else { why };
        self.with(|answer| answer.objects = Some(why))
    }

    /// Where nothing is said, chance decides; the same for the same seed.
    #[must_use]
    pub fn dice(mut self, seed: u64) -> Self {
        let chances = self.dice.map(|dice| dice.chances).unwrap_or_default();
        self.dice = Some(Dice { seed, chances });
        self
    }

    /// How probable things are for the [dice](Self::dice).
    #[must_use]
    pub fn chances(mut self, chances: Chances) -> Self {
        let seed = self.dice.map_or(0, |dice| dice.seed);
        self.dice = Some(Dice { seed, chances });
        self
    }

    /// What the run may spend.
    #[must_use]
    pub fn budget(mut self, budget: Usd) -> Self {
        self.budget = Some(budget);
        self
    }

    /// How long the run may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How many agents there may be at once, in all and in each pool.
    #[must_use]
    pub fn pools(mut self, pools: PoolLimits) -> Self {
        self.pools = pools;
        self
    }

    /// Who changes the pipeline as governors want it; without, no change is accepted.
    #[must_use]
    pub fn patcher(mut self, patcher: Arc<dyn Patcher>) -> Self {
        self.patcher = Some(patcher);
        self
    }

    /// Somebody cancels the run at this time.
    #[must_use]
    pub fn cancelled_after(mut self, time: Duration) -> Self {
        self.cancelled_after = Some(time);
        self
    }

    /// What an agent costs, and how long it takes, where nothing else is said.
    #[must_use]
    pub fn usually(
        mut self,
        usual: impl Fn(&AgentSpec) -> (Usd, Duration) + Send + Sync + 'static,
    ) -> Self {
        self.usual = Some(Usual(Arc::new(usual)));
        self
    }

    /// Runs it to its end, in no time.
    ///
    /// # Errors
    ///
    /// Only if it comes to no end.
    pub fn run(&self) -> Result<Simulated, SimulationError> {
        let clock = VirtualClock::default();
        let world = World::new(self, &clock);
        let performer = MadeUp::new(&world);
        let mut machine = Machine::new(self.plan.clone());
        let (stopper, stop) = watch::channel(None);
        let cancelling = async {
            match self.cancelled_after {
                Some(time) => clock.sleep(time).await,
                None => std::future::pending().await,
            }
            stopper.send_replace(Some(Stop::Cancel));
            std::future::pending::<()>().await;
        };
        let mut nobody = Nobody;
        let driven = async {
            let driving = drive(&mut machine, &performer, &mut nobody, stop);
            match select(std::pin::pin!(driving), std::pin::pin!(cancelling)).await {
                Either::Left((driven, _)) => driven,
                Either::Right(_) => Ok(Driven::Interrupted),
            }
        };
        match clock
            .block_on(unconstrained(driven))
            .ok_or(SimulationError::Stuck)??
        {
            Driven::Ended(end) => Ok(world.told(end, machine.account())),
            Driven::Interrupted => Err(SimulationError::Stuck),
        }
    }
}

/// Keeps nothing: a simulation that is cut off begins anew.
struct Nobody;

impl Recorder for Nobody {
    async fn happened(&mut self, _: &[Happened]) -> Result<(), LogError> {
        Ok(())
    }

    async fn cancel_requested(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}
