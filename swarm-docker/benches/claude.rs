//! What an agent of the kind `claude` costs beyond the program itself and what the engine takes for it.
//!
//! The program is a script that prints what the real one once printed. Two ways to run it, in turns: a whole run by
//! `Swarm` with `DockerRuntime` (its home folder staged, its prompt fed, its stream understood, its container
//! removed), and the bare requests for the same container without any of that.
//!
//! `cargo bench -p swarm-docker --bench claude` needs an engine and a statically linked `/bin/busybox`.

#[path = "support/bare.rs"]
mod bare;

use std::{fs, path::Path, process::ExitCode, sync::Arc};

use bollard::{
    Docker,
    models::{ContainerCreateBody, Mount, MountType},
};
use serde_json::{Value, json};
use swarm_core::{
    plan::run,
    spec::{AgentSpec, SandboxSpec},
    swarm::Swarm,
};
use tokio::time::{Duration, Instant};

use bare::{Failure, IMAGE, median, millis};

const ROUNDS: usize = 40;
const TARGET_MS: f64 = 60.0;
/// What the real program printed.
const RECORDED: &str = include_str!("../../swarm-core/tests/data/claude/tools.jsonl");
/// Where it is in the container.
const FOLDER: &str = "/fake";
const PATH: &str = "/fake:/bin";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    bare::print(compare().await)
}

async fn compare() -> Result<String, Failure> {
    let folder = program()?;
    let homes = tempfile::tempdir()?;
    let runtime = bare::runtime(homes.path()).await?;
    let swarm = Swarm::builder(Arc::new(runtime)).build();
    let docker = Docker::connect_with_unix_defaults()?
        .negotiate_version()
        .await?;

    let (mut staged, mut unstaged, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Each is first, second and last equally often.
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => staged.push(run_ours(&swarm, folder.path(), json!("Be kind.")).await?),
                1 => unstaged.push(run_ours(&swarm, folder.path(), Value::Null).await?),
                _ => bare.push(run_bare(&docker, folder.path()).await?),
            }
        }
    }
    let mut table = format!(
        "{ROUNDS} rounds, {} KiB of stream, no network; medians, target {TARGET_MS} ms beyond the bare requests\n",
        RECORDED.len() / 1024
    );
    for (name, times) in [
        ("create, start, wait, logs, remove", &bare),
        ("a run without a memory file", &unstaged),
        ("a run with a memory file", &staged),
    ] {
        // Of neighbours, so that a busy minute does not count against one of them.
        let pairs = times.iter().zip(&bare);
        let beyond = pairs.map(|(time, bare)| (time.as_secs_f64() - bare.as_secs_f64()) * 1000.0);
        let beyond = median(beyond);
        let verdict = if beyond <= TARGET_MS { "PASS" } else { "MISS" };
        let line = format!(
            "  {name:<36} {:>7.1} ms   beyond: {beyond:>6.1} ms  {verdict}\n",
            millis(times)
        );
        table += &line;
    }
    Ok(table)
}

/// A folder with a `claude` in it.
fn program() -> Result<tempfile::TempDir, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    fs::write(folder.path().join("recorded"), RECORDED)?;
    let program = folder.path().join("claude");
    fs::write(
        &program,
        format!("#!/bin/sh\ncat >/dev/null\nexec cat {FOLDER}/recorded\n"),
    )?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

async fn run_ours(swarm: &Swarm, folder: &Path, claude_md: Value) -> Result<Duration, Failure> {
    let sandbox = json!({
        "image": IMAGE,
        "agent": "claude", "claude_md": claude_md, "network": false,
        "env_vars": {"ANTHROPIC_API_KEY": "none", "PATH": PATH},
        "mounts": [{"host_path": folder, "container_path": FOLDER}],
    });
    let agent = AgentSpec::new("Say hello.", SandboxSpec::from_json(sandbox, "sandbox")?)?;
    let start = Instant::now();
    let view = swarm.execute(run(agent)).await?;
    let time = start.elapsed();
    if view.counts().succeeded == 1 {
        Ok(time)
    } else {
        Err(format!("the agent failed: {:?}", view.end()).into())
    }
}

async fn run_bare(docker: &Docker, folder: &Path) -> Result<Duration, Failure> {
    let mut body: ContainerCreateBody = bare::same_container(&["claude", "--print"]);
    body.env = Some(vec![format!("PATH={PATH}"), "HOME=/tmp".to_owned()]);
    if let Some(host) = &mut body.host_config {
        host.mounts = Some(vec![Mount {
            typ: Some(MountType::BIND),
            source: Some(folder.display().to_string()),
            target: Some(FOLDER.to_owned()),
            read_only: Some(true),
            ..Mount::default()
        }]);
    }
    let (time, text) = bare::run(docker, body).await?;
    if text == RECORDED.as_bytes() {
        Ok(time)
    } else {
        Err("the container printed something else".into())
    }
}
