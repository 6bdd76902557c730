//! All that gives one agent its way out, from start to end.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use swarm_core::{
    runtime::{AgentJob, EgressDecision, Launch, Leftover, RuntimeError},
    spec::Network,
};
use tokio::{net::UnixListener, time::sleep};

use super::{
    container,
    folder::SocketFolder,
    proxy::{Proxy, resolve},
};
use crate::{
    adopt,
    docker_runtime::Inner,
    engine::{Engine, Failure, LogPart},
    lifecycle::create,
    reaper::Guard,
};

/// How long a forwarder may take to come up.
const COME_UP: Duration = Duration::from_mins(1);
/// How much of what a forwarder said goes into an error, in bytes.
const SAID: usize = 500;

/// The way out of one agent.
#[derive(Debug)]
pub(crate) struct Gateway {
    proxy: Proxy,
    listener: UnixListener,
    folder: SocketFolder,
    /// There is none if it was lost while nobody of us was there.
    forwarder: Mutex<Option<Guard>>,
}

impl Gateway {
    /// Makes what the agent needs, if its sandbox lists hosts, but does not start anything. An agent that is taken over has
    /// its forwarder already.
    pub(crate) async fn open(inner: &Inner, job: &AgentJob) -> Result<Option<Self>, RuntimeError> {
        let (Network::Allow(hosts), Some(options)) = (&job.sandbox.network, &inner.options.egress)
        else {
            return Ok(None);
        };
        let resumed = job.launch == Launch::TakeOver;
        // Before the folder is opened: as long as the engine does not answer, all stays as it is.
        let earlier = if resumed {
            find(inner, job).await?
        } else {
            None
        };
        let (folder, listener, ledger) =
            SocketFolder::open(&options.folder, &job.id, resumed).await?;
        let forwarder = if resumed {
            earlier
        } else {
            let image = inner.forwarder_image(options).await?;
            let body = container::body(
                job,
                image,
                folder.shown(),
                &inner.options,
                options,
                inner.engine.traits,
            );
            let name = container::name(&job.id);
            let mut created = create::guarded_create(inner, &name, body.clone(), None).await;
            if created.as_ref().is_err_and(Failure::is_conflict) {
                adopt::clear(inner, &job.id).await?;
                created = create::guarded_create(inner, &name, body, None).await;
            }
            let failed = |failure| inner.engine.error("create the forwarder", failure);
            Some(created.map_err(failed)?)
        };
        Ok(Some(Self {
            proxy: Proxy::new(hosts.clone(), ledger, resolve),
            listener,
            folder,
            forwarder: Mutex::new(forwarder),
        }))
    }

    /// The network that the agent is put on.
    pub(crate) fn network(&self) -> Option<String> {
        Some(format!("container:{}", self.id()?))
    }

    /// The id of the forwarder.
    fn id(&self) -> Option<String> {
        let forwarder = self
            .forwarder
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        forwarder
            .as_ref()
            .map(|forwarder| forwarder.id().to_owned())
    }

    /// Starts the forwarder, and waits until it listens. No agent runs yet that could be there before it.
    pub(crate) async fn start(&self, engine: &Engine) -> Result<(), RuntimeError> {
        let Some(id) = &self.id() else {
            return Ok(());
        };
        engine
            .start(id)
            .await
            .map_err(|failure| engine.error("start the forwarder", failure))?;
        let problem = tokio::select! {
            biased;
            connected = self.listener.accept() => match connected {
                Ok(_) => return Ok(()),
                Err(error) => error.to_string(),
            },
            ended = engine.wait(id) => match ended {
                Ok(status) => format!("it ended with status {status}: {}", said(engine, id).await),
                Err(failure) => return Err(engine.error("wait for the forwarder", failure)),
            },
            () = sleep(COME_UP) => "it took too long".to_owned(),
        };
        Err(RuntimeError::Start(format!(
            "the forwarder to its proxy did not come up: {problem}"
        )))
    }

    /// Lets the agent out, for ever. When this is dropped, every connection is closed.
    pub(crate) async fn serve(&self) -> Infallible {
        self.proxy.serve(&self.listener).await
    }

    /// What the agent tried to reach so far.
    pub(crate) fn decisions(&self) -> Vec<EgressDecision> {
        self.proxy.ledger().decisions()
    }

    /// Removes the forwarder; its agent has ended.
    pub(crate) async fn remove_forwarder(&self) {
        let taken = self
            .forwarder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(forwarder) = taken {
            forwarder.remove().await;
        }
    }

    /// Removes all of it.
    pub(crate) async fn remove(self) {
        self.remove_forwarder().await;
    }

    /// Leaves all of it for whoever resumes the run.
    pub(crate) fn disarm(self) {
        self.folder.keep();
        let forwarder = self.forwarder.into_inner();
        if let Some(forwarder) = forwarder.unwrap_or_else(PoisonError::into_inner) {
            forwarder.disarm();
        }
    }
}

impl Leftover for Gateway {
    fn clear(self: Box<Self>) -> BoxFuture<'static, ()> {
        (*self).remove().boxed()
    }

    fn leave(self: Box<Self>) {
        self.disarm();
    }
}

/// The forwarder that an earlier process of ours started.
async fn find(inner: &Inner, job: &AgentJob) -> Result<Option<Guard>, RuntimeError> {
    let found = create::find(inner, &job.id).await;
    let found =
        found.map_err(|failure| inner.engine.error("look for an earlier forwarder", failure))?;
    let name = container::name(&job.id);
    let forwarder = found.into_iter().find(|container| container.name == name);
    Ok(forwarder.map(|container| Guard::new(Arc::clone(&inner.reaper), container.id)))
}

/// The beginning of what a forwarder said.
async fn said(engine: &Engine, id: &str) -> String {
    let mut log = engine.log(id, LogPart::Last);
    match log.next().await {
        Some(Ok(chunk)) => {
            let text = chunk.bytes.get(..SAID).unwrap_or(&chunk.bytes);
            String::from_utf8_lossy(text).trim().to_owned()
        }
        _ => "it said nothing".to_owned(),
    }
}
