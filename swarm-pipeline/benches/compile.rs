//! What it costs to compile a definition.
//!
//! `cargo bench -p swarm-pipeline --bench compile`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{error::Error, hint::black_box, time::Duration};

use serde_json::{Value, json};
use swarm_core::{plan::Patcher as _, spec::NoSandboxes, types::TypeRegistry};
use swarm_pipeline::{PipelinePatcher, Source, Surroundings, compile};
use tokio::time::Instant;

type Res<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 21;
const STEPS: usize = 1000;
const TARGET: Duration = Duration::from_millis(50);

/// Steps of every kind that lead to each other.
fn definition(steps: usize) -> Value {
    let step = |i: usize| {
        let prompt = format!(
            "Do part {i} of the work, look at what was done before, and say what is left to do."
        );
        let agent =
            json!({"prompt": prompt, "tools": "Read, Bash", "timeout": 600, "max_budget": 0.5});
        let mut step = match i % 5 {
            0 => json!({"par": [agent.clone(), agent]}),
            1 => {
                json!({"iterate": {"of": agent, "evaluator": "score:clarity", "max_iterations": 4}})
            }
            2 => json!({"map": {"template": agent, "inputs": ["a", "b", "c"]}}),
            _ => agent,
        };
        if let Some(step) = step.as_object_mut() {
            step.insert("id".to_owned(), format!("part-{i}").into());
            step.insert("on_fail".to_owned(), format!("part-{}", i / 2).into());
            step.insert(
                "retry_if".to_owned(),
                json!({"AGAIN": format!("part-{}", i / 3)}),
            );
        }
        step
    };
    let steps: Vec<Value> = (0..steps).map(step).collect();
    json!({"name": "bench", "budget": 100, "sandbox": {"agent": "claude", "network": {"allow": ["a.example"]}}, "steps": steps})
}

fn median(mut round: impl FnMut() -> Res<()>) -> Res<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(ROUNDS / 2).copied().unwrap_or_default())
}

fn figure(what: &str, measured: Duration, baseline: Duration, target: Option<Duration>) {
    let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let ratio = measured.as_secs_f64() / baseline.as_secs_f64().max(1e-12);
    let verdict = target.map_or(String::new(), |target| {
        let word = if measured <= target { "PASS" } else { "MISS" };
        format!("  {word} (target {})", millis(target))
    });
    let (measured, baseline) = (millis(measured), millis(baseline));
    println!("{what:<44} {measured:>12} {baseline:>12} {ratio:>7.1}{verdict}");
}

fn main() -> Res<()> {
    let value = definition(STEPS);
    let text = serde_json::to_string_pretty(&value)?;
    let toml = toml_edit::ser::to_string(&value)?;
    let types = TypeRegistry::default();
    let around = Surroundings::new(&NoSandboxes, &types);
    println!(
        "{:<44} {:>12} {:>12} {:>7}",
        "", "measured", "serde_json", "ratio"
    );
    let parse = median(|| {
        black_box(serde_json::from_str::<Value>(&text)?);
        Ok(())
    })?;
    let whole = median(|| {
        black_box(compile(&Source::json(&text)?, &around)?);
        Ok(())
    })?;
    let what = format!("{STEPS} steps, {} kB of JSON", text.len() / 1000);
    figure(&what, whole, parse, Some(TARGET));
    let whole = median(|| {
        black_box(compile(&Source::toml(&toml)?, &around)?);
        Ok(())
    })?;
    figure("the same as TOML", whole, parse, Some(TARGET));
    let wrong = text
        .replace("\"part-1\"", "\"part-x\"")
        .replace("timeout", "timeot");
    let told = median(|| {
        let source = Source::json(&wrong)?;
        let told = compile(&source, &around);
        black_box(told.err().map(|told| told.len()));
        Ok(())
    })?;
    figure("the same with a mistake in each step", told, parse, None);
    let program = compile(&Source::json(&text)?, &around)?.program;
    let patcher = PipelinePatcher::new(TypeRegistry::default());
    let patched = median(|| {
        black_box(patcher.patch(&program, &json!({"budget": 50}))?);
        Ok(())
    })?;
    figure("a governor lowers its budget", patched, parse, None);
    Ok(())
}
