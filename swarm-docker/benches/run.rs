//! What a run costs beyond what the engine itself takes.
//!
//! Three ways to run the same trivial container, one after the other, over and over: this crate, the bare
//! requests (create, start, wait, logs, remove), and the command line (`docker run --rm`). The figures are
//! medians; the ratios are medians of the ratios of neighbouring runs, so that a busy minute does not count
//! against one of the ways.
//!
//! `cargo bench -p swarm-docker --bench run` needs an engine, the `docker` command and a statically linked
//! `/bin/busybox`.

#[path = "support/bare.rs"]
mod bare;

use std::{process::ExitCode, process::Stdio};

use bollard::Docker;
use swarm_core::{
    agents::Invocation,
    content::Content,
    ids::{AgentId, RefId, RunId},
    runtime::{AgentJob, AgentRuntime as _, DEFAULT_MAX_OUTPUT, Launch},
    spec::SandboxSpec,
    testing::sink::VecSink,
};
use swarm_docker::{DockerRuntime, SCRATCH_BYTES};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use bare::{Failure, IMAGE, median, millis};

const ROUNDS: usize = 40;
const TEXT: &str = "hello\n";

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

    let (mut ours, mut bare, mut shell) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Each is first, second and last equally often.
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => ours.push(run_ours(&runtime).await?),
                1 => bare.push(run_bare(&docker).await?),
                _ => shell.push(run_shell().await?),
            }
        }
    }
    let mut table = format!("{ROUNDS} rounds, `echo hello`, no network; medians\n");
    for (name, times) in [
        ("DockerRuntime", &ours),
        ("create, start, wait, logs, remove", &bare),
        ("docker run --rm", &shell),
    ] {
        let ratio = times
            .iter()
            .zip(&ours)
            .map(|(other, ours)| ours.as_secs_f64() / other.as_secs_f64());
        let line = format!(
            "  {name:<36} {:>7.1} ms   ours / this: {:.3}\n",
            millis(times),
            median(ratio)
        );
        table += &line;
    }
    Ok(table)
}

async fn run_ours(runtime: &DockerRuntime) -> Result<Duration, Failure> {
    let mut sandbox = SandboxSpec::default().resolve()?;
    sandbox.network = swarm_core::spec::Network::None;
    let job = AgentJob {
        id: RefId::new(RunId::random(), AgentId::new("agent-0")?),
        kind: "command",
        invocation: Invocation::new(["echo", "hello"]),
        stdin: Content::empty(),
        sandbox,
        timeout: Duration::from_mins(1),
        max_output: DEFAULT_MAX_OUTPUT,
        shared: None,
        launch: Launch::New,
        spec: None,
        leftovers: None,
    };
    let mut sink = VecSink::default();
    let stop = CancellationToken::new();
    let start = Instant::now();
    let exit = runtime.run(&job, &mut sink, &stop).await?;
    let time = start.elapsed();
    expect(exit.reason.is_success() && sink.text() == TEXT)?;
    Ok(time)
}

fn expect(fine: bool) -> Result<(), Failure> {
    if fine {
        Ok(())
    } else {
        Err("the container did not say hello".into())
    }
}

async fn run_bare(docker: &Docker) -> Result<Duration, Failure> {
    let (time, text) = bare::run(docker, bare::same_container(&["echo", "hello"])).await?;
    expect(text == TEXT.as_bytes())?;
    Ok(time)
}

async fn run_shell() -> Result<Duration, Failure> {
    let scratch = format!("rw,exec,nosuid,nodev,uid=1000,gid=1000,mode=1777,size={SCRATCH_BYTES}");
    let mut command = tokio::process::Command::new("docker");
    command
        .args("run --rm --init --network none --ipc private --read-only --cap-drop ALL".split(' '))
        .args("--security-opt no-new-privileges:true --pids-limit 513 --no-healthcheck".split(' '))
        .args("--user 1000:1000 --workdir /workspace --env HOME=/tmp --log-driver local".split(' '))
        .args("--log-opt max-size=100t --log-opt max-file=1 --log-opt compress=false".split(' '))
        .args(["--tmpfs", &format!("/tmp:{scratch}")])
        .args(["--tmpfs", &format!("/workspace:{scratch}")])
        .args(["--entrypoint", "echo", IMAGE, "hello"])
        .stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().await?;
    let time = start.elapsed();
    expect(output.status.success() && output.stdout == TEXT.as_bytes())?;
    Ok(time)
}
