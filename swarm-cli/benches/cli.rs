//! Start-up time and peak memory of the `swarm` command.
//!
//! `cargo bench -p swarm-cli` (Linux, since it reads `/proc`; memory of containers is not counted).

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

const STARTS: usize = 50;
const MIB: u64 = 1024;

fn main() -> std::io::Result<()> {
    let home = tempfile::tempdir()?;
    let mut out = std::io::stdout().lock();
    let version = start_up(&["--version"], home.path())?;
    let bare = start_up(&[], home.path())?;
    writeln!(out, "{:<52} {:>10} {:>10}", "what", "figure", "target")?;
    line(
        &mut out,
        "swarm --version, median of 50",
        ms(version),
        "5.00 ms",
        version.as_millis() < 5,
    )?;
    line(
        &mut out,
        "the same / `true`, spawned by the same bench",
        ratio(version, bare),
        "-",
        true,
    )?;

    let inputs: Vec<String> = (0..1000).map(|i| format!("\"input {i}\"")).collect();
    let inputs = format!("[{}]", inputs.join(","));
    let map = ["map", "--inputs", &inputs, "-q", "--", "cat"];
    let peak = peak_memory(&map, home.path())?;
    line(
        &mut out,
        "swarm map over 1,000 inputs, peak memory",
        mib(peak),
        "64 MiB",
        peak <= 64 * MIB,
    )?;

    for bytes in ["1048576", "1073741824"] {
        let peak = peak_memory(
            &["run", "x", "-q", "--", "head", "-c", bytes, "/dev/zero"],
            home.path(),
        )?;
        let what = format!("swarm run, {bytes} bytes of output, peak memory");
        line(&mut out, &what, mib(peak), "64 MiB", peak <= 64 * MIB)?;
    }
    Ok(())
}

fn line(
    out: &mut impl std::io::Write,
    what: &str,
    figure: impl std::fmt::Display,
    target: &str,
    met: bool,
) -> std::io::Result<()> {
    writeln!(
        out,
        "{what:<52} {figure:>10} {target:>10} {}",
        if met { "PASS" } else { "MISS" }
    )
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

fn ratio(a: Duration, b: Duration) -> String {
    format!("{:.1} x", a.as_secs_f64() / b.as_secs_f64())
}

fn mib(kib: u64) -> String {
    format!("{} MiB", kib.div_ceil(MIB))
}

/// Without arguments, the start of a program that does nothing.
fn command(args: &[&str], home: &std::path::Path) -> Command {
    let mut command = if args.is_empty() {
        Command::new("true")
    } else {
        Command::new(env!("CARGO_BIN_EXE_swarm"))
    };
    command
        .args(args)
        .env("SWARM_HOME", home)
        .env("SWARM_LOCAL", "true")
        .env("SWARM_RUNTIME", "process");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn start_up(args: &[&str], home: &std::path::Path) -> std::io::Result<Duration> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let start = Instant::now();
        command(args, home).status()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times.get(STARTS / 2).copied().unwrap_or_default())
}

/// In KiB: the high-water mark that the kernel keeps, read until the process has ended.
fn peak_memory(args: &[&str], home: &std::path::Path) -> std::io::Result<u64> {
    let mut child = command(args, home).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = high_water_mark(&child).unwrap_or(0).max(peak);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    Ok(peak)
}

fn high_water_mark(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
