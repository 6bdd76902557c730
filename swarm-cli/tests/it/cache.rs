//! `--cache`: the same work is paid for once.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Outcome, TestEnvironment, eventually, run, signal};

/// Notes its start, and answers with its prompt once the gate is gone, if there is one.
const PROGRAM: &str = "#!/bin/sh
echo start >> STARTS
while [ -e GATE ]; do sleep 0.05; done
cat
";

struct Stage(TestEnvironment);

impl Stage {
    fn new() -> Self {
        let stage = Self(TestEnvironment::new());
        stage.write_program(PROGRAM);
        stage
    }

    fn write_program(&self, text: &str) {
        let work = self.0.work();
        let place = |name: &str| work.join(name).display().to_string();
        let text = text
            .replace("STARTS", &place("starts"))
            .replace("GATE", &place("gate"));
        let program = self.0.write("bin/tool", &text);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let program = self.0.work().join("bin/tool").display().to_string();
        let args = [args, &["--cache", "--json", "--", &program]].concat();
        self.0.command(&args)
    }

    fn swarm(&self, args: &[&str]) -> Outcome {
        run(&mut self.command(args))
    }

    fn starts(&self) -> usize {
        let starts = fs::read_to_string(self.0.work().join("starts"));
        starts.unwrap_or_default().lines().count()
    }

    fn entries(&self) -> Vec<PathBuf> {
        let cache = fs::read_dir(self.0.swarm_home().join("cache")).unwrap();
        let names = cache.map(|entry| entry.unwrap().path());
        names.filter(|path| !path.ends_with(".secret")).collect()
    }
}

fn is_cached(report: &Value) -> bool {
    report["cached"] == true
}

#[test]
fn the_second_run_starts_nothing_pays_nothing_and_has_the_same_result() {
    let stage = Stage::new();
    let args = ["run", "hello", "--max-budget", "2"];
    let first = stage.swarm(&args).ok().value();
    let outcome = stage.swarm(&args).ok();
    let second = outcome.value();
    assert_eq!(stage.starts(), 1);
    assert!(!is_cached(&first) && is_cached(&second), "{second}");
    assert_eq!(first["ref"], second["ref"]);
    assert_eq!(second["cost_usd"], 0.0);

    let list = stage
        .0
        .swarm(&["runs", "list", "--limit", "1", "--json"])
        .ok();
    let run_id = list.value()["run_id"].as_str().unwrap().to_owned();
    assert!(!second["ref"].as_str().unwrap().starts_with(&run_id));
    assert_eq!(list.value()["spent_usd"], 0.0);
    let shown = stage
        .0
        .swarm(&["runs", "show", &run_id, "--json"])
        .ok()
        .value();
    let seen = &shown["agents_seen"][0];
    assert!(is_cached(seen) && seen["counted_usd"] == 0.0, "{shown}");
    let shown = stage.0.swarm(&["runs", "show", &run_id]).ok().stdout;
    assert!(shown.contains(" cached "), "{shown}");
    let text = stage
        .0
        .swarm(&["unwrap", "-p", second["ref"].as_str().unwrap()]);
    assert_eq!(text.ok().stdout, "hello");
    // The record itself belongs to the run that made it.
    let refs = stage.0.swarm(&["refs", "--json"]).ok();
    assert!(!is_cached(&refs.value()), "{refs:?}");

    let mut plain = stage.command(&["par", "hello", "other", "--max-budget", "2"]);
    let outcome = run(&mut plain).ok();
    assert!(
        outcome.value()["results"][0]["cached"] == true,
        "{outcome:?}"
    );
    assert_eq!(stage.starts(), 2);
}

#[test]
fn another_program_another_variable_and_another_prompt_are_other_work() {
    let stage = Stage::new();
    let args = ["run", "hello", "--env", "TOKEN"];
    let token = |value: &str| {
        let mut command = stage.command(&args);
        run(command.env("TOKEN", value)).ok().value()
    };
    token("canary-one");
    assert!(is_cached(&token("canary-one")));
    assert!(!is_cached(&token("canary-two")));
    stage.write_program(&format!("{PROGRAM}echo more\n"));
    assert!(!is_cached(&token("canary-one")));
    assert_eq!(stage.starts(), 3);

    let cache = stage.0.swarm_home().join("cache");
    assert_eq!(
        cache.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
    for file in stage.entries().into_iter().chain([cache.join(".secret")]) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(&file).unwrap().contains("canary"));
    }
}

#[test]
fn a_result_that_was_encrypted_changed_or_removed_is_made_again() {
    let stage = Stage::new();
    let args = ["run", "hello"];
    let remade = |outcome: Outcome, starts: usize| {
        let report = outcome.ok().value();
        assert!(!is_cached(&report), "{report}");
        assert_eq!(stage.starts(), starts);
        report["ref"].as_str().unwrap().to_owned()
    };
    let first = remade(stage.swarm(&args), 1);
    drop(stage.0.swarm(&["encrypt", &first]).ok());
    let second = remade(stage.swarm(&args), 2);
    let record = stage
        .0
        .swarm_home()
        .join("runs")
        .join(&second)
        .join("result.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"hello\"", "\"jello\"")).unwrap();
    let third = remade(stage.swarm(&args), 3);
    fs::remove_dir_all(record.parent().unwrap().parent().unwrap()).unwrap();
    assert_eq!(stage.entries().len(), 1);
    let (run_id, _) = third.split_once('/').unwrap();
    fs::remove_dir_all(stage.0.swarm_home().join("runs").join(run_id)).unwrap();
    let gc = stage
        .0
        .swarm(&["gc", "--older-than", "1000h", "--json"])
        .ok()
        .value();
    assert_eq!(gc["cached"], 1, "{gc}");
    assert_eq!(stage.entries().len(), 0);
    let fourth = remade(stage.swarm(&args), 4);
    let gc = stage
        .0
        .swarm(&["gc", "--older-than", "1000h", "--json"])
        .ok()
        .value();
    assert_eq!(gc["cached"], 0, "{gc}");
    assert_eq!(stage.swarm(&args).ok().value()["ref"], *fourth);
}

#[test]
fn an_entry_that_makes_no_sense_is_none() {
    let stage = Stage::new();
    drop(stage.swarm(&["run", "hello"]).ok());
    let entry = stage.entries().pop().unwrap();
    let text = fs::read_to_string(&entry).unwrap();
    for (n, hostile) in [
        "",
        "{}",
        &text.replace("\"version\":1", "\"version\":9"),
        &text.replace("/agent-0", "/../../x"),
        &"x".repeat(100_000),
    ]
    .iter()
    .enumerate()
    {
        fs::write(&entry, hostile).unwrap();
        let report = stage.swarm(&["run", "hello"]).ok().value();
        assert!(!is_cached(&report), "{hostile}");
        assert_eq!(stage.starts(), n + 2);
    }
}

#[test]
fn a_result_of_a_more_sensitive_parent_is_not_taken_from_a_less_sensitive_one() {
    let stage = Stage::new();
    let notes = |name: &str| {
        let path = stage.0.write(name, "the same text");
        let wrapped = stage.0.json(&["wrap", path.to_str().unwrap()]);
        wrapped["ref"].as_str().unwrap().to_owned()
    };
    let (public, secret) = (notes("public"), notes("secret"));
    drop(stage.0.swarm(&["classify", &secret, "restricted"]).ok());
    let reduce = |input: &str| stage.swarm(&["reduce", "sum up", input]).ok().value();
    assert!(!is_cached(&reduce(&public)["result"]));
    assert!(is_cached(&reduce(&public)["result"]));
    let restricted = reduce(&secret);
    assert!(!is_cached(&restricted["result"]), "{restricted}");
    assert_eq!(
        restricted["result"]["classification"]["level"],
        "restricted"
    );
}

#[test]
fn a_recorded_run_takes_no_stored_result_and_says_why() {
    let stage = Stage::new();
    drop(stage.swarm(&["run", "hello"]).ok());
    let outcome = stage.swarm(&["run", "hello", "--record", "tape"]).ok();
    assert!(!is_cached(&outcome.value()));
    assert!(
        outcome.stderr.contains("agent-0 is not cached: "),
        "{outcome:?}"
    );
    assert_eq!(stage.starts(), 2);
    let outcome = stage.swarm(&["run", "hello", "--replay", "tape"]).ok();
    assert!(!is_cached(&outcome.value()));
    assert_eq!(stage.starts(), 2);
}

#[test]
fn what_was_killed_halfway_is_not_stored_and_what_is_resumed_is() {
    let stage = Stage::new();
    let gate = stage.0.work().join("gate");
    fs::write(&gate, "").unwrap();
    let mut command = stage.command(&["run", "hello"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it has started", || stage.starts() == 1);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    assert_eq!(stage.entries().len(), 0);
    fs::remove_file(&gate).unwrap();

    let list = stage.0.swarm(&["runs", "list", "--json"]).ok().value();
    let run_id = list["run_id"].as_str().unwrap();
    let resumed = stage
        .0
        .swarm(&["runs", "resume", run_id, "--json"])
        .ok()
        .value();
    assert!(!is_cached(&resumed));
    assert_eq!(stage.starts(), 2);
    assert_eq!(
        stage.swarm(&["run", "hello"]).ok().value()["ref"],
        resumed["ref"]
    );
    assert_eq!(stage.starts(), 2);
}

#[test]
fn two_runs_with_the_same_work_at_the_same_time_are_both_right() {
    let stage = Stage::new();
    let gate = stage.0.work().join("gate");
    fs::write(&gate, "").unwrap();
    let start = || {
        let mut command = stage.command(&["par", "hello", "hello"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [start(), start()];
    eventually("all have started", || stage.starts() == 4);
    fs::remove_file(&gate).unwrap();
    for child in both {
        let outcome = Outcome::of(&child.wait_with_output().unwrap()).ok();
        let report = outcome.value();
        assert_eq!(report["succeeded"], 2, "{report}");
    }
    assert_eq!(stage.entries().len(), 1);
    let report = stage.swarm(&["par", "hello", "hello"]).ok().value();
    let results = report["results"].as_array().unwrap();
    assert!(results.iter().all(is_cached), "{report}");
    assert_eq!(stage.starts(), 4);
}
