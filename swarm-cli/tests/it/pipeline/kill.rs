//! `kill -9` at random points of a pipeline: what has ended is not run again, nothing is left behind, the result is the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::common::{TestEnvironment, eventually, is_running};

/// Starts `swarm` in some runtime.
pub(crate) type Start<'s> = &'s dyn Fn(&[&str]) -> Command;

/// A pipeline of every kind of step, whose agents say in `log` that they have started. They take `seconds`.
pub(crate) fn definition(log: &str, seconds: &str) -> Value {
    let agent = |name: &str, then: &str| {
        let script = format!("echo {name} >> {log}; sleep {seconds}; {then}");
        json!({"prompt": name, "agent": {"command": ["sh", "-c", script]}})
    };
    let with = |mut work: Value, more: Value| {
        for (key, value) in more.as_object().unwrap() {
            work[key] = value.clone();
        }
        work
    };
    json!({"steps": [
        {"id": "many", "par": [agent("m0", "echo m0"), agent("m1", "echo m1"), agent("m2", "echo m2")]},
        with(agent("bad", "cat; exit 1"), json!({"id": "bad", "on_fail": "mend"})),
        with(agent("never", "exit 1"), json!({"id": "never"})),
        with(agent("mend", "wc -l"), json!({"id": "mend"})),
        {"id": "race", "race": [agent("r0", "echo won"), {"prompt": "r1", "agent": {"command": ["sleep", "60"]}}]},
        with(agent("last", "cat"), json!({"id": "last"})),
    ]})
}

/// Numbers that look random, and are the same for each seed.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }
}

pub(crate) struct Kills<'s> {
    pub(crate) env: &'s TestEnvironment,
    pub(crate) start: Start<'s>,
    pub(crate) definition: PathBuf,
    pub(crate) log: PathBuf,
    /// What of a run is left behind.
    pub(crate) orphans: &'s dyn Fn(&str) -> Vec<String>,
}

impl Kills<'_> {
    fn run(&self, args: &[&str]) -> Child {
        (self.start)(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = (self.start)(args).arg("--json").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    fn text_of(&self, report: &Value) -> String {
        let result = report["final"]["ref"].as_str().unwrap();
        let output = (self.start)(&["unwrap", "-p", result]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn runs(&self) -> BTreeSet<String> {
        let list = (self.start)(&["runs", "list", "--json"])
            .output()
            .unwrap()
            .stdout;
        let list = String::from_utf8(list).unwrap();
        let runs = list
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        runs.map(|run| run["run_id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How often each agent has started since the log was emptied.
    fn starts(&self) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        for name in fs::read_to_string(&self.log).unwrap_or_default().lines() {
            *starts.entry(name.to_owned()).or_default() += 1;
        }
        starts
    }

    /// The prompts of the agents of `run` that have ended by themselves, as the log knows them.
    fn ended(&self, run: &str) -> BTreeSet<String> {
        let shown = self.json(&["runs", "show", run]);
        let seen = shown["agents_seen"].as_array().unwrap().iter();
        let ended = seen.filter(|agent| {
            let kind = agent["exit"]["kind"].as_str();
            kind == Some("completed") || kind == Some("failed")
        });
        ended
            .map(|agent| prompt_of(agent["agent_id"].as_str().unwrap()))
            .collect()
    }

    /// Kills at `points` random points; what is resumed may be killed as well.
    pub(crate) fn at(&self, points: u32, seed: u64) {
        let definition = self.definition.to_str().unwrap();
        let whole = self.json(&["pipeline", "run", definition]);
        let takes = whole["total_duration_seconds"].as_f64().unwrap();
        // It takes a moment before the first event, and after the last.
        let takes = u64::try_from(Duration::from_secs_f64(takes + 0.1).as_millis()).unwrap();
        assert_eq!(whole["status"], "done", "{whole}");
        let expected = self.text_of(&whole);
        let mut dice = Dice(seed);
        let mut known = self.runs();
        for point in 0..points {
            drop(fs::remove_file(&self.log));
            let mut child = self.run(&["pipeline", "run", definition]);
            let mut settled: BTreeMap<String, usize> = BTreeMap::new();
            let run = loop {
                thread::park_timeout(Duration::from_millis(dice.up_to(takes)));
                child.kill().unwrap();
                child.wait().unwrap();
                let runs = self.runs();
                let Some(run) = runs.difference(&known).next().cloned() else {
                    // It had not begun, so that nothing was acknowledged.
                    break None;
                };
                let starts = self.starts();
                for name in self.ended(&run) {
                    settled
                        .entry(name.clone())
                        .or_insert_with(|| starts.get(&name).copied().unwrap_or(0));
                }
                if self.is_over(&run) || dice.up_to(3) > 0 {
                    known = runs;
                    break Some(run);
                }
                child = self.run(&["runs", "resume", &run]);
            };
            let Some(run) = run else { continue };
            let report = if self.is_over(&run) {
                self.json(&["runs", "show", &run])["report"].clone()
            } else {
                self.json(&["runs", "resume", &run])
            };
            assert_eq!(report["status"], "done", "point {point}: {report}");
            assert_eq!(self.text_of(&report), expected, "point {point}");
            let starts = self.starts();
            for (name, before) in settled {
                assert_eq!(
                    starts.get(&name).copied().unwrap_or(0),
                    before,
                    "point {point}: {name} had ended and was run again"
                );
            }
            eventually("nothing is left behind", || (self.orphans)(&run).is_empty());
        }
    }

    fn is_over(&self, run: &str) -> bool {
        let state = self.json(&["runs", "show", run])["state"].clone();
        state != "interrupted"
    }
}

fn prompt_of(agent: &str) -> String {
    match agent.split_once(".agent-") {
        Some(("many", i)) => format!("m{i}"),
        Some(("race", i)) => format!("r{i}"),
        _ => agent.to_owned(),
    }
}

fn kill_processes(seed: u64) {
    let env = TestEnvironment::new();
    let log = env.work().join("log");
    let definition = definition(log.to_str().unwrap(), "0.03").to_string();
    let kills = Kills {
        env: &env,
        start: &|args| env.command(args),
        definition: env.write("p.json", &definition),
        log: log.clone(),
        orphans: &|_| {
            let left = is_running(Path::new(&log).to_str().unwrap());
            left.then(|| "an agent".to_owned()).into_iter().collect()
        },
    };
    assert!(kills.env.work().exists());
    kills.at(50, seed);
}

#[test]
fn a_pipeline_of_processes_survives_fifty_random_kills() {
    kill_processes(1);
}

#[test]
fn a_pipeline_of_processes_survives_fifty_more() {
    kill_processes(2);
}

#[test]
fn a_pipeline_of_processes_survives_another_fifty() {
    kill_processes(3);
}

#[test]
fn a_pipeline_of_processes_survives_the_last_fifty() {
    kill_processes(4);
}
