//! Which runtime agents run in.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use swarm_core::{
    hash,
    ids::RunId,
    run_view::RunState,
    runtime::{
        AgentRuntime, RuntimeError,
        process::{ProcessOptions, ProcessRuntime},
    },
    time::{Clock as _, SystemClock},
};
use swarm_docker::{DockerOptions, DockerRuntime, EgressOptions};

use crate::{
    agent_user::agent_user,
    config::{RuntimeChoice, Settings},
    error::CliError,
    execute::known,
    output::Output,
    session::Session,
};

/// How long removals that are under way at the end may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// The runtime of one command.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) runtime: Arc<dyn AgentRuntime>,
    docker: Option<Arc<DockerRuntime>>,
}

impl Chosen {
    /// The engine behind it, if there is one.
    pub(crate) fn docker(&self) -> Option<&DockerRuntime> {
        self.docker.as_deref()
    }

    /// Waits for removals that are under way.
    pub(crate) async fn close(self) {
        if let Some(docker) = self.docker {
            // Whatever is not removed in time, the next start removes.
            drop(tokio::time::timeout(FAREWELL, docker.shutdown()).await);
        }
    }
}

/// Connects to the runtime that is set, and removes what dead processes of ours have left there.
pub(crate) async fn choose(session: &Session, out: Output) -> Result<Chosen, CliError> {
    let settings = &session.config.settings;
    let chosen = match settings.runtime {
        RuntimeChoice::Process => process(settings),
        RuntimeChoice::Docker => docker(connect(settings).await?),
        RuntimeChoice::Auto => match connect(settings).await {
            Ok(runtime) => docker(runtime),
            Err(RuntimeError::EngineUnavailable { endpoint, problem }) => {
                out.notice(&format!(
                        "agents run as plain processes, without isolation: no container engine answers at \
                         {endpoint} ({problem}); `--runtime docker` makes that an error"
                    ));
                process(settings)
            }
            Err(error) => return Err(error.into()),
        },
    };
    if let Err(error) = sweep(session, chosen.runtime.as_ref(), out).await {
        out.warn(&format!(
            "could not remove what earlier runs left behind: {}",
            error.message()
        ));
    }
    Ok(chosen)
}

/// Removes what dead processes of ours have left, but for containers that a resumed run would take over.
async fn sweep(session: &Session, runtime: &dyn AgentRuntime, out: Output) -> Result<(), CliError> {
    let found = Mutex::new(BTreeSet::new());
    // Everybody is alive at first: this only asks who is there, which at most starts is nobody.
    runtime
        .sweep(&|run| {
            found
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(run.clone());
            true
        })
        .await?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if found.is_empty() {
        return Ok(());
    }
    let mut wanted = BTreeSet::new();
    for run in found {
        if !session.is_live(&run) && runtime.name() == "docker" && is_wanted(session, &run).await {
            out.notice(&format!(
                "run {run} was interrupted and still has containers: `swarm runs resume {run}` takes them \
                 over, `swarm runs kill {run}` stops them"
            ));
            wanted.insert(run);
        }
    }
    runtime
        .sweep(&|run| wanted.contains(run) || session.is_live(run))
        .await?;
    Ok(())
}

/// Whether `run` can be resumed, and its agents are still within the time that they were given.
async fn is_wanted(session: &Session, run: &RunId) -> bool {
    let Ok(view) = known(session, run).await else {
        return false;
    };
    let open = matches!(
        view.state,
        RunState::Open {
            cancel_requested: false,
            ..
        }
    );
    let longest = view
        .plan
        .agents()
        .iter()
        .map(|agent| agent.sandbox.timeout)
        .max();
    open && SystemClock.now() < view.updated.plus(longest.unwrap_or_default())
}

/// Connects to the engine that is set.
pub(crate) async fn connect(settings: &Settings) -> Result<DockerRuntime, RuntimeError> {
    let endpoint = Some(settings.docker_host.clone()).filter(|host| !host.is_empty());
    DockerRuntime::connect(DockerOptions {
        endpoint,
        image: settings.image.clone(),
        private: vec![settings.home.clone()],
        user: agent_user(),
        egress: egress(settings),
        ..DockerOptions::new(home_label(settings))
    })
    .await
}

/// The forwarder is this program itself. Without a way to find that, lists of hosts are refused.
fn egress(settings: &Settings) -> Option<EgressOptions> {
    Some(EgressOptions {
        program: std::env::current_exe().ok()?,
        args: vec!["egress-forward".to_owned()],
        folder: settings.home.join("egress"),
    })
}

/// An id of the home folder that tells nothing about it; containers are labelled with it.
fn home_label(settings: &Settings) -> String {
    let mut label = hash::hex(settings.home.as_os_str().as_encoded_bytes());
    label.truncate(16);
    label
}

fn docker(runtime: DockerRuntime) -> Chosen {
    let docker = Arc::new(runtime);
    Chosen {
        runtime: Arc::<DockerRuntime>::clone(&docker),
        docker: Some(docker),
    }
}

fn process(settings: &Settings) -> Chosen {
    let options = ProcessOptions::new(settings.home.join("processes"));
    Chosen {
        runtime: Arc::new(ProcessRuntime::new(options)),
        docker: None,
    }
}
