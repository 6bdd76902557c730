//! Makes warm containers, and gives them to agents.

use std::{fmt, sync::Arc};

use bollard::models::ContainerCreateBody;
use swarm_core::{
    ids::{RefId, RunId},
    spec::Network,
};
use tokio::{sync::oneshot, time::Instant};

use super::Coming;
use crate::{
    container,
    docker_runtime::Inner,
    engine::{Attached, Engine, State},
    lifecycle::create::guarded_create,
    reaper::Guard,
};

/// A container that waits.
pub(super) struct Warm {
    pub(super) guard: Guard,
    pub(super) attached: Attached,
    pub(super) state: State,
    since: Instant,
}

impl fmt::Debug for Warm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warm")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// Begins to make one.
pub(super) fn begin(inner: &Arc<Inner>, body: ContainerCreateBody) -> Coming {
    let (done, coming) = oneshot::channel();
    let maker = Arc::clone(inner);
    inner.tasks.spawn(async move {
        let made = make(&maker, body).await.unwrap_or_else(|problem| {
            tracing::warn!(problem, "no container could be started ahead of its agent");
            None
        });
        // Nobody may want it any more; it is removed then.
        drop(done.send(made));
    });
    coming
}

async fn make(inner: &Inner, body: ContainerCreateBody) -> Result<Option<Warm>, String> {
    let Inner {
        engine, options, ..
    } = inner;
    let network = body.host_config.as_ref();
    let network = network.and_then(|host| host.network_mode.as_deref());
    if network == Some(&options.network) {
        let prepared = inner.network.prepare(engine, options, &Network::Own).await;
        prepared.map_err(|error| error.to_string())?;
    }
    // No agent has this name, and no other container.
    let name = format!("swarm-warm..{}", RunId::random());
    let created = guarded_create(inner, &name, body, None).await;
    let guard = created.map_err(|failure| failure.problem().to_owned())?;
    let started = async {
        let attached = engine.attach(guard.id(), true).await?;
        let state = engine.state(guard.id()).await?;
        engine.start(guard.id()).await?;
        Ok::<_, crate::engine::Failure>((attached, state))
    };
    match started.await {
        Ok((attached, Some(state))) => Ok(Some(Warm {
            guard,
            attached,
            state,
            since: Instant::now(),
        })),
        Ok((_, None)) => Ok(None),
        Err(failure) => {
            guard.remove().await;
            Err(failure.problem().to_owned())
        }
    }
}

impl Warm {
    /// Gives it the name of `id`, under which it will be found; `None` if it waits no more.
    pub(super) async fn name_it(self, engine: &Engine, id: &RefId) -> Option<Self> {
        let name = container::name_after_waiting(id, self.since.elapsed());
        let container = self.guard.id();
        let named = tokio::try_join!(engine.rename(container, &name), engine.state(container));
        match named {
            Ok(((), Some(state))) if state.running => Some(self),
            _ => {
                self.guard.remove().await;
                None
            }
        }
    }
}
