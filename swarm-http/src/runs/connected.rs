//! The engines that runs of this daemon use. Each is connected to once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm_core::error_code::ErrorCode;
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    Failure,
    engines::{Engine, EngineSettings, Engines, RuntimeKind, Tell},
};

type Cell = Arc<OnceCell<Arc<dyn Engine>>>;

/// Engines, by what is set for them.
#[derive(Debug)]
pub(super) struct Connected {
    engines: Option<Arc<dyn Engines>>,
    cells: Mutex<BTreeMap<EngineSettings, Cell>>,
}

impl Connected {
    /// None yet. Without `engines` there never is one.
    pub(super) fn new(engines: Option<Arc<dyn Engines>>) -> Self {
        Self {
            engines,
            cells: Mutex::default(),
        }
    }

    /// The engine that is wanted, connected to if it was not, and then `first` is done with it.
    pub(super) async fn get<F: Future<Output = ()>>(
        &self,
        wanted: &EngineSettings,
        tell: Tell,
        first: impl FnOnce(Arc<dyn Engine>) -> F,
    ) -> Result<Arc<dyn Engine>, Failure> {
        let Some(engines) = &self.engines else {
            return Err(Failure::new(
                ErrorCode::EngineUnavailable,
                "this daemon runs no agents; `swarm serve` starts one that does",
            ));
        };
        let cell = Arc::clone(self.cells().entry(wanted.clone()).or_default());
        let connect = async {
            let engine = engines.connect(wanted.clone(), tell).await?;
            first(Arc::clone(&engine)).await;
            Ok::<_, Failure>(engine)
        };
        let engine = Arc::clone(cell.get_or_try_init(|| connect).await?);
        if wanted.runtime == RuntimeKind::Auto && engine.runtime().name() != "docker" {
            // An engine that answers later is to be found then.
            self.cells().remove(wanted);
        }
        Ok(engine)
    }

    /// Waits for what is under way in all of them, but not for longer than `patience`.
    pub(super) async fn close(&self, patience: Duration) {
        let cells = std::mem::take(&mut *self.cells());
        for engine in cells.values().filter_map(|cell| cell.get()) {
            drop(timeout(patience, engine.close()).await);
        }
    }

    fn cells(&self) -> MutexGuard<'_, BTreeMap<EngineSettings, Cell>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
