//! The front door: ports and limits bundled, plans in, results out.

mod restart;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

pub use restart::Restart;
use thiserror::Error;
use tokio::{
    sync::{OnceCell, watch},
    task::spawn_blocking,
};

use crate::{
    agent_runner::{AdmissionLimits, AgentRunner, Caching, speaks_of_sharing},
    agents::{Onlooker, UnknownModel, kind_of},
    breaker::Breakers,
    budget::Budget,
    cache::ResultCache,
    drive::{DriveError, Driven, Start, Stop, drive},
    error_code::{Coded, ErrorCode},
    ids::{RefId, RunId},
    journal::{
        EventLog, LogError, MemoryEventLog, Observer, Recorded, RunEvent, RunJournal, RunLimits,
        Sequence, StreamId, Vault,
    },
    machine::{Cursor, Demand, Machine},
    money::Usd,
    plan::{MAX_AT_ONCE, Patcher, Plan},
    prices::PriceBook,
    refs::{MemoryRefStore, RefStore},
    resources::{PoolLimits, ResourcePools},
    run_view::{self, RunState, RunView},
    runtime::{AgentRuntime, DEFAULT_MAX_OUTPUT, RuntimeError},
    scopes::Scopes,
    spec::{Agent, AgentSpec, ByteSize, Sandbox},
    suggest::did_you_mean,
    supplies::{Supplies, SupplyError, UserMachine},
    time::{Clock, SystemClock},
};

/// Everything that a run needs. Cheap to clone; runs that share one share its pools.
#[derive(Clone, Debug)]
pub struct Swarm {
    runtime: Arc<dyn AgentRuntime>,
    store: Arc<dyn RefStore>,
    log: Arc<dyn EventLog>,
    vault: Option<Arc<dyn Vault>>,
    clock: Arc<dyn Clock>,
    pools: ResourcePools,
    breakers: Breakers,
    prices: Arc<PriceBook>,
    max_output: ByteSize,
    user: Option<Arc<dyn UserMachine>>,
    patcher: Option<Arc<dyn Patcher>>,
    cache: Option<Arc<dyn ResultCache>>,
}

/// A run that is to be started.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id, such as [`RunId::random`]; no run may have it yet.
    pub id: RunId,
    /// What is to run.
    pub plan: Plan,
    /// Within which limits.
    pub limits: RunLimits,
}

impl From<Plan> for NewRun {
    fn from(plan: Plan) -> Self {
        Self {
            id: RunId::random(),
            plan,
            limits: RunLimits::default(),
        }
    }
}

/// Is told something that a person may want to know, in one sentence.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// How whoever starts a run keeps in touch with it.
#[derive(Clone, Default)]
pub struct Control {
    /// Sees each event once it is durable.
    pub observer: Option<Observer>,
    /// Sees what agents do while they work, as far as their kind tells.
    pub onlooker: Option<Onlooker>,
    /// Is told why agents that ask for it are not cached, each reason once.
    pub notice: Option<Notice>,
    /// Asks the run to stop.
    pub stop: Option<watch::Receiver<Option<Stop>>>,
    /// What its agents need of their user's machine, if that was looked up before. Otherwise it is looked up.
    pub supplies: Option<Supplies>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// Why a run could not start or go on. What an agent does wrong is not among this: it is in the view.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SwarmError {
    /// The runtime cannot honour what an agent asks for. Nothing was started.
    #[error("{agents} of the agents cannot run, and nothing was started: {first}")]
    Unfit {
        /// How many agents.
        agents: usize,
        /// What is wrong with the first of them.
        first: RuntimeError,
    },
    /// A model that the program of an agent cannot know. Nothing was started.
    #[error("nothing was started: {0}")]
    UnknownModel(#[from] UnknownModel),
    /// An account or an MCP server is missing. Nothing was started.
    #[error("nothing was started: {0}")]
    Unsupplied(#[from] SupplyError),
    /// The id is taken: the log has a run with it. Nothing was started.
    #[error(
        "there is a run {0} already; `swarm runs resume {0}` goes on with it, and a new run needs a new id"
    )]
    RunExists(RunId),
    /// An agent has to be started again, and the budget does not cover that any more. The run is open still.
    #[error(
        "run {run} cannot go on within a budget of {limit}: {spent} were spent, or set aside for agents that were under way, \
         and one of these, which has to be started again, may cost {wanted}; `swarm runs resume {run} --budget {}` or more \
         covers that", f64::from(*spent + *wanted)
    )]
    BudgetSpent {
        /// The run.
        run: RunId,
        /// What was spent, or may have been.
        spent: Usd,
        /// What may be spent.
        limit: Usd,
        /// The worst case of the agent.
        wanted: Usd,
    },
    /// There is no such run.
    #[error("there is no run {0}; `swarm runs list` shows what there is")]
    RunNotFound(RunId),
    /// It is over.
    #[error("run {0} has ended; `swarm runs show {0}` shows how")]
    RunEnded(RunId),
    /// The values of variables that its agents need are gone. The run is open still.
    #[error(
        "run {0} cannot go on: the values of its `env_vars`, which are kept while it is open, are gone; start it anew, and \
         `swarm runs kill {0}` ends this one"
    )]
    ValuesLost(RunId),
    /// There would be too many agents at the same time. Nothing was started.
    #[error(
        "{agents} agents would be under way, or waiting, at the same time, and at most {MAX_AT_ONCE} can be; nothing was started"
    )]
    TooManyAgents {
        /// How many.
        agents: usize,
    },
    /// It has no steps.
    #[error(
        "run {0} is not a pipeline, so it cannot go on from a step; `swarm runs resume {0}` goes on with one that has not ended"
    )]
    NoPipeline(RunId),
    /// Its pipeline has no such step.
    #[error("the pipeline of run {run} has no step `{step}`{}", did_you_mean(.suggestion.as_deref()))]
    UnknownStep {
        /// The run.
        run: RunId,
        /// The step.
        step: String,
        /// A step with a similar name.
        suggestion: Option<String>,
    },
    /// It did not come to this step, so nobody knows what that would be given.
    #[error("run {run} never came to the step `{step}`; `swarm runs show {run}` shows its way")]
    NeverEntered {
        /// The run.
        run: RunId,
        /// The step.
        step: String,
    },
    /// It cannot be told where it is to go on.
    #[error(
        "run {run} can go on only from a step that is named, since {problem}: `swarm pipeline run DEFINITION --resume {run}/STEP` goes on with that definition, and \
         `swarm runs resume {run}` with the one that it had"
    )]
    StepNeeded {
        /// The run.
        run: RunId,
        /// Why.
        problem: &'static str,
    },
    /// The run cannot go on.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Coded for SwarmError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unfit { first, .. } => first.code(),
            Self::UnknownModel(error) => error.code(),
            Self::Unsupplied(error) => error.code(),
            Self::RunExists(_) => ErrorCode::RunExists,
            Self::BudgetSpent { .. } => ErrorCode::BudgetExhausted,
            Self::RunNotFound(_) => ErrorCode::RunNotFound,
            Self::RunEnded(_) => ErrorCode::RunEnded,
            Self::NoPipeline(_) | Self::StepNeeded { .. } | Self::TooManyAgents { .. } => {
                ErrorCode::InvalidInput
            }
            Self::UnknownStep { .. } | Self::NeverEntered { .. } => ErrorCode::UnknownStep,
            Self::ValuesLost(_) => ErrorCode::StorageFailed,
            Self::Drive(error) => error.code(),
            Self::Log(error) => error.code(),
        }
    }
}

/// Puts a [`Swarm`] together. What is not given is kept in memory.
#[derive(Debug)]
pub struct SwarmBuilder(Swarm);

impl SwarmBuilder {
    /// Where results are kept.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn RefStore>) -> Self {
        self.0.store = store;
        self
    }

    /// Where events are kept.
    #[must_use]
    pub fn log(mut self, log: Arc<dyn EventLog>) -> Self {
        self.0.log = log;
        self
    }

    /// Who tells the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// How many agents may run at once, and what else they wait for.
    #[must_use]
    pub fn limits(mut self, limits: PoolLimits) -> Self {
        self.0.pools = ResourcePools::new(limits);
        self
    }

    /// The same pools as those of `other`, of which this one uses no more than `limits`; and one that hears from a provider that it takes
    /// no requests tells the other.
    #[must_use]
    pub fn sharing(mut self, other: &Swarm, limits: &PoolLimits) -> Self {
        self.0.pools = other.pools.within(limits);
        self.0.breakers = other.breakers.clone();
        self
    }

    /// What models cost; the prices that are built in if nobody says otherwise.
    #[must_use]
    pub fn prices(mut self, prices: PriceBook) -> Self {
        self.0.prices = Arc::new(prices);
        self
    }

    /// Where values of `env_vars` are kept while a run is open. Without it they are in the event log.
    #[must_use]
    pub fn vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.0.vault = Some(vault);
        self
    }

    /// How much each agent may print, both outputs together; [`DEFAULT_MAX_OUTPUT`] if nobody says otherwise. More is not
    /// kept, and whoever prints more is stopped.
    #[must_use]
    pub const fn max_output(mut self, max_output: ByteSize) -> Self {
        self.0.max_output = max_output;
        self
    }

    /// Where accounts and MCP servers are looked up. Without it agents have the account that is in their `env_vars`, and
    /// no MCP servers.
    #[must_use]
    pub fn user(mut self, machine: Arc<dyn UserMachine>) -> Self {
        self.0.user = Some(machine);
        self
    }

    /// Who checks pipelines that governors want changed. Without it they stay as they are.
    #[must_use]
    pub fn patcher(mut self, patcher: Arc<dyn Patcher>) -> Self {
        self.0.patcher = Some(patcher);
        self
    }

    /// Where it is remembered which result came of which work, for agents with `cache`. Without it they are always run.
    #[must_use]
    pub fn cache(mut self, cache: Arc<dyn ResultCache>) -> Self {
        self.0.cache = Some(cache);
        self
    }

    /// The finished bundle.
    pub fn build(self) -> Swarm {
        self.0
    }
}

impl Swarm {
    /// A swarm whose agents run in `runtime`.
    pub fn builder(runtime: Arc<dyn AgentRuntime>) -> SwarmBuilder {
        SwarmBuilder(Self {
            runtime,
            store: Arc::new(MemoryRefStore::default()),
            log: Arc::new(MemoryEventLog::new()),
            vault: None,
            clock: Arc::new(SystemClock),
            pools: ResourcePools::new(PoolLimits::default()),
            breakers: Breakers::default(),
            prices: Arc::new(PriceBook::default()),
            max_output: DEFAULT_MAX_OUTPUT,
            user: None,
            patcher: None,
            cache: None,
        })
    }

    /// Where results are kept.
    pub fn store(&self) -> &Arc<dyn RefStore> {
        &self.store
    }

    /// Runs `plan`, which may be a single agent, to its end.
    pub async fn execute(&self, plan: impl Into<Plan>) -> Result<RunView, SwarmError> {
        self.run(plan.into().into(), Control::default()).await
    }

    /// Runs a plan to its end, or until it is told to stop.
    ///
    /// The run is in the log before its first agent starts; from then on [`resume`](Self::resume) can
    /// finish it, whatever happens to this process.
    ///
    /// # Errors
    ///
    /// [`SwarmError::Unfit`], [`SwarmError::UnknownModel`], [`SwarmError::Unsupplied`] and [`SwarmError::RunExists`], before
    /// anything was started.
    /// Agents that fail are no error.
    pub async fn run(&self, new: NewRun, control: Control) -> Result<RunView, SwarmError> {
        self.check(&new.plan)?;
        self.look_around(&new.plan).await?;
        let supplies = self.supplies(control.supplies, &new.plan).await?;
        if self.beginning(&new.id).await?.is_some() {
            return Err(SwarmError::RunExists(new.id));
        }
        let journal = self.journal(&new.id).observed_by(control.observer);
        let begun = journal
            .append(vec![RunEvent::Started {
                plan: new.plan.clone(),
                limits: new.limits,
                runtime: self.runtime.name().to_owned(),
            }])
            .await?;
        // Somebody else may have looked at the same time. The id belongs to who comes first in the log.
        if self.beginning(&new.id).await? != Some(begun) {
            return Err(SwarmError::RunExists(new.id));
        }
        let machine = Machine::new(new.plan);
        let mut runner = self.runner(&new.id, &journal, new.limits, Usd::ZERO, Vec::new());
        runner.supplies = supplies;
        runner.onlooker = control.onlooker;
        runner.caching.notice = control.notice;
        self.drive(machine, runner, journal, control.stop).await
    }

    /// Finishes a run that another process began and did not end.
    ///
    /// Agents that have ended are not run again; agents that are still running are taken over if the runtime
    /// can. The caller must see to it that nobody else drives the run.
    ///
    /// # Errors
    ///
    /// [`SwarmError::BudgetSpent`] if an agent that has to be started again is not covered any more; the run stays open.
    pub async fn resume(&self, run: &RunId, control: Control) -> Result<RunView, SwarmError> {
        let journal = self.journal(run).observed_by(control.observer);
        let events = journal.read().await?;
        let view =
            RunView::fold(run, &events).ok_or_else(|| SwarmError::RunNotFound(run.clone()))?;
        if view.end().is_some() {
            return Err(SwarmError::RunEnded(run.clone()));
        }
        let is_cancelled = is_to_be_cancelled(&view);
        // Who is only stopped needs none.
        if !is_cancelled && journal.has_lost_values(&events).await? {
            return Err(SwarmError::ValuesLost(run.clone()));
        }
        let machine = replayed(&view, &events)?;
        let awaited = awaited(replayed(&view, &events)?);
        self.check_budget(&view, &awaited).await?;
        let supplies = self.supplies(control.supplies, &view.work()).await?;
        for waiting in view.waiting.values() {
            // Whoever drove it before knew until when a provider takes no requests.
            if let Ok(kind) = kind_of(&Agent::Named(waiting.kind.clone())) {
                let now = self.clock.now();
                if waiting.until > now {
                    self.breakers.trip(kind.name(), now, Some(waiting.until));
                }
            }
        }
        journal.append(vec![RunEvent::Resumed]).await?;
        let (held, lost): (Vec<_>, Vec<_>) = view
            .in_flight()
            .map(|(at, agent)| (at.clone(), agent.reserved()))
            .partition(|(at, _)| awaited.contains_key(at));
        let spent = view.spent + lost.iter().map(|(_, reserved)| *reserved).sum();
        let mut runner = self.runner(run, &journal, view.limits, spent, held);
        runner.supplies = supplies;
        runner.onlooker = control.onlooker;
        runner.scopes = Scopes::of(&view, |at| awaited.contains_key(at));
        runner.caching.notice = control.notice;
        if is_cancelled {
            runner.left_behind = Mutex::new(left_behind(&view, &events)?);
        }
        let view = self.drive(machine, runner, journal, control.stop).await?;
        // A loser of a race that was under way when the process died is nobody's any more.
        if let Err(error) = self.runtime.sweep(&|other| other != run).await {
            tracing::warn!(%run, %error, "could not look for leftovers of the run");
        }
        Ok(view)
    }

    /// Refuses to go on with a run of which agents have to be started again that its budget no longer covers: what they did
    /// cost so far is unknown, so all that was set aside for them is gone.
    async fn check_budget(
        &self,
        view: &RunView,
        awaited: &HashMap<Cursor, Arc<AgentSpec>>,
    ) -> Result<(), SwarmError> {
        let Some(limit) = view.limits.budget else {
            return Ok(());
        };
        let spent = view.spent + view.unaccounted();
        for (at, agent) in view.in_flight() {
            let id = RefId::new(view.run.clone(), agent.agent.clone());
            let Some(spec) = awaited.get(at) else {
                continue;
            };
            let wanted = kind_of(&spec.agent).map_or(Usd::ZERO, |kind| kind.worst_case(spec));
            if spent + wanted > limit
                && self.store.get(&id).await.is_err()
                && !self
                    .runtime
                    .can_take_over(&id)
                    .await
                    .map_err(DriveError::from)?
            {
                return Err(SwarmError::BudgetSpent {
                    run: view.run.clone(),
                    spent,
                    limit,
                    wanted,
                });
            }
        }
        Ok(())
    }

    /// Changes the limits of a run that has not ended. The caller must see to it that nobody drives the run.
    ///
    /// # Errors
    ///
    /// [`SwarmError::BudgetSpent`] if the new budget does not cover what is spent, or set aside, already, or an agent that has
    /// to be started again. The limits stay as they are.
    pub async fn change_limits(&self, run: &RunId, limits: RunLimits) -> Result<(), SwarmError> {
        let events = self.journal(run).read().await?;
        let mut view =
            RunView::fold(run, &events).ok_or_else(|| SwarmError::RunNotFound(run.clone()))?;
        if view.end().is_some() {
            return Err(SwarmError::RunEnded(run.clone()));
        }
        view.limits = limits;
        self.check_budget(&view, &awaited(replayed(&view, &events)?))
            .await?;
        let spent = view.spent + view.unaccounted();
        if let Some(limit) = limits.budget.filter(|limit| *limit < spent) {
            return Err(SwarmError::BudgetSpent {
                run: run.clone(),
                spent,
                limit,
                wanted: Usd::ZERO,
            });
        }
        let changed = RunEvent::LimitsChanged { limits };
        self.journal(run).append(vec![changed]).await?;
        Ok(())
    }

    /// What is known about `run`.
    pub async fn view(&self, run: &RunId) -> Result<RunView, SwarmError> {
        let view = self.journal(run).view().await?;
        view.ok_or_else(|| SwarmError::RunNotFound(run.clone()))
    }

    /// The journal of `run`.
    pub fn journal(&self, run: &RunId) -> RunJournal {
        RunJournal::new(Arc::clone(&self.log), Arc::clone(&self.clock), run)
            .with_vault(self.vault.clone())
    }

    /// The place of the first event of `run`, if there is such a run.
    async fn beginning(&self, run: &RunId) -> Result<Option<Sequence>, LogError> {
        let first = self
            .log
            .read(&StreamId::run(run), Sequence::default(), 1)
            .await?;
        Ok(first.first().map(|recorded| recorded.sequence))
    }

    fn check(&self, plan: &Plan) -> Result<(), SwarmError> {
        let agents = plan.most_at_once();
        if agents > MAX_AT_ONCE {
            return Err(SwarmError::TooManyAgents { agents });
        }
        let agents = plan.agents();
        for spec in &agents {
            if let Ok(kind) = kind_of(&spec.agent) {
                kind.check_model(spec, &self.prices)?;
            }
        }
        let shares = matches!(plan, Plan::Pipeline { .. });
        let mut unfit = agents.iter().filter_map(|agent| {
            let fit = self.runtime.check(&agent.sandbox);
            let fit = fit.and_then(|()| {
                if shares && speaks_of_sharing(agent) {
                    self.runtime.check_sharing(&agent.sandbox)
                } else {
                    Ok(())
                }
            });
            fit.err()
        });
        match unfit.next() {
            Some(first) => Err(SwarmError::Unfit {
                agents: 1 + unfit.count(),
                first,
            }),
            None => Ok(()),
        }
    }

    async fn look_around(&self, plan: &Plan) -> Result<(), SwarmError> {
        let agents = plan.agents();
        let sandboxes: Vec<&Sandbox> = agents.iter().map(|agent| &agent.sandbox).collect();
        let looked = self.runtime.look_around(&sandboxes).await;
        looked.map_err(|first| SwarmError::Unfit { agents: 1, first })
    }

    /// What the agents of `plan` need of their user's machine; looked up unless it was.
    async fn supplies(&self, given: Option<Supplies>, plan: &Plan) -> Result<Supplies, SwarmError> {
        if let Some(given) = given {
            return Ok(given);
        }
        let agents = plan.agents();
        if !self.runtime.starts_programs() || !Supplies::are_needed(agents.iter().copied()) {
            return Ok(Supplies::default());
        }
        let agents: Vec<AgentSpec> = agents.into_iter().cloned().collect();
        let user = self.user.clone();
        let gathered = spawn_blocking(move || Supplies::gather(&agents, user.as_deref())).await;
        Ok(gathered.unwrap_or_else(|error| Err(SupplyError::Vanished(error.to_string())))?)
    }

    fn runner(
        &self,
        run: &RunId,
        journal: &RunJournal,
        limits: RunLimits,
        spent: Usd,
        held: Vec<(Cursor, Usd)>,
    ) -> AgentRunner {
        let budget = Budget::new(limits.budget, spent);
        let under_way = held
            .into_iter()
            .map(|(at, reserved)| (at, budget.hold(reserved)));
        AgentRunner {
            under_way: Mutex::new(under_way.collect()),
            left_behind: Mutex::default(),
            run: run.clone(),
            runtime: Arc::clone(&self.runtime),
            store: Arc::clone(&self.store),
            prices: Arc::clone(&self.prices),
            max_output: self.max_output,
            supplies: Supplies::default(),
            onlooker: None,
            patcher: self.patcher.clone(),
            scopes: Scopes::default(),
            list: Mutex::default(),
            caching: Caching::new(self.cache.clone()),
            shared: OnceCell::new(),
            journal: journal.clone(),
            limits: AdmissionLimits {
                pools: self.pools.clone(),
                breakers: self.breakers.clone(),
                budget,
                deadline: limits.deadline,
                clock: Arc::clone(&self.clock),
            },
        }
    }

    async fn drive(
        &self,
        mut machine: Machine,
        runner: AgentRunner,
        journal: RunJournal,
        stop: Option<watch::Receiver<Option<Stop>>>,
    ) -> Result<RunView, SwarmError> {
        // Without a sender nobody will ever ask, and the receiver knows.
        let stop = stop.unwrap_or_else(|| watch::channel(None).1);
        let mut recorder = journal.clone();
        let driven = drive(&mut machine, &runner, &mut recorder, stop).await?;
        let last = match driven {
            Driven::Ended(end) => RunEvent::Ended { end },
            Driven::Interrupted => RunEvent::Interrupted,
        };
        let is_over = matches!(last, RunEvent::Ended { .. });
        journal.append(vec![last]).await?;
        if is_over {
            journal.forget_values().await;
        }
        // Both are as large as the run is wide.
        drop(machine);
        let run = runner.run.clone();
        drop(runner);
        self.view(&run).await
    }
}

/// The machine of a run as its log leaves it.
fn replayed(view: &RunView, events: &[(Recorded, RunEvent)]) -> Result<Machine, DriveError> {
    let mut machine = run_view::replay(&view.plan, events.iter().map(|(_, event)| event))?;
    if is_to_be_cancelled(view) {
        machine.cancel();
    }
    Ok(machine)
}

const fn is_to_be_cancelled(view: &RunView) -> bool {
    matches!(
        view.state,
        RunState::Open {
            cancel_requested: true,
            ..
        }
    )
}

/// The agents that `machine` starts next.
fn awaited(mut machine: Machine) -> HashMap<Cursor, Arc<AgentSpec>> {
    let demands = machine.demands().into_iter();
    demands
        .filter_map(|demand| match demand {
            Demand::Start(start) => Some((start.at, start.spec)),
            Demand::Do(_) | Demand::Cancel { .. } => None,
        })
        .collect()
}

/// The agents that were under way, as they were started.
fn left_behind(
    view: &RunView,
    events: &[(Recorded, RunEvent)],
) -> Result<HashMap<Cursor, Start>, DriveError> {
    let mut machine = run_view::replay(&view.plan, events.iter().map(|(_, event)| event))?;
    let in_flight: BTreeSet<&Cursor> = view.in_flight().map(|(at, _)| at).collect();
    let demands = machine.demands().into_iter();
    let starts = demands.filter_map(|demand| match demand {
        Demand::Start(start) if in_flight.contains(&start.at) => Some((start.at.clone(), start)),
        Demand::Start(_) | Demand::Do(_) | Demand::Cancel { .. } => None,
    });
    Ok(starts.collect())
}
