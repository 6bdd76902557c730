//! The runs that this daemon drives: each outlives the client that asked for it, and the daemon itself.
//!
//! Once a run has begun, it is in the log and among those that go on. If the daemon ends before it, whether it is told to or is killed,
//! the next one goes on with it: what had finished is not run again, and containers that still run are taken over.

mod connected;
mod driven;
mod driving;
mod kept;
mod settings;
pub mod sweep;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use connected::Connected;
pub(crate) use driven::Driven;
pub use driven::Passing;
pub(crate) use driving::GoOn;
use driving::{Driving, Place, Work};
use kept::KeptRuns;
use settings::Stores;
pub use settings::{RunSettings, TypesIn};
use swarm_core::{
    NewRun, RunView, Swarm, SwarmError,
    drive::Stop,
    error_code::{Coded as _, ErrorCode},
    ids::RunId,
    journal::{EventLog, RunEvent, RunJournal},
    resources::PoolLimits,
    runtime::process::{ProcessOptions, ProcessRuntime},
    supplies::{Supplies, UserMachine},
    time::SystemClock,
};
use swarm_refs::{FsRefStore, RunLock};
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Failure,
    engines::{Engine, EngineSettings, Engines, RuntimeKind, Tell},
};

/// How long runs may take to stop their agents once the daemon is to end.
const FAREWELL: Duration = Duration::from_secs(15);
/// How long engines may take after that to remove what they have stopped.
const REMOVALS: Duration = Duration::from_secs(8);
/// How long a daemon that begins waits before it goes on with what was left behind.
const PRECEDENCE: Duration = Duration::from_secs(1);
/// How long whoever asks for a run waits until it has begun. An image may have to be built first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that runs of a home need.
#[derive(Debug)]
pub(crate) struct Runs {
    home: PathBuf,
    pub(crate) stores: Stores,
    /// Has the pools that all of them share.
    all: Swarm,
    connected: Connected,
    machine: Option<Arc<dyn UserMachine>>,
    driven: Mutex<BTreeMap<RunId, Arc<Driven>>>,
    /// Those that the daemon before this one has left behind, and that nobody has taken up yet.
    left: Mutex<BTreeMap<RunId, RunSettings>>,
    kept: KeptRuns,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// What is brought along for runs.
#[derive(Clone, Debug, Default)]
pub struct Equipment {
    /// Where agents work; nowhere if there is none.
    pub engines: Option<Arc<dyn Engines>>,
    /// Where accounts are looked up for a run that goes on by itself.
    pub machine: Option<Arc<dyn UserMachine>>,
    /// What all runs together may use.
    pub limits: PoolLimits,
}

/// A run that was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) run: RunId,
    /// Whether it has begun already: then it goes on whatever happens.
    pub(crate) has_begun: bool,
}

impl Runs {
    /// Those of `home`, of which none is driven yet. Blocks.
    pub(crate) fn open(
        home: PathBuf,
        log: Arc<dyn EventLog>,
        equipment: Equipment,
        stopping: CancellationToken,
    ) -> Result<Self, Failure> {
        let refs = FsRefStore::open(&home, Arc::new(SystemClock))?;
        // No agent runs in it: it is there for the pools.
        let processes = ProcessRuntime::new(ProcessOptions::new(home.join("processes")));
        let all = Swarm::builder(Arc::new(processes)).limits(equipment.limits);
        let kept = KeptRuns::open(&home)?;
        Ok(Self {
            left: Mutex::new(kept.all().into_iter().collect()),
            kept,
            stores: Stores {
                log,
                refs: Arc::new(refs),
            },
            all: all.build(),
            connected: Connected::new(equipment.engines),
            machine: equipment.machine,
            driven: Mutex::default(),
            tasks: TaskTracker::new(),
            home,
            stopping,
        })
    }

    /// Begins a run.
    pub(crate) async fn start(
        self: &Arc<Self>,
        new: NewRun,
        settings: RunSettings,
        supplies: Option<Supplies>,
    ) -> Result<Asked, Failure> {
        let run = new.id.clone();
        self.begin(run, Work::New(new), settings, supplies).await
    }

    /// Goes on with a run that nobody drives.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        run: RunId,
        mut settings: RunSettings,
        how: GoOn,
        supplies: Option<Supplies>,
    ) -> Result<Asked, Failure> {
        let view = Box::new(self.view(&run).await?);
        if settings.engine.runtime == RuntimeKind::Auto {
            // It goes on where it began.
            settings.engine.runtime = match view.runtime.as_str() {
                "docker" => RuntimeKind::Docker,
                _ => RuntimeKind::Process,
            };
        }
        let work = Work::Known(view, how);
        self.begin(run, work, settings, supplies).await
    }

    async fn begin(
        self: &Arc<Self>,
        run: RunId,
        work: Work,
        settings: RunSettings,
        supplies: Option<Supplies>,
    ) -> Result<Asked, Failure> {
        if self.stopping.is_cancelled() {
            return Err(Failure::new(
                ErrorCode::DaemonUnreachable,
                "the daemon is ending; try again, which starts another one",
            ));
        }
        // From here on it is this one's business, and no longer gone on with by itself.
        self.left().remove(&run);
        let (lock, went_on) = self.claim(&run, &settings).await?;
        let (driven, begun) = Driven::new(settings.engine.clone());
        self.driven().insert(run.clone(), Arc::clone(&driven));
        let driving = Driving {
            place: Place {
                runs: Arc::clone(self),
                run: run.clone(),
                driven,
            },
            settings,
            lock,
            supplies,
            went_on,
        };
        let (refused, is_refused) = oneshot::channel();
        self.tasks.spawn(driving.drive(work, refused));
        let has_begun = tokio::select! {
            biased;
            Ok(()) = begun => true,
            // Without a reason it has ended already.
            failure = is_refused => match failure {
                Ok(failure) => return Err(failure),
                Err(_) => true,
            },
            () = tokio::time::sleep(PATIENCE) => false,
        };
        Ok(Asked { run, has_begun })
    }

    /// Makes this process the one that drives `run`, and has the next daemon go on with it; whether that was so before.
    async fn claim(&self, run: &RunId, settings: &RunSettings) -> Result<(RunLock, bool), Failure> {
        let (home, kept) = (self.home.clone(), self.kept.clone());
        let (id, settings) = (run.clone(), settings.clone());
        let claimed = spawn_blocking(move || {
            let Some(lock) = RunLock::try_acquire(&home, &id)? else {
                return Ok(None);
            };
            match kept.keep(&id, &settings) {
                Ok(went_on) => Ok::<_, Failure>(Some((lock, went_on))),
                Err(error) => {
                    // Of a run that never was, nothing stays. If that fails, gc removes it.
                    drop(lock.discard());
                    Err(error.into())
                }
            }
        });
        let claimed = claimed.await;
        let claimed = claimed.map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()));
        claimed??.ok_or_else(|| {
            Failure::new(
                ErrorCode::RunIsLive,
                format!("run {run} is being driven already; `swarm runs watch {run}` follows it, and `swarm runs kill {run}` stops it"),
            )
        })
    }

    /// Goes on with everything that a daemon of this home has left behind.
    async fn take_up(self: &Arc<Self>) {
        // Who has started this daemon to resume one of them, perhaps within other limits, comes first.
        tokio::select! {
            () = self.stopping.cancelled() => return,
            () = tokio::time::sleep(PRECEDENCE) => {}
        }
        loop {
            let next = self
                .left()
                .first_key_value()
                .map(|(run, settings)| (run.clone(), settings.clone()));
            let Some((run, settings)) = next else { return };
            let is_over = match self.view(&run).await {
                Ok(view) => view.end().is_some(),
                Err(failure) => failure.code == ErrorCode::RunNotFound,
            };
            if is_over {
                self.left().remove(&run);
                let kept = self.kept.clone();
                drop(spawn_blocking(move || kept.forget(&run)).await);
                continue;
            }
            let taken = self.resume(run.clone(), settings, GoOn::default(), None);
            match taken.await {
                Ok(_) => tracing::info!(%run, "a run goes on"),
                Err(failure) => {
                    tracing::warn!(%run, code = %failure.code, problem = %failure.message,
                        "a run does not go on by itself: `swarm runs resume` tries again");
                }
            }
        }
    }

    /// Asks a run that is driven here to stop; whether one is.
    pub(crate) async fn stop(&self, run: &RunId, how: Stop) -> Result<bool, Failure> {
        let Some(driven) = self.find(run) else {
            return Ok(false);
        };
        if how == Stop::Cancel {
            // Whatever becomes of this process, it is to end.
            let requested = vec![RunEvent::CancelRequested];
            self.journal(run).append(requested).await?;
        }
        driven.stop(how);
        Ok(true)
    }

    /// What the log knows of a run.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, Failure> {
        let view = self.journal(run).view().await?;
        view.ok_or_else(|| {
            let unknown = SwarmError::RunNotFound(run.clone());
            Failure::new(unknown.code(), unknown.to_string())
        })
    }

    fn journal(&self, run: &RunId) -> RunJournal {
        RunJournal::new(Arc::clone(&self.stores.log), Arc::new(SystemClock), run)
    }

    /// Whether the log has heard of it, or cannot say.
    async fn has_begun(&self, run: &RunId) -> bool {
        match self.view(run).await {
            Ok(_) => true,
            Err(failure) => failure.code != ErrorCode::RunNotFound,
        }
    }

    /// The run, if it is driven here.
    pub(crate) fn find(&self, run: &RunId) -> Option<Arc<Driven>> {
        self.driven().get(run).cloned()
    }

    /// How many are driven here.
    pub(crate) fn count(&self) -> usize {
        self.driven().len()
    }

    /// Whether some process drives it.
    pub(crate) async fn is_live(&self, run: &RunId) -> bool {
        if self.find(run).is_some() || self.left().contains_key(run) {
            return true;
        }
        let (home, run) = (self.home.clone(), run.clone());
        let held = spawn_blocking(move || RunLock::is_held(&home, &run)).await;
        held.unwrap_or(true)
    }

    /// Goes on with what was left behind; once the daemon is to end, waits until all runs have stopped.
    pub(crate) async fn serve(self: Arc<Self>) {
        self.take_up().await;
        self.stopping.cancelled().await;
        self.tasks.close();
        if timeout(FAREWELL, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "agents did not stop in time; what is left of them is removed by the next start"
            );
        }
        self.connected.close(REMOVALS).await;
    }

    async fn engine(self: &Arc<Self>, wanted: &EngineSettings) -> Result<Arc<dyn Engine>, Failure> {
        let tell = self.tell(wanted);
        let first = |engine: Arc<dyn Engine>| {
            let tell = Arc::clone(&tell);
            async move {
                let runtime = engine.runtime();
                let goes_on = |run: &RunId| self.left().contains_key(run);
                sweep::sweep(&self.stores.log, &self.home, &*runtime, &goes_on, &tell).await;
            }
        };
        self.connected.get(wanted, Arc::clone(&tell), first).await
    }

    /// Tells every run that uses this engine.
    fn tell(self: &Arc<Self>, engine: &EngineSettings) -> Tell {
        let (runs, engine) = (Arc::downgrade(self), engine.clone());
        Arc::new(move |said| {
            tracing::info!(?said, "an engine");
            let Some(runs) = runs.upgrade() else { return };
            for driven in runs.driven().values() {
                if driven.engine == engine {
                    driven.say(said.clone());
                }
            }
        })
    }

    fn left(&self) -> MutexGuard<'_, BTreeMap<RunId, RunSettings>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn driven(&self) -> MutexGuard<'_, BTreeMap<RunId, Arc<Driven>>> {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
