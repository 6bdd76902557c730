//! Which runtime agents run in.

mod daemon_engines;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub(crate) use daemon_engines::DaemonEngines;
use swarm_core::{
    agents, hash,
    runtime::{
        AgentRuntime, RuntimeError,
        process::{ProcessOptions, ProcessRuntime},
    },
};
use swarm_docker::{
    BuildMissing, BuildNews, DockerOptions, DockerRuntime, EgressOptions, default_image,
};

use swarm_http::{
    engines::{Said, Tell},
    runs::sweep::sweep,
};

use crate::{
    agent_user::agent_user,
    commands::image,
    config::{RuntimeChoice, Settings},
    error::CliError,
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
        self.farewell().await;
    }

    async fn farewell(&self) {
        if let Some(docker) = &self.docker {
            // Whatever is not removed in time, the next start removes.
            drop(tokio::time::timeout(FAREWELL, docker.shutdown()).await);
        }
    }
}

/// Connects to the runtime that is set, and removes what dead processes of ours have left there.
pub(crate) async fn choose(session: &Session, out: Output) -> Result<Chosen, CliError> {
    let bar = Bar::default();
    let tell = bar.tell(out);
    let settings = &session.config.settings;
    let path = path_of_user();
    let chosen = open(settings, path, bar, &tell).await?;
    let nothing = |_: &_| false;
    sweep(
        &session.log,
        &settings.home,
        chosen.runtime.as_ref(),
        &nothing,
        &tell,
    )
    .await;
    Ok(chosen)
}

/// Connects to the runtime that is set.
async fn open(
    settings: &Settings,
    path: Option<String>,
    bar: Bar,
    tell: &Tell,
) -> Result<Chosen, RuntimeError> {
    let options = DockerOptions {
        build_missing: Some(build_missing(settings, Arc::clone(tell))),
        ..options(settings)
    };
    Ok(match settings.runtime {
        RuntimeChoice::Process => process(settings, path),
        RuntimeChoice::Docker => docker(DockerRuntime::connect(options).await?, bar),
        RuntimeChoice::Auto => match DockerRuntime::connect(options).await {
            Ok(runtime) => docker(runtime, bar),
            Err(RuntimeError::EngineUnavailable { endpoint, problem }) => {
                tell(Said::Warning(format!(
                    "agents run as plain processes, without isolation: no container engine answers at \
                     {endpoint} ({problem}); `--runtime docker` makes that an error"
                )));
                process(settings, path)
            }
            Err(error) => return Err(error),
        },
    })
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
fn build_missing(settings: &Settings, tell: Tell) -> BuildMissing {
    let kinds = agents::names().chain(["command"]);
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
            tell(Said::Notice(notice));
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

    /// Prints what is said, past the line.
    pub(crate) fn tell(&self, out: Output) -> Tell {
        let bar = self.clone();
        Arc::new(move |said| {
            bar.aside(|| match said {
                Said::Notice(text) => out.notice(&text),
                Said::Warning(text) => out.warn(&text),
            });
        })
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
pub(crate) fn path_of_user() -> Option<String> {
    let path = std::env::var("PATH").ok()?;
    let folders: Vec<&str> = path
        .split(':')
        .filter(|folder| folder.starts_with('/'))
        .collect();
    (!folders.is_empty()).then(|| folders.join(":"))
}

fn process(settings: &Settings, path: Option<String>) -> Chosen {
    let mut options = ProcessOptions::new(settings.home.join("processes"));
    options.path = path.unwrap_or(options.path);
    Chosen::of(Arc::new(ProcessRuntime::new(options)))
}

/// Processes, for what needs a runtime and runs nothing.
pub(crate) fn of_processes(settings: &Settings) -> Arc<dyn AgentRuntime> {
    process(settings, None).runtime
}
