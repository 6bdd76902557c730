//! The engines that the daemon has.

use std::{fmt, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{Plan, error_code::Coded as _, ids::RunId, runtime::AgentRuntime, spec::ByteSize};
use swarm_http::{
    Failure,
    engines::{Engine, EngineSettings, Engines, Tell},
};

use super::{Bar, Chosen, open};
use crate::{
    config::{AgentSettings, Settings},
    warm,
};

/// The engines of the daemon.
#[derive(Debug)]
pub(crate) struct DaemonEngines {
    /// What holds for all of them.
    pub(crate) settings: Settings,
}

impl Engines for DaemonEngines {
    fn connect(
        &self,
        wanted: EngineSettings,
        tell: Tell,
    ) -> BoxFuture<'_, Result<Arc<dyn Engine>, Failure>> {
        async move {
            let images = wanted.images.into_iter();
            let settings = Settings {
                runtime: wanted.runtime.into(),
                docker_host: wanted.docker_host.unwrap_or_default(),
                image: wanted.image,
                agents: images
                    .map(|(kind, image)| (kind, AgentSettings { image }))
                    .collect(),
                ..self.settings.clone()
            };
            let opened = open(&settings, wanted.path, Bar::default(), &tell).await;
            let chosen = opened.map_err(|error| Failure::new(error.code(), error.to_string()))?;
            let engine: Arc<dyn Engine> = Arc::new(DaemonEngine { chosen, tell });
            Ok(engine)
        }
        .boxed()
    }
}

struct DaemonEngine {
    chosen: Chosen,
    tell: Tell,
}

impl fmt::Debug for DaemonEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chosen.fmt(f)
    }
}

impl Engine for DaemonEngine {
    fn runtime(&self) -> Arc<dyn AgentRuntime> {
        Arc::clone(&self.chosen.runtime)
    }

    fn keep_warm(&self, run: &RunId, plan: &Plan, ahead: u8, max_output: ByteSize) {
        warm::keep(&self.chosen, &self.tell, run, plan, ahead, max_output);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.chosen.farewell().boxed()
    }
}
