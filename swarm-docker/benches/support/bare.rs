//! The same container by hand: bare requests to the engine, and nothing around them.

use std::{collections::HashMap, error::Error, path::Path, process::ExitCode};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig},
    query_parameters::{
        LogsOptionsBuilder, RemoveContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures_util::StreamExt as _;
use swarm_core::ids::RunId;
use swarm_docker::{DockerOptions, DockerRuntime, ImageRecipe, SCRATCH_BYTES};
use tokio::time::{Duration, Instant};

pub(crate) type Failure = Box<dyn Error>;

/// The image that both use.
pub(crate) const IMAGE: &str = "swarm-test:latest";

/// Prints the figures, or what went wrong.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its figures"
)]
pub(crate) fn print(figures: Result<String, Failure>) -> ExitCode {
    match figures {
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

/// A runtime that has the image, and makes the homes of agents in this folder.
pub(crate) async fn runtime(homes: &Path) -> Result<DockerRuntime, Failure> {
    let runtime = DockerRuntime::connect(DockerOptions {
        image: IMAGE.to_owned(),
        homes: Some(homes.to_owned()),
        ..DockerOptions::new(format!("bench-{}", RunId::random()))
    })
    .await?;
    let busybox = ImageRecipe::FromBusybox {
        path: "/bin/busybox".into(),
    };
    runtime.ensure_image(IMAGE, &busybox).await?;
    Ok(runtime)
}

/// What the runtime asks for, written out.
pub(crate) fn same_container(argv: &[&str]) -> ContainerCreateBody {
    let scratch = format!("rw,exec,nosuid,nodev,uid=1000,gid=1000,mode=1777,size={SCRATCH_BYTES}");
    let text = |text: &str| text.to_owned();
    ContainerCreateBody {
        image: Some(text(IMAGE)),
        entrypoint: Some(argv.iter().copied().map(text).collect()),
        env: Some(vec![text("HOME=/tmp")]),
        user: Some(text("1000:1000")),
        working_dir: Some(text("/workspace")),
        labels: Some(HashMap::from([(text("swarm.bench"), text("1"))])),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        healthcheck: Some(HealthConfig {
            test: Some(vec![text("NONE")]),
            ..HealthConfig::default()
        }),
        host_config: Some(HostConfig {
            pids_limit: Some(513),
            tmpfs: Some(HashMap::from([
                (text("/tmp"), scratch.clone()),
                (text("/workspace"), scratch),
            ])),
            network_mode: Some(text("none")),
            ipc_mode: Some(text("private")),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec![text("ALL")]),
            security_opt: Some(vec![text("no-new-privileges:true")]),
            init: Some(true),
            log_config: Some(HostConfigLogConfig {
                typ: Some(text("local")),
                config: Some(HashMap::from([
                    (text("max-size"), text("100t")),
                    (text("max-file"), text("1")),
                    (text("compress"), text("false")),
                ])),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Create, start, wait, logs, remove: how long that took, and what the container printed.
pub(crate) async fn run(
    docker: &Docker,
    body: ContainerCreateBody,
) -> Result<(Duration, Vec<u8>), Failure> {
    let start = Instant::now();
    let id = docker.create_container(None, body).await?.id;
    docker.start_container(&id, None).await?;
    let wait = WaitContainerOptionsBuilder::new().build();
    let ended = docker.wait_container(&id, Some(wait)).next().await;
    let logs = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
    let mut logs = Box::pin(docker.logs(&id, Some(logs)));
    let mut text = Vec::new();
    while let Some(chunk) = logs.next().await {
        text.extend_from_slice(&chunk?.into_bytes());
    }
    let remove = RemoveContainerOptionsBuilder::new().v(true).build();
    docker.remove_container(&id, Some(remove)).await?;
    let time = start.elapsed();
    match ended {
        Some(Ok(_)) => Ok((time, text)),
        _ => Err(format!("the container failed: {}", String::from_utf8_lossy(&text)).into()),
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn millis(times: &[Duration]) -> f64 {
    median(times.iter().map(|time| time.as_secs_f64() * 1000.0))
}
