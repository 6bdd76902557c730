//! Which runtime agents run in.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use swarm_core::{
    agents, hash,
    ids::RunId,
    run_view::RunState,
    runtime::{
        AgentRuntime, RuntimeError,
        process::{ProcessOptions, ProcessRuntime},
    },
    time::{Clock as _, SystemClock},
};
use swarm_docker::{
    BuildMissing, BuildNews, DockerOptions, DockerRuntime, EgressOptions, default_image,
};

use crate::{
    agent_user::agent_user,
    commands::image,
    config::{RuntimeChoice, Settings},
    error::CliError,
    execute::known,
    output::{Output, progress::Progress},
    session::Session,
};

/// How long removals that are under way at the end may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// The runtime of one command.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) runtime: Arc<dyn AgentRuntime>,
    docker: Option<Arc<DockerRuntime>>,
    /// What the runtime says goes past this.
    pub(crate) bar: Bar,
}

impl Chosen {
    /// The engine behind it, if there is one.
    pub(crate) fn docker(&self) -> Option<&DockerRuntime> {
        self.docker.as_deref()
    }

    /// A runtime that needs no engine.
    pub(crate) fn of(runtime: Arc<dyn AgentRuntime>) -> Self {
        Self {
            runtime,
            docker: None,
            bar: Bar::default(),
        }
    }

    /// The same with `runtime` around it.
    pub(crate) fn with(self, runtime: Arc<dyn AgentRuntime>) -> Self {
        Self { runtime, ..self }
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
    let bar = Bar::default();
    let options = DockerOptions {
        build_missing: Some(build_missing(settings, out, &bar)),
        ..options(settings)
    };
    let chosen = match settings.runtime {
        RuntimeChoice::Process => process(settings),
        RuntimeChoice::Docker => docker(DockerRuntime::connect(options).await?, bar),
        RuntimeChoice::Auto => match DockerRuntime::connect(options).await {
            Ok(runtime) => docker(runtime, bar),
            Err(RuntimeError::EngineUnavailable { endpoint, problem }) => {
                out.warn(&format!(
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

/// Connects to the engine that is set, without running anything there.
pub(crate) async fn connect(settings: &Settings) -> Result<DockerRuntime, RuntimeError> {
    DockerRuntime::connect(options(settings)).await
}

fn options(settings: &Settings) -> DockerOptions {
    let agents = settings.agents.iter();
    DockerOptions {
        endpoint: Some(settings.docker_host.clone()).filter(|host| !host.is_empty()),
        image: settings.image.clone(),
        images: agents
            .map(|(kind, agents)| (kind.clone(), agents.image.clone()))
            .collect(),
        private: vec![settings.home.clone()],
        user: agent_user(),
        homes: Some(settings.home.join("homes")),
        egress: egress(settings),
        ..DockerOptions::new(home_label(settings))
    }
}

/// The images that go by our own names are built when they are missing; those of others are not ours to make.
fn build_missing(settings: &Settings, out: Output, bar: &Bar) -> BuildMissing {
    let kinds = agents::names().chain(["command"]);
    let bar = bar.clone();
    BuildMissing {
        recipes: kinds
            .filter(|kind| settings.image_of(kind) == default_image(kind))
            .map(|kind| (kind.to_owned(), image::recipe(kind)))
            .collect(),
        locks: settings.home.join("images"),
        tell: Arc::new(move |news| {
            let notice = match news {
                BuildNews::Begins { image, kind } => format!(
                    "the engine has no image {image}: building it for agents of kind {kind}, which may take minutes \
                     and happens once"
                ),
                BuildNews::Waits { image } => {
                    format!("another process builds the image {image}: waiting for it")
                }
                BuildNews::Ends { image } => format!("the image {image} is built"),
                _ => return,
            };
            bar.aside(|| out.notice(&notice));
        }),
    }
}

/// The line that shows the progress of a run, once there is one: what is said meanwhile must not run into it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bar(Arc<Mutex<Option<Progress>>>);

impl Bar {
    pub(crate) fn set(&self, progress: &Progress) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *bar = Some(progress.clone());
    }

    fn aside(&self, print: impl FnOnce()) {
        let bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref() {
            Some(progress) => progress.aside(print),
            None => print(),
        }
    }
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

fn docker(runtime: DockerRuntime, bar: Bar) -> Chosen {
    let docker = Arc::new(runtime);
    Chosen {
        bar,
        runtime: Arc::<DockerRuntime>::clone(&docker),
        docker: Some(docker),
    }
}

/// Where the user has programs. The current folder is never among it: that may be a repository of somebody else.
#[expect(
    clippy::disallowed_methods,
    reason = "it belongs to the user, not to the configuration"
)]
fn path_of_user() -> Option<String> {
    let path = std::env::var("PATH").ok()?;
    let folders: Vec<&str> = path
        .split(':')
        .filter(|folder| folder.starts_with('/'))
        .collect();
    (!folders.is_empty()).then(|| folders.join(":"))
}

fn process(settings: &Settings) -> Chosen {
    let mut options = ProcessOptions::new(settings.home.join("processes"));
    options.path = path_of_user().unwrap_or(options.path);
    Chosen::of(Arc::new(ProcessRuntime::new(options)))
}
