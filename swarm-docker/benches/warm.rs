//! How long it takes from the start of an agent to its first byte of output, with a network.
//!
//! Three ways, one after the other, over and over: a container that waits for its agent (`--warm`), a fresh container, and
//! the command line (`docker run --rm`). The target is for the first one.
//!
//! `cargo bench -p swarm-docker --bench warm` needs an engine, the `docker` command and a statically linked `/bin/busybox`.

#[path = "support/bare.rs"]
#[expect(dead_code, reason = "other benches use the rest")]
mod bare;

use std::{collections::HashMap, io, process::ExitCode, process::Stdio};

use bollard::{Docker, query_parameters::ListContainersOptionsBuilder};
use futures_util::future::BoxFuture;
use swarm_core::{
    agents::Invocation,
    content::Content,
    ids::{AgentId, RefId, RunId},
    runtime::{AgentJob, AgentRuntime as _, DEFAULT_MAX_OUTPUT, Launch, OutputSink, OutputStream},
    spec::SandboxSpec,
};
use swarm_docker::DockerRuntime;
use tokio::{
    io::AsyncReadExt as _,
    time::{Duration, Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use bare::{Failure, IMAGE, median, millis};

const ROUNDS: usize = 40;
const TARGET_MS: f64 = 30.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    bare::print(compare().await)
}

async fn compare() -> Result<String, Failure> {
    let homes = tempfile::tempdir()?;
    let runtime = bare::runtime(homes.path()).await?;
    let docker = Docker::connect_with_unix_defaults()?
        .negotiate_version()
        .await?;
    let (mut warm, mut fresh, mut shell) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => {
                    let job = job()?;
                    keep_one(&runtime, &docker, &job).await?;
                    warm.push(first_byte(&runtime, &job).await?);
                }
                1 => fresh.push(first_byte(&runtime, &job()?).await?),
                _ => shell.push(first_byte_of_shell().await?),
            }
        }
    }
    runtime.shutdown().await;
    let verdict = if millis(&warm) <= TARGET_MS {
        "PASS"
    } else {
        "MISS"
    };
    let mut table = format!(
        "{ROUNDS} rounds, `echo hello` on a bridge; medians, target {TARGET_MS} ms: {verdict}\n"
    );
    for (name, times) in [
        ("a container that waits", &warm),
        ("a fresh container", &fresh),
        ("docker run --rm", &shell),
    ] {
        let ratio = times.iter().zip(&warm);
        let ratio = ratio.map(|(other, warm)| warm.as_secs_f64() / other.as_secs_f64());
        let line = format!(
            "  {name:<26} {:>7.1} ms to the first byte   warm / this: {:.3}\n",
            millis(times),
            median(ratio)
        );
        table += &line;
    }
    Ok(table)
}

fn job() -> Result<AgentJob, Failure> {
    Ok(AgentJob {
        id: RefId::new(RunId::random(), AgentId::new("agent-0")?),
        kind: "command",
        invocation: Invocation::new(["echo", "hello"]),
        stdin: Content::empty(),
        sandbox: SandboxSpec::default().resolve()?,
        timeout: Duration::from_mins(1),
        max_output: DEFAULT_MAX_OUTPUT,
        shared: None,
        launch: Launch::New,
        spec: None,
        leftovers: None,
    })
}

/// Has a container wait for `job`.
async fn keep_one(runtime: &DockerRuntime, docker: &Docker, job: &AgentJob) -> Result<(), Failure> {
    if !runtime.keep_warm(&job.id.run, &job.sandbox, job.max_output, 1, 1) {
        return Err("it cannot be warm".into());
    }
    let label = format!("swarm.run={}", job.id.run);
    let filters = HashMap::from([
        ("label", vec![label]),
        ("status", vec!["running".to_owned()]),
    ]);
    let options = ListContainersOptionsBuilder::new()
        .filters(&filters)
        .build();
    for _ in 0..3000 {
        if !docker
            .list_containers(Some(options.clone()))
            .await?
            .is_empty()
        {
            // The engine lists it a moment before it says that it has started it.
            sleep(Duration::from_millis(100)).await;
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err("no container waits".into())
}

/// Notes when something arrives.
#[derive(Default)]
struct First(Option<Instant>);

impl OutputSink for First {
    fn write<'a>(&'a mut self, _: OutputStream, _: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        self.0.get_or_insert_with(Instant::now);
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn first_byte(runtime: &DockerRuntime, job: &AgentJob) -> Result<Duration, Failure> {
    let mut first = First::default();
    let stop = CancellationToken::new();
    let start = Instant::now();
    runtime.run(job, &mut first, &stop).await?;
    let first = first.0.ok_or("the container said nothing")?;
    Ok(first.duration_since(start))
}

async fn first_byte_of_shell() -> Result<Duration, Failure> {
    let mut command = tokio::process::Command::new("docker");
    command
        .args(["run", "--rm", "--entrypoint", "echo", IMAGE, "hello"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().ok_or("it has a stdout")?;
    stdout.read_u8().await?;
    let time = start.elapsed();
    child.wait().await?;
    Ok(time)
}
