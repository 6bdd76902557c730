//! Memory of the `swarm` command while many containers print at once.
//!
//! `cargo bench -p swarm-cli --bench streaming` (Linux, since it reads `/proc`; needs an engine and a static busybox). What
//! containers and the engine use is not counted.

use std::{
    error::Error,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const IMAGE: &str = "swarm-test:latest";
const MANY: usize = 50;
/// How long all of them print, in seconds.
const SECONDS: u64 = 10;
/// In KiB.
const TARGET: u64 = 40 * 1024;
/// What one prints again and again, five times a second.
const PRINTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../swarm-core/tests/data/claude/tools.jsonl"
);

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let bin = folder.path().join("bin");
    fs::create_dir(&bin)?;
    fs::copy(PRINTED, bin.join("printed"))?;
    let script = format!(
        "#!/bin/sh\nend=$(($(date +%s) + {SECONDS} + $WAIT))\n\
         while [ $(date +%s) -lt $end ]; do cat /agents/printed; sleep 0.2; done\n"
    );
    fs::write(bin.join("claude"), script)?;
    for path in [&bin, &bin.join("claude"), &bin.join("printed")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    let mut out = std::io::stdout().lock();
    swarm(&["image", "build"], folder.path()).status()?;
    let idle = measure(&["runs", "list"], folder.path())?;
    writeln!(out, "{:<64} {:>9}", "what", "peak")?;
    writeln!(out, "{:<64} {:>9}", "swarm runs list", mib(idle))?;
    for kind in ["command", "claude"] {
        for agents in [1, MANY] {
            let peak = stream(kind, agents, folder.path())?;
            let verdict = match agents {
                1 => "",
                _ if peak <= TARGET => "  PASS (40 MiB)",
                _ => "  MISS (40 MiB)",
            };
            let what = format!("{agents} containers of kind {kind} that print at once");
            writeln!(out, "{what:<64} {:>9}{verdict}", mib(peak))?;
        }
    }
    Ok(())
}

/// Runs so many agents side by side. Returns the peak of the command that drives them.
fn stream(kind: &str, agents: usize, folder: &Path) -> Result<u64, Failure> {
    // Until all are up.
    let wait = format!("WAIT={}", agents / 2);
    let agents = agents.to_string();
    let mount = format!("{}:/agents", folder.join("bin").display());
    let prompts = vec!["x"; agents.parse()?];
    let mut args = vec!["par", "-q", "--no-network", "--max-concurrency", &agents];
    args.extend(["--mount", &mount, "--env", &wait]);
    match kind {
        "command" => {}
        named => {
            args.extend([
                "--env",
                "ANTHROPIC_API_KEY=none",
                "--env",
                "PATH=/agents:/bin",
            ]);
            args.extend(["--agent", named]);
        }
    }
    args.extend(prompts);
    if kind == "command" {
        args.extend(["--", "/agents/claude"]);
    }
    measure(&args, folder)
}

fn swarm(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm"));
    command
        .args(args)
        .env("SWARM_HOME", folder.join("home"))
        .env("SWARM_MAX_CONCURRENT", MANY.to_string())
        .env("SWARM_LOCAL", "true")
        .env("SWARM_RUNTIME", "docker")
        .env("SWARM_IMAGE", IMAGE)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The most memory that a command has at any time, in KiB. It must succeed.
fn measure(args: &[&str], folder: &Path) -> Result<u64, Failure> {
    let mut child = swarm(args, folder).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = high.unwrap_or(0).max(peak);
        std::thread::park_timeout(Duration::from_millis(2));
    };
    if ended.success() {
        Ok(peak)
    } else {
        Err(format!("`swarm {}` ended with {ended}", args.join(" ")).into())
    }
}

fn mib(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}
