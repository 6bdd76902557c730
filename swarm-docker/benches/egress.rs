//! What a list of hosts costs an agent: from the request to run it to the end of a trivial container, with a list and
//! without, one after the other, over and over. The forwarder is this very program.
//!
//! `cargo bench -p swarm-docker --bench egress` needs an engine and a statically linked `/bin/busybox`.

use std::{error::Error, path::PathBuf, process::ExitCode};

use swarm_core::{
    agents::Invocation,
    content::Content,
    ids::{AgentId, RefId, RunId},
    runtime::{AgentJob, AgentRuntime as _, DEFAULT_MAX_OUTPUT, Launch},
    spec::{AllowedHosts, Network, SandboxSpec},
    testing::sink::VecSink,
};
use swarm_docker::{DockerOptions, DockerRuntime, EgressOptions, ImageRecipe};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const IMAGE: &str = "swarm-test:latest";
const ROUNDS: usize = 20;
const FORWARD: &str = "egress-forward";

type Failure = Box<dyn Error>;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its figures"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let done = match args.as_slice() {
        [_, word, address, path] if word == FORWARD => forward(address, path).await,
        _ => compare().await,
    };
    match done {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn forward(address: &str, path: &str) -> Result<String, Failure> {
    match swarm_docker::egress_forward(address.parse()?, path.as_ref()).await? {}
}

async fn compare() -> Result<String, Failure> {
    let folder = tempfile::tempdir()?;
    let options = DockerOptions {
        image: IMAGE.to_owned(),
        egress: Some(EgressOptions {
            program: std::env::current_exe()?,
            args: vec![FORWARD.to_owned()],
            folder: folder.path().to_owned(),
        }),
        ..DockerOptions::new(format!("bench-{}", RunId::random()))
    };
    let runtime = DockerRuntime::connect(options.clone()).await?;
    let busybox = ImageRecipe::FromBusybox {
        path: PathBuf::from("/bin/busybox"),
    };
    runtime.ensure_image(IMAGE, &busybox).await?;
    let list = || Network::Allow(AllowedHosts::default());
    // Builds the image of the forwarder if there is none.
    run(&runtime, list()).await?;
    // Another process looks whether it is there.
    let another = DockerRuntime::connect(options).await?;
    let first = run(&another, list()).await?;

    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Each is first and second equally often.
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                with.push(run(&runtime, list()).await?);
            } else {
                without.push(run(&runtime, Network::None).await?);
            }
        }
    }
    let more = with.iter().zip(&without);
    let more = median(more.map(|(with, without)| millis(*with) - millis(*without)));
    let with = median(with.into_iter().map(millis));
    Ok(format!(
        "{ROUNDS} rounds, `true`; medians\n  no network           {:>7.1} ms\n  list of hosts        {with:>7.1} ms   \
         difference {more:.1} ms\n  the same, first one of a process {:.1} ms",
        median(without.into_iter().map(millis)),
        millis(first)
    ))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn run(runtime: &DockerRuntime, network: Network) -> Result<Duration, Failure> {
    let mut sandbox = SandboxSpec::default().resolve()?;
    sandbox.network = network;
    let job = AgentJob {
        kind: "command",
        id: RefId::new(RunId::random(), AgentId::new("agent-0")?),
        invocation: Invocation::new(["true"]),
        stdin: Content::empty(),
        sandbox,
        timeout: Duration::from_mins(1),
        max_output: DEFAULT_MAX_OUTPUT,
        shared: None,
        launch: Launch::New,
        spec: None,
        leftovers: None,
    };
    let stop = CancellationToken::new();
    let start = Instant::now();
    let exit = runtime.run(&job, &mut VecSink::default(), &stop).await?;
    let time = start.elapsed();
    if exit.reason.is_success() {
        Ok(time)
    } else {
        Err("the container failed".into())
    }
}
