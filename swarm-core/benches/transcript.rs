//! How fast what an agent prints is understood.
//!
//! `cargo bench -p swarm-core --bench transcript`; the baseline checks the same bytes for JSON syntax alone.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{error::Error, hint::black_box};

use serde::de::IgnoredAny;
use swarm_core::{
    agents::{AgentEvent, kind_of},
    spec::Agent,
};
use tokio::time::Instant;

type Res<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const BYTES: usize = 64 * 1024 * 1024;
const TARGET: f64 = 200.0;
const RECORDED: &str = include_str!("../tests/data/claude/tools.jsonl");

fn main() -> Res<()> {
    println!(
        "{:<40} {:>12} {:>12} {:>7}",
        "", "measured", "syntax", "ratio"
    );
    figure("claude, as recorded", &repeated(RECORDED))?;
    figure("claude, large tool results", &repeated(&tool_result()))?;
    Ok(())
}

/// What a tool gives that reads a file of 100 KiB.
fn tool_result() -> String {
    let content = "a line of a file, with \\\"quotes\\\" and a tab\\t\\n".repeat(2400);
    format!(
        r#"{{"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"t","type":"tool_result","content":"{content}"}}]}},"parent_tool_use_id":null,"session_id":"s"}}
"#
    )
}

fn repeated(lines: &str) -> String {
    lines.repeat(BYTES / lines.len())
}

fn figure(what: &str, lines: &str) -> Res<()> {
    let (mut read, mut checked) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        read.push(understood(lines)?);
        checked.push(checked_for_syntax(lines)?);
    }
    let (read, checked) = (median(read), median(checked));
    let verdict = if read >= TARGET { "PASS" } else { "MISS" };
    println!(
        "{what:<40} {:>12} {:>12} {:>7.2}  {verdict} (target {TARGET:.0} MiB/s)",
        format!("{read:.0} MiB/s"),
        format!("{checked:.0} MiB/s"),
        read / checked
    );
    Ok(())
}

fn understood(lines: &str) -> Res<f64> {
    let kind = kind_of(&Agent::Named("claude".to_owned()))?;
    let mut transcript = kind.transcript().ok_or("claude prints a transcript")?;
    let started = Instant::now();
    let mut events = 0_u64;
    for line in lines.split('\n') {
        transcript.read(line.as_bytes(), &mut |event: AgentEvent| {
            black_box(event);
            events += 1;
        });
    }
    let speed = speed(lines, started);
    black_box((events, transcript.conclude()));
    Ok(speed)
}

fn checked_for_syntax(lines: &str) -> Res<f64> {
    let started = Instant::now();
    for line in lines.split_terminator('\n') {
        black_box(serde_json::from_str::<IgnoredAny>(line)?);
    }
    Ok(speed(lines, started))
}

fn speed(lines: &str, started: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "it is a figure for people")]
    let mib = lines.len() as f64 / (1024.0 * 1024.0);
    mib / started.elapsed().as_secs_f64()
}

fn median(mut speeds: Vec<f64>) -> f64 {
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied().unwrap_or_default()
}
