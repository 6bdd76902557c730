//! What every test here needs: an engine, an image, jobs, and a look at what is left.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use bollard::{
    Docker,
    models::{ContainerSummary, NetworkCreateRequest},
    query_parameters::{
        ListContainersOptionsBuilder, ListVolumesOptionsBuilder, LogsOptionsBuilder,
    },
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use swarm_core::{
    agents::Invocation,
    content::Content,
    ids::{AgentId, RefId, RunId},
    runtime::{AgentExit, AgentJob, AgentRuntime as _, DEFAULT_MAX_OUTPUT, Launch, RuntimeError},
    spec::SandboxSpec,
    testing::sink::VecSink,
};
use swarm_docker::{DockerOptions, DockerRuntime, ImageRecipe};
use tokio_util::sync::CancellationToken;

/// The image of all tests. It stays, so that it is built once.
pub(crate) const IMAGE: &str = "swarm-test:latest";
/// How long to wait for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The recipe of the test image.
pub(crate) fn busybox() -> ImageRecipe {
    ImageRecipe::FromBusybox {
        path: PathBuf::from("/bin/busybox"),
    }
}

/// A runtime with a home of its own, and a second opinion on what it does.
pub(crate) struct Bench {
    pub(crate) runtime: DockerRuntime,
    pub(crate) docker: Docker,
    pub(crate) home: String,
}

/// Options with a home that no other test has.
pub(crate) fn options() -> DockerOptions {
    DockerOptions {
        image: IMAGE.to_owned(),
        network: "swarm-test".to_owned(),
        ..DockerOptions::new(format!("test-{}", RunId::random()))
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: DockerOptions) -> Self {
        let home = options.home.clone();
        let runtime = DockerRuntime::connect(options)
            .await
            .expect("these tests need a container engine");
        runtime
            .ensure_image(IMAGE, &busybox())
            .await
            .expect("these tests need a statically linked /bin/busybox (Debian: busybox-static)");
        Self {
            runtime,
            docker: docker().await,
            home,
        }
    }

    /// Runs a job to its end. Nothing may be left of it, whatever the end.
    pub(crate) async fn run(&self, job: &AgentJob) -> (Result<AgentExit, RuntimeError>, VecSink) {
        let mut sink = VecSink::default();
        let stop = CancellationToken::new();
        let exit = self.runtime.run(job, &mut sink, &stop).await;
        self.assert_nothing_left().await;
        (exit, sink)
    }

    /// Runs a script that must complete, and returns its stdout.
    pub(crate) async fn text(&self, sandbox: Value, script: &str) -> String {
        let job = shell(sandbox, script);
        let (exit, sink) = self.run(&job).await;
        let exit = exit.unwrap();
        assert!(
            exit.reason.is_success(),
            "{:?}: {}{}",
            exit.reason,
            sink.text(),
            String::from_utf8_lossy(&sink.stderr())
        );
        sink.text()
    }

    /// Everything on the engine that carries the label of this home: names of containers and volumes.
    pub(crate) async fn leftovers(&self) -> Vec<String> {
        leftovers(&self.docker, &self.home).await
    }

    pub(crate) async fn assert_nothing_left(&self) {
        assert_eq!(self.leftovers().await, Vec::<String>::new());
    }

    /// The containers of this home.
    pub(crate) async fn containers(&self) -> Vec<ContainerSummary> {
        containers(&self.docker, &self.home).await
    }

    /// Waits until a container has ended.
    pub(crate) async fn exited(&self) {
        eventually("it has ended", async || {
            let containers = self.containers().await;
            containers
                .iter()
                .any(|c| c.state.is_some_and(|s| s.to_string() == "exited"))
                .then_some(())
        })
        .await;
    }

    /// Runs a script beside the agent in the container `id`, which must succeed.
    pub(crate) async fn inside(&self, id: &str, script: &str) {
        let mut command = tokio::process::Command::new("docker");
        command.args(["exec", id, "sh", "-c", script]);
        let status = tokio::time::timeout(PATIENCE, command.status()).await;
        assert!(status.expect("it did not end").unwrap().success());
    }

    /// What the engine has kept of what the container `id` printed on stdout.
    pub(crate) async fn log(&self, id: &str) -> String {
        let options = LogsOptionsBuilder::new().stdout(true).build();
        let chunks = self.docker.logs(id, Some(options));
        let chunks: Vec<_> = chunks
            .map(|chunk| chunk.unwrap().into_bytes())
            .collect()
            .await;
        String::from_utf8(chunks.concat()).unwrap()
    }

    /// Waits until the container of `job` runs.
    pub(crate) async fn running(&self, job: &AgentJob) -> String {
        let name = format!("/swarm-{}-{}", job.id.run, job.id.agent);
        eventually("the container runs", async || {
            self.containers().await.into_iter().find_map(|container| {
                let is_it = |found: &String| {
                    let rest = found.strip_prefix(&name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("..after-"))
                };
                let named = container.names.unwrap_or_default().iter().any(is_it);
                let running = container.state.is_some_and(|s| s.to_string() == "running");
                (named && running).then(|| container.id.unwrap())
            })
        })
        .await
    }
}

pub(crate) async fn docker() -> Docker {
    Docker::connect_with_unix_defaults()
        .unwrap()
        .negotiate_version()
        .await
        .unwrap()
}

async fn containers(docker: &Docker, home: &str) -> Vec<ContainerSummary> {
    let filters = HashMap::from([("label", vec![format!("swarm.home={home}")])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    docker.list_containers(Some(options)).await.unwrap()
}

pub(crate) async fn leftovers(docker: &Docker, home: &str) -> Vec<String> {
    let filters = HashMap::from([("label", vec![format!("swarm.home={home}")])]);
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let volumes = docker.list_volumes(Some(options)).await.unwrap();
    let volumes = volumes.volumes.unwrap_or_default().into_iter();
    containers(docker, home)
        .await
        .into_iter()
        .map(|container| format!("container {:?} {:?}", container.names, container.state))
        .chain(volumes.map(|volume| format!("volume {}", volume.name)))
        .collect()
}

/// The time of the engine, as its events want it.
pub(crate) async fn now(docker: &Docker) -> String {
    let now = docker.info().await.unwrap().system_time.unwrap();
    let now: jiff::Timestamp = now.parse().unwrap();
    format!("{}.{:09}", now.as_second(), now.subsec_nanosecond())
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// A job with a fresh name. Without a network unless the sandbox says otherwise: that is quicker.
pub(crate) fn command(sandbox: Value, argv: &[&str]) -> AgentJob {
    let Value::Object(mut written) = sandbox else {
        panic!("a sandbox is an object");
    };
    written.entry("network").or_insert(json!(false));
    let written = Value::Object(written);
    let sandbox = SandboxSpec::from_json(written, "sandbox")
        .unwrap()
        .resolve()
        .unwrap();
    AgentJob {
        id: RefId::new(RunId::random(), AgentId::new("agent-0").unwrap()),
        kind: "command",
        invocation: Invocation::new(argv.iter().copied()),
        stdin: Content::empty(),
        sandbox,
        timeout: PATIENCE,
        max_output: DEFAULT_MAX_OUTPUT,
        shared: None,
        launch: Launch::New,
        spec: None,
        leftovers: None,
    }
}

/// One to `last`, each on a line.
pub(crate) fn numbers(last: u32) -> String {
    (1..=last).fold(String::new(), |text, n| text + &n.to_string() + "\n")
}

/// A job that runs a script.
pub(crate) fn shell(sandbox: Value, script: &str) -> AgentJob {
    command(sandbox, &["sh", "-c", script])
}

/// Makes a bridge network as a user would.
pub(crate) async fn make_network(docker: &Docker) -> String {
    let name = format!("swarm-test-{}", RunId::random());
    let request = NetworkCreateRequest {
        name: name.clone(),
        ..NetworkCreateRequest::default()
    };
    docker.create_network(request).await.unwrap();
    name
}

/// Runs `job` in a task of its own, so that a test can do something meanwhile.
pub(crate) struct Background {
    pub(crate) sink: VecSink,
    pub(crate) stop: CancellationToken,
    tasks: tokio::task::JoinSet<Result<AgentExit, RuntimeError>>,
}

impl Background {
    pub(crate) fn start(runtime: &DockerRuntime, job: &AgentJob) -> Self {
        let (runtime, job) = (runtime.clone(), Arc::new(job.clone()));
        let sink = VecSink::default();
        let stop = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        let (mut output, stopped) = (sink.clone(), stop.clone());
        tasks.spawn(async move { runtime.run(&job, &mut output, &stopped).await });
        Self { sink, stop, tasks }
    }

    /// Waits until the agent has printed this.
    pub(crate) async fn printed(&self, text: &str) {
        tokio::time::timeout(PATIENCE, self.sink.has_printed(text))
            .await
            .unwrap_or_else(|_| panic!("{text:?} was not printed: {:?}", self.sink));
    }

    pub(crate) async fn end(mut self) -> Result<AgentExit, RuntimeError> {
        tokio::time::timeout(PATIENCE, self.tasks.join_next())
            .await
            .expect("it did not end")
            .unwrap()
            .unwrap()
    }
}
