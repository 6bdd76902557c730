//! Removes what a run did not remove itself: because its future was dropped, because the engine did not
//! answer at the right moment, or because the process died.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc},
    thread,
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use swarm_core::{
    ids::{AgentId, RefId, RunId},
    runtime::{Leftover, RuntimeError},
};
use tokio::{
    runtime::Builder,
    sync::{mpsc, watch},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

use crate::{
    container::{LABEL_AGENT, LABEL_HOME, LABEL_RUN},
    engine::{Engine, Failure},
    home_folder::HomeFolder,
};

/// How many containers may wait for their removal. More than that many futures dropped at once is beyond
/// any limit on running agents; the sweep finds the rest.
const QUEUE: usize = 1024;
/// How many are removed at the same time.
const AT_ONCE: usize = 8;
/// How long one removal may take.
const REMOVAL: Duration = Duration::from_secs(10);
/// The pauses between attempts.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// How long the last owner of a runtime is held up by removals that are under way when it drops it.
const AT_DROP: Duration = Duration::from_secs(5);

/// A thread that removes containers, started when it is first needed.
///
/// It is a thread of its own because futures are also dropped when their async runtime shuts down, and then
/// nothing can be spawned on that any more.
#[derive(Debug)]
pub(crate) struct Reaper {
    engine: Engine,
    worker: Mutex<Option<Worker>>,
    /// How many containers are still to be removed.
    pending: watch::Sender<usize>,
}

#[derive(Debug)]
struct Worker {
    queue: mpsc::Sender<Doomed>,
    /// Closed when the thread has ended.
    alive: std_mpsc::Receiver<()>,
}

/// A container, and the home of its agent, if that is a folder of ours: it goes when nobody can write there any more.
#[derive(Debug)]
struct Doomed {
    id: String,
    home: Option<Arc<HomeFolder>>,
}

/// A container that must not outlive this value.
#[derive(Debug)]
pub(crate) struct Guard {
    reaper: Arc<Reaper>,
    id: String,
    home: Option<Arc<HomeFolder>>,
    armed: bool,
}

impl Guard {
    pub(crate) fn new(reaper: Arc<Reaper>, id: String) -> Self {
        Self {
            reaper,
            id,
            home: None,
            armed: true,
        }
    }

    /// With the home of its agent, which goes when the container is gone.
    pub(crate) fn with_home(self, home: Option<Arc<HomeFolder>>) -> Self {
        let mut guard = self;
        guard.home = home;
        guard
    }

    /// The id of the container.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Leaves the container alone.
    pub(crate) fn disarm(mut self) {
        self.armed = false;
        if let Some(home) = &self.home {
            home.keep();
        }
    }

    /// Removes the container now. What cannot be removed now is tried again in the background.
    pub(crate) async fn remove(mut self) {
        match timeout(REMOVAL, self.reaper.engine.remove(&self.id)).await {
            Ok(Ok(())) => {
                self.armed = false;
                remove_home(self.home.take()).await;
            }
            Ok(Err(failure)) => tracing::warn!(
                container = self.id,
                problem = failure.problem(),
                "a container could not be removed; trying again in the background"
            ),
            Err(_) => tracing::warn!(
                container = self.id,
                "a container was not removed in time; trying again in the background"
            ),
        }
    }
}

impl Leftover for Guard {
    fn clear(self: Box<Self>) -> BoxFuture<'static, ()> {
        (*self).remove().boxed()
    }

    fn leave(self: Box<Self>) {
        self.disarm();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.armed {
            self.reaper.remove_later(Doomed {
                id: std::mem::take(&mut self.id),
                home: self.home.take(),
            });
        }
    }
}

impl Reaper {
    pub(crate) fn new(engine: Engine) -> Arc<Self> {
        Arc::new(Self {
            engine,
            worker: Mutex::new(None),
            pending: watch::Sender::new(0),
        })
    }

    /// Removes a container in the background. Does not block, and needs no async runtime.
    fn remove_later(&self, doomed: Doomed) {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_none() {
            *worker = start(self.engine.clone(), self.pending.clone());
        }
        let Some(worker) = worker.as_ref() else {
            doomed.leave("no thread to remove it");
            return;
        };
        self.pending.send_modify(|pending| *pending += 1);
        if let Err(error) = worker.queue.try_send(doomed) {
            self.pending.send_modify(|pending| *pending -= 1);
            let doomed = error.into_inner();
            doomed.leave("too many are waiting to be removed");
        }
    }

    /// Waits until nothing is left to be removed.
    pub(crate) async fn idle(&self) {
        let mut pending = self.pending.subscribe();
        // Fails only if the sender is gone, and that is ours.
        drop(pending.wait_for(|pending| *pending == 0).await);
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        let worker = self
            .worker
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Worker { queue, alive }) = worker {
            drop(queue);
            // Ending the process now would leave agents running. Whoever has awaited the shutdown of the
            // runtime does not wait here.
            let _ended: Result<(), _> = alive.recv_timeout(AT_DROP);
        }
    }
}

fn start(engine: Engine, pending: watch::Sender<usize>) -> Option<Worker> {
    let (sender, queue) = mpsc::channel(QUEUE);
    let (dead, alive) = std_mpsc::channel();
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    thread::Builder::new()
        .name("swarm-reaper".to_owned())
        .spawn(move || {
            runtime.block_on(work(engine, queue, pending));
            drop(dead);
        })
        .ok()?;
    Some(Worker {
        queue: sender,
        alive,
    })
}

async fn work(engine: Engine, mut queue: mpsc::Receiver<Doomed>, pending: watch::Sender<usize>) {
    let mut removals = JoinSet::new();
    loop {
        tokio::select! {
            doomed = queue.recv(), if removals.len() < AT_ONCE => match doomed {
                Some(doomed) => {
                    let engine = engine.clone();
                    removals.spawn(async move { remove(&engine, doomed).await });
                }
                None => break,
            },
            Some(_) = removals.join_next() => pending.send_modify(|pending| *pending -= 1),
        }
    }
    while removals.join_next().await.is_some() {
        pending.send_modify(|pending| *pending -= 1);
    }
}

impl Doomed {
    fn leave(self, problem: &str) {
        tracing::warn!(container = self.id, problem, "left to the next sweep");
        if let Some(home) = self.home {
            home.keep();
        }
    }
}

/// It may hold many files.
async fn remove_home(home: Option<Arc<HomeFolder>>) {
    if home.is_some() {
        // Dropping this future does not stop the removal.
        drop(spawn_blocking(move || drop(home)).await);
    }
}

async fn remove(engine: &Engine, doomed: Doomed) {
    let mut pauses = PAUSES.iter();
    loop {
        let problem = match timeout(REMOVAL, engine.remove(&doomed.id)).await {
            Ok(Ok(())) => return remove_home(doomed.home).await,
            Ok(Err(failure)) => failure.problem().to_owned(),
            Err(_) => "it took too long".to_owned(),
        };
        let Some(pause) = pauses.next() else {
            return doomed.leave(&problem);
        };
        sleep(*pause).await;
    }
}

/// Whether something was removed. What the engine refuses to remove must not keep the rest from being swept.
fn stays_if_refused(name: &str, removed: Result<(), Failure>) -> Result<bool, Failure> {
    match removed {
        Ok(()) => Ok(true),
        Err(Failure::Status { message, .. }) => {
            tracing::warn!(name, problem = message, "left to the next sweep");
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

/// Removes the containers and volumes of `home` whose run is not live, and returns whose they were.
pub(crate) async fn sweep(
    engine: &Engine,
    home: &str,
    is_live: &(dyn Fn(&RunId) -> bool + Sync),
) -> Result<Vec<RefId>, RuntimeError> {
    let failed = |doing| move |failure| engine.error(doing, failure);
    // Only what carries all three labels is ours to remove.
    let dead = |labels: &std::collections::HashMap<String, String>| -> Option<RefId> {
        let run: RunId = labels.get(LABEL_RUN)?.parse().ok()?;
        let agent: AgentId = labels.get(LABEL_AGENT)?.parse().ok()?;
        (!is_live(&run)).then(|| RefId::new(run, agent))
    };
    let mut removed = BTreeSet::new();
    let containers = engine
        .find(&[(LABEL_HOME, home)])
        .await
        .map_err(failed("list containers"))?;
    for container in containers {
        if let Some(id) = dead(&container.labels)
            && stays_if_refused(&container.id, engine.remove(&container.id).await)
                .map_err(failed("remove a container"))?
        {
            removed.insert(id);
        }
    }
    // The volumes of a container go with it. These are of containers that somebody removed without them.
    let volumes = engine
        .volumes((LABEL_HOME, home))
        .await
        .map_err(failed("list volumes"))?;
    for (name, labels) in volumes {
        if let Some(id) = dead(&labels)
            && stays_if_refused(&name, engine.remove_volume(&name).await)
                .map_err(failed("remove a volume"))?
        {
            removed.insert(id);
        }
    }
    Ok(removed.into_iter().collect())
}
