//! The runtime itself: what the methods of the port lead to.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;
use swarm_core::{
    ids::{RefId, RunId},
    runtime::{
        AgentExit, AgentJob, AgentRuntime, OutputSink, Program, RuntimeError, check_sharing,
    },
    spec::{ByteSize, Network, Sandbox},
};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    adopt, agent_folders, container,
    egress::EgressOptions,
    engine::{Engine, EngineInfo},
    gpu,
    image::{
        self, ImageInfo, ImageRecipe,
        forwarder::{self, ForwarderImage},
    },
    inputs, lifecycle, mounts,
    network::OwnNetwork,
    options::DockerOptions,
    reaper::{self, Reaper},
    shared_folder,
    warm::{self, WarmPool},
};

/// Runs agents in containers of one engine. Cheap to clone; clones share everything.
///
/// Await [`shutdown`](Self::shutdown) before the process ends if futures of runs may have been dropped.
#[derive(Clone, Debug)]
pub struct DockerRuntime {
    inner: Arc<Inner>,
}

/// What all clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) options: DockerOptions,
    pub(crate) network: OwnNetwork,
    pub(crate) reaper: Arc<Reaper>,
    /// Requests that must come to their end even if nobody waits for them.
    pub(crate) tasks: TaskTracker,
    /// One image is built at a time.
    building: Mutex<()>,
    /// The image of the forwarder, once it is known to be there.
    forwarder: OnceCell<ForwarderImage>,
    /// Whether the engine has found out that it does not see our folders.
    sees_no_homes: AtomicBool,
    /// Containers that wait for agents.
    pub(crate) warm: WarmPool,
}

impl Inner {
    /// The image of the forwarder. Made once; which program it is does not change while we run.
    pub(crate) async fn forwarder_image(
        &self,
        options: &EgressOptions,
    ) -> Result<&ForwarderImage, RuntimeError> {
        self.forwarder
            .get_or_try_init(|| forwarder::ensure(&self.engine, &options.program, &self.building))
            .await
    }

    /// Refuses a list of hosts where nobody could keep it.
    fn check_egress(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        let unsupported = |hint| {
            Err(RuntimeError::Unsupported {
                runtime: "docker",
                field: "a network with a list of hosts".to_owned(),
                hint,
            })
        };
        if !matches!(sandbox.network, Network::Allow(_)) {
            return Ok(());
        }
        if self.options.egress.is_none() {
            return unsupported(
                "it was started without a program for the forwarder (`DockerOptions::egress`); name one, or use \
                 \"network\": false",
            );
        }
        if self.engine.socket().is_none() {
            return unsupported(
                "the engine is on another machine and cannot reach the proxy on this one; use an engine with a \
                 local socket, or \"network\": false",
            );
        }
        Ok(())
    }

    /// Where homes of agents are made, if the engine can use folders of ours.
    pub(crate) fn homes(&self) -> Option<&Path> {
        let can = self.engine.traits.plain_binds
            && self.engine.socket().is_some()
            && !self.sees_no_homes.load(Ordering::Relaxed);
        self.options.homes.as_deref().filter(|_| can)
    }

    /// It does not, although it is on this machine.
    pub(crate) fn engine_sees_no_homes(&self) {
        self.sees_no_homes.store(true, Ordering::Relaxed);
    }

    /// What no mount may lead to.
    pub(crate) fn forbidden(&self) -> mounts::Forbidden {
        mounts::Forbidden {
            engine: self.engine.socket(),
            private: self.options.private.clone(),
        }
    }
}

impl DockerRuntime {
    /// Connects to the engine. Waits for it for three seconds at most.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::EngineUnavailable`] if none answers, [`RuntimeError::Refused`] if the options would
    /// take a protection away.
    pub async fn connect(options: DockerOptions) -> Result<Self, RuntimeError> {
        options.check()?;
        let engine = Engine::connect(options.endpoint.as_deref()).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                reaper: Reaper::new(engine.clone()),
                engine,
                options,
                network: OwnNetwork::default(),
                tasks: TaskTracker::new(),
                building: Mutex::new(()),
                forwarder: OnceCell::new(),
                sees_no_homes: AtomicBool::new(false),
                warm: WarmPool::default(),
            }),
        })
    }

    /// What the engine says of itself.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::EngineUnavailable`] if it does not answer any more.
    pub async fn engine_info(&self) -> Result<EngineInfo, RuntimeError> {
        self.inner.engine.info().await
    }

    /// The image of this name; `None` if the engine has none.
    ///
    /// # Errors
    ///
    /// Only if the engine does not answer, or refuses.
    pub async fn show_image(&self, name: &str) -> Result<Option<ImageInfo>, RuntimeError> {
        image::show(&self.inner.engine, name).await
    }

    /// Builds an image under this name, also if there is one already. `tell` gets each line that the engine says of it.
    ///
    /// An engine stops to build when the future is dropped.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::ImageBuild`] with what went wrong, [`RuntimeError::Unsupported`] if the name is none.
    pub async fn build_image(
        &self,
        name: &str,
        recipe: &ImageRecipe,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<ImageInfo, RuntimeError> {
        let Inner {
            engine, options, ..
        } = &*self.inner;
        let _turn = self.inner.building.lock().await;
        image::build(engine, name, recipe, options.user, tell).await
    }

    /// The image of this name; built if there is none. However many ask at once, it is built once.
    ///
    /// # Errors
    ///
    /// As [`build_image`](Self::build_image) and [`show_image`](Self::show_image).
    pub async fn ensure_image(
        &self,
        name: &str,
        recipe: &ImageRecipe,
    ) -> Result<ImageInfo, RuntimeError> {
        if let Some(found) = self.show_image(name).await? {
            return Ok(found);
        }
        let _turn = self.inner.building.lock().await;
        if let Some(found) = self.show_image(name).await? {
            return Ok(found);
        }
        let user = self.inner.options.user;
        image::build(&self.inner.engine, name, recipe, user, &|_| {}).await
    }

    /// Begins to start containers ahead for `agents` agents of `run`, of the kind `command`, with this sandbox and this limit of
    /// output, up to `ahead` of them at a time. Such an agent then only has to be handed to its container, which saves it most
    /// of its start. Each container becomes one agent of this run, or none, and is removed with it.
    ///
    /// Returns whether such agents can have one: not with mounts, input files, a GPU, or a network with a list of hosts. An
    /// agent that cannot be handed over, as its prompt is longer than 64 KiB, say, gets a fresh container, and so does everyone
    /// if the image has no `/bin/sh`. [`shutdown`](Self::shutdown) removes those that still wait.
    pub fn keep_warm(
        &self,
        run: &RunId,
        sandbox: &Sandbox,
        max_output: ByteSize,
        ahead: usize,
        agents: usize,
    ) -> bool {
        warm::keep(&self.inner, run, sandbox, max_output, ahead, agents)
    }

    /// Waits until every container of a dropped future is gone, or is left to the next sweep after several
    /// attempts. The runtime can be used on.
    pub async fn shutdown(&self) {
        self.inner.warm.clear();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.tasks.reopen();
        self.inner.reaper.idle().await;
    }
}

impl AgentRuntime for DockerRuntime {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        container::check(sandbox)?;
        self.inner.check_egress(sandbox)?;
        mounts::check(&sandbox.mounts, &self.inner.forbidden())?;
        inputs::plan(sandbox).map(drop)
    }

    fn check_sharing(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        check_sharing(sandbox)?;
        shared_folder::check(&self.inner)
    }

    fn look_around<'a>(
        &'a self,
        sandboxes: &'a [&'a Sandbox],
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            if sandboxes.iter().any(|sandbox| sandbox.gpu) {
                gpu::check(&self.inner.engine).await?;
            }
            Ok(())
        })
    }

    fn identity<'a>(
        &'a self,
        program: &'a Program<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, RuntimeError>> {
        Box::pin(async move {
            let named = program.sandbox.image.as_deref();
            let name = named.unwrap_or_else(|| self.inner.options.image_of(program.kind));
            let found = self.show_image(name).await?;
            Ok(found.map(|image| image.id))
        })
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        Box::pin(async move {
            self.check(&job.sandbox)?;
            if job.shared.is_some() {
                self.check_sharing(&job.sandbox)?;
            }
            Box::pin(lifecycle::run(&self.inner, job, output, stop)).await
        })
    }

    fn can_take_over<'a>(&'a self, id: &'a RefId) -> BoxFuture<'a, Result<bool, RuntimeError>> {
        Box::pin(adopt::is_there(&self.inner, id))
    }

    fn sweep<'a>(
        &'a self,
        is_live: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        let Inner {
            engine, options, ..
        } = &*self.inner;
        Box::pin(async move {
            let mut removed = reaper::sweep(engine, &options.home, is_live).await?;
            let egress = options.egress.as_ref().map(|egress| &egress.folder);
            for folders in egress.into_iter().chain(&options.homes) {
                removed.extend(agent_folders::sweep(folders, is_live).await?);
            }
            removed.sort();
            removed.dedup();
            Ok(removed)
        })
    }
}
