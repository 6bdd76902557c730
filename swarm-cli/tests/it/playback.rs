//! Runs that are recorded, and told again without a program.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::{Outcome, TestEnvironment, eventually, fifo, run, signal};

/// Answers with the sum of its prompt, notes its start, and fails at its first attempt if that is asked for.
const CLAUDE: &str = r#"#!/bin/sh
prompt=$(cat)
echo start >> "$STARTS"
echo "talk about $SECRET" >&2
case "$prompt" in
  Flaky*) [ -e "$STARTS.flaky" ] || { : > "$STARTS.flaky"; echo "not yet" >&2; exit 3; } ;;
  Slow*) exec sleep 600 ;;
esac
sum=$(printf %s "$prompt" | cksum | cut -d' ' -f1)
echo '{"type":"assistant","message":{"id":"m1","model":"claude-haiku-4-5","content":[],"usage":{"input_tokens":10,"output_tokens":20}}}'
echo "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"sum $sum\",\"total_cost_usd\":0.01,\"num_turns\":1}"
"#;

struct Stage(TestEnvironment);

impl Stage {
    fn new() -> Self {
        let env = TestEnvironment::new();
        let program = env.write("bin/claude", CLAUDE);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(env)
    }

    fn tape(&self) -> PathBuf {
        self.0.work().join("tape")
    }

    /// A command whose agents are the fake program.
    fn command(&self, args: &[&str]) -> Command {
        let path = format!("{}:/usr/bin:/bin", self.0.work().join("bin").display());
        let starts = format!("STARTS={}", self.0.work().join("starts").display());
        let env = ["--env", &starts, "--env", "SECRET", "--agent", "claude"];
        let mut command = self.0.command(&[args, &env, &["--json"]].concat());
        command.env("PATH", path).env("SECRET", "canary-value");
        command
    }

    fn record(&self, args: &[&str]) -> Outcome {
        let mut command = self.command(&[args, &["--record", "tape"]].concat());
        run(command.env("ANTHROPIC_API_KEY", "canary-key"))
    }

    /// Neither a program nor an account is left.
    fn replay(&self, args: &[&str]) -> Outcome {
        drop(fs::remove_dir_all(self.0.work().join("bin")));
        let mut command = self.command(&[args, &["--replay", "tape"]].concat());
        command.env_remove("SWARM_RUNTIME");
        run(&mut command)
    }

    fn starts(&self) -> usize {
        let starts = fs::read_to_string(self.0.work().join("starts"));
        starts.unwrap_or_default().lines().count()
    }

    /// What a run came to, without what must be different: the run's id, times of day, and where its records are.
    fn told(&self, report: &Value) -> Value {
        let run = self.run_of(report);
        let text = report.to_string().replace(&run, "RUN");
        let mut report = serde_json::from_str(&text).unwrap();
        forget(&mut report);
        report
    }

    fn run_of(&self, report: &Value) -> String {
        let list = self.0.swarm(&["runs", "list", "--json", "--limit", "1"]);
        let newest: Value = serde_json::from_str(list.ok().stdout.trim()).unwrap();
        let run = newest["run_id"].as_str().unwrap().to_owned();
        assert!(report.to_string().contains(&run), "{report}");
        run
    }

    /// The records of all agents of a run, byte by byte.
    fn records(&self, run: &str) -> Vec<(String, String, Vec<u8>)> {
        let mut records = Vec::new();
        for agent in fs::read_dir(self.0.swarm_home().join("runs").join(run)).unwrap() {
            let agent = agent.unwrap();
            for name in ["prompt.txt", "stream.jsonl", "stderr.log"] {
                if let Ok(bytes) = fs::read(agent.path().join(name)) {
                    let agent = agent.file_name().into_string().unwrap();
                    records.push((agent, name.to_owned(), bytes));
                }
            }
        }
        records.sort();
        records
    }
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("output_dir");
            // The hash is over the refs of the parents, which have another run.
            fields.remove("provenance");
            // Of agents that end in the same moment, either may be first to settle what it has spent.
            fields.remove("spent_so_far");
            fields.remove("remaining");
            fields.values_mut().for_each(forget);
        }
        Value::Array(all) => all.iter_mut().for_each(forget),
        _ => {}
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(path) = files.get(at).cloned() {
        if path.is_dir() {
            files.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        at += 1;
    }
    files
}

#[test]
fn a_run_is_told_again_byte_by_byte_without_program_account_or_engine() {
    for args in [
        &["par", "one", "two", "three", "--budget", "99"][..],
        &["chain", "first", "second", "third"],
        &["retry", "Flaky work", "--attempts", "3"],
        &["run", "alone", "--deadline", "1h"],
        &["par", "one", "Flaky two"],
    ] {
        let stage = Stage::new();
        let recorded = stage.record(args);
        let (code, recorded) = (recorded.code, recorded.value());
        let starts = stage.starts();
        let run = stage.run_of(&recorded);
        let (told, records) = (stage.told(&recorded), stage.records(&run));
        for _ in 0..2 {
            let outcome = stage.replay(args).code(code);
            let replayed = outcome.value();
            let mut again = stage.told(&replayed);
            let mut told = told.clone();
            if args.contains(&"--deadline") {
                for told in [&mut again, &mut told] {
                    told.as_object_mut().unwrap().remove("deadline");
                    told.as_object_mut().unwrap().remove("time_remaining");
                }
            }
            assert_eq!(again, told, "{args:?}");
            assert_eq!(stage.records(&stage.run_of(&replayed)), records, "{args:?}");
        }
        assert_eq!(stage.starts(), starts, "nothing was started again");
        let shown = stage.0.swarm(&["runs", "list", "--json", "--limit", "1"]);
        assert!(shown.stdout.contains(r#""runtime":"replay""#), "{shown:?}");
    }
}

#[test]
fn an_agent_that_could_not_start_cannot_start_again() {
    let stage = Stage::new();
    let program = ["--", "no-such-program"];
    let record = [&["run", "x", "--json", "--record", "tape"][..], &program].concat();
    let recorded = stage.0.swarm(&record).code(1).value();
    stage.0.write("bin/no-such-program", "");
    let replay = [&["run", "x", "--json", "--replay", "tape"][..], &program].concat();
    let replayed = stage.0.swarm(&replay).code(1).value();
    assert_eq!(replayed["exit"]["kind"], "not_started");
    assert_eq!(replayed["error"], recorded["error"]);
}

#[test]
fn a_recording_is_private_and_has_no_value_of_a_variable_but_what_an_agent_prints() {
    let stage = Stage::new();
    drop(stage.record(&["par", "one", "two"]).ok());
    for path in files(&stage.tape()) {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
        if path.is_file() && path.file_name().unwrap() != "stderr" {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("canary"), "{path:?}: {text}");
        }
    }
    let talk = fs::read_to_string(stage.tape().join("agents/agent-0/stderr")).unwrap();
    assert_eq!(talk, "talk about canary-value\n");
}

#[test]
fn an_agent_that_is_asked_something_else_or_was_not_recorded_is_refused() {
    let stage = Stage::new();
    drop(stage.record(&["chain", "first", "second"]).ok());
    for (args, agent, problem) in [
        (
            &["chain", "first", "another"][..],
            "stage-1",
            "asked something else when it was recorded: `prompt` differs",
        ),
        (
            &["chain", "first", "second", "--model", "opus"],
            "stage-0",
            "`model` differs",
        ),
        (
            &["chain", "first", "second", "third"],
            "stage-2",
            "no agent of this name in the recording",
        ),
    ] {
        let outcome = stage.replay(args).code(5);
        let report = outcome.value();
        let error = report["error"].as_str().unwrap();
        assert!(
            error.contains(&format!("{agent} cannot be replayed")) && error.contains(problem),
            "{error}"
        );
        assert!(error.contains("--record"), "what to do: {error}");
        let failed = report["intermediates"].as_array().unwrap().last().unwrap();
        assert_eq!(failed["exit"]["kind"], "refused", "{report}");
    }
    // What comes before the change is told as it was, and what comes after it is told something else.
    let outcome = stage.replay(&["retry", "first", "--attempts", "3"]).code(5);
    assert_eq!(
        outcome.stdout.matches("cannot be replayed").count(),
        2,
        "{outcome:?}"
    );
    assert_eq!(stage.starts(), 2);
}

#[test]
fn a_folder_with_something_else_in_it_is_no_place_for_a_recording() {
    let stage = Stage::new();
    let refused = |outcome: Outcome, problem: &str| {
        let outcome = outcome.code(2);
        let error = outcome.value();
        assert_eq!(error["error"], "recording_unusable", "{outcome:?}");
        assert!(outcome.stdout.contains(problem), "{outcome:?}");
        assert_eq!(stage.0.swarm(&["runs", "list", "--json"]).ok().stdout, "");
    };
    stage.0.write("tape/notes.txt", "mine");
    refused(stage.record(&["run", "x"]), "something else in it");
    refused(stage.replay(&["run", "x"]), "it has no recording.json");
    assert_eq!(files(&stage.tape()).len(), 2, "nothing was added");

    fs::remove_dir_all(stage.tape()).unwrap();
    fs::create_dir(stage.tape()).unwrap();
    fs::set_permissions(stage.tape(), fs::Permissions::from_mode(0o777)).unwrap();
    refused(stage.record(&["run", "x"]), "others may write to it");

    fs::remove_dir_all(stage.tape()).unwrap();
    fs::create_dir_all(stage.0.swarm_home()).unwrap();
    symlink(stage.0.swarm_home(), stage.tape()).unwrap();
    refused(stage.record(&["run", "x"]), "keeps its own files in");
    assert_eq!(stage.starts(), 0);
}

#[test]
fn a_folder_takes_one_recording_unless_that_is_empty() {
    let stage = Stage::new();
    // Refused before it began: no account.
    let mut command = stage.command(&["run", "x", "--record", "tape"]);
    assert_eq!(run(&mut command).code(2).value()["error"], "no_credentials");
    drop(stage.record(&["run", "x"]).ok());
    let outcome = stage.record(&["run", "x"]).code(2);
    assert!(
        outcome.stdout.contains("the recording of run"),
        "{outcome:?}"
    );
    assert_eq!(stage.starts(), 1);
}

#[test]
fn what_a_hostile_recording_holds_is_refused_and_no_link_is_followed() {
    let stage = Stage::new();
    drop(stage.record(&["run", "x"]).ok());
    let agent = stage.tape().join("agents/agent-0");
    let exit = fs::read_to_string(agent.join("exit.json")).unwrap();
    let stdout = fs::read(agent.join("stdout")).unwrap();
    let secret = stage.0.write("secret", "canary");

    let refused = |problem: &str| {
        let outcome = stage.replay(&["run", "x"]).code(5);
        assert!(
            outcome.stdout.contains(problem) && !outcome.stdout.contains("canary"),
            "{problem}: {outcome:?}"
        );
    };
    fs::remove_file(agent.join("stdout")).unwrap();
    symlink(&secret, agent.join("stdout")).unwrap();
    refused("symbolic link, which is never followed");
    fs::remove_file(agent.join("stdout")).unwrap();
    refused("it is missing");
    fifo(&agent.join("stdout"));
    refused("not a plain file");
    fs::remove_file(agent.join("stdout")).unwrap();

    let mut changed = stdout.clone();
    changed[20] ^= 1;
    fs::write(agent.join("stdout"), &changed).unwrap();
    refused("was changed since it was recorded");
    fs::write(agent.join("stdout"), &stdout[1..]).unwrap();
    refused("were recorded");
    fs::write(agent.join("stdout"), &stdout).unwrap();

    for (written, problem) in [
        (
            exit.replace("\"version\": 1", "\"version\": 2"),
            "version 2",
        ),
        (exit.replace("agent-0", "agent-1"), "about another agent"),
        ("{}".to_owned(), "it is damaged"),
        (
            format!("{exit}{}", " ".repeat(2 << 20)),
            "more than 1048576 bytes",
        ),
    ] {
        fs::write(agent.join("exit.json"), written).unwrap();
        refused(problem);
    }
    fs::write(agent.join("exit.json"), &exit).unwrap();
    drop(stage.replay(&["run", "x"]).ok());
    fs::rename(&agent, stage.0.work().join("elsewhere")).unwrap();
    symlink(stage.0.work().join("elsewhere"), &agent).unwrap();
    let outcome = stage.replay(&["run", "x"]).code(2);
    assert!(outcome.stdout.contains("no links"), "{outcome:?}");
}

// `--runtime` was refused with every replay, so that a command could not be repeated with `--replay` instead of `--record`.
#[test]
fn a_replay_takes_the_runtime_that_was_recorded_and_refuses_another_one() {
    let stage = Stage::new();
    drop(stage.record(&["run", "x", "--runtime", "process"]).ok());
    for runtime in ["process", "auto"] {
        drop(stage.replay(&["run", "x", "--runtime", runtime]).ok());
    }
    let refused = stage.replay(&["run", "x", "--runtime", "docker"]).code(2);
    drop(refused.says(&[
        "runs nothing",
        "`--runtime docker`",
        "ran in `process`",
        "leave --runtime out",
    ]));
    assert_eq!(stage.starts(), 1);
}

#[test]
fn a_recording_that_is_larger_than_what_may_be_printed_is_cut_there() {
    let stage = Stage::new();
    let args = ["run", "x", "--agent", "command", "--json"];
    let program = ["--", "head", "-c", "3000000", "/dev/zero"];
    let record = [&args[..], &["--record", "tape"], &program].concat();
    assert_eq!(stage.0.swarm(&record).ok().value()["size"], 3_000_000);
    let replay = [&args[..], &["--replay", "tape"], &program].concat();
    assert_eq!(stage.0.swarm(&replay).ok().value()["size"], 3_000_000);
    let mut command = stage.0.command(&replay);
    let cut = run(command.env("SWARM_MAX_OUTPUT", "1m")).code(1).value();
    assert_eq!(cut["exit"]["kind"], "output_limit", "{cut}");
    assert_eq!(cut["size"], 1 << 20);
}

#[test]
fn a_race_is_won_again_by_the_same_agent_and_its_losers_are_stopped() {
    let stage = Stage::new();
    let args = ["race", "Slow one", "quick one", "Slow two"];
    let recorded = stage.record(&args).ok().value();
    let told = stage.told(&recorded);
    assert_eq!(told["winner"]["agent_id"], "agent-1", "{told}");
    let replayed = stage.replay(&args).ok().value();
    assert_eq!(stage.told(&replayed), told);
}

/// A chain of three whose process was killed while the second one ran.
struct Killed {
    args: Vec<String>,
    run: String,
    gate: PathBuf,
}

impl Killed {
    fn recorded_in_tape(stage: &Stage) -> Self {
        let (gate, work) = (stage.0.work().join("gate"), stage.0.work());
        fifo(&gate);
        let stage_of = |name: &str, then: &str| {
            let script = format!("echo {name} >> {}/starts; {then}", work.display());
            json!({"prompt": name, "agent": {"command": ["sh", "-c", script]}})
        };
        let wait = format!("echo partial; cat {}; echo two", gate.display());
        let stages = json!([
            stage_of("one", "echo 1"),
            stage_of("two", &wait),
            stage_of("three", "cat")
        ]);
        let args = ["chain", "--stages", &stages.to_string(), "--json"].map(str::to_owned);
        let mut command = stage.0.command(&args.each_ref().map(String::as_str));
        let mut child = command.args(["--record", "tape"]).spawn().unwrap();
        let partial = stage.tape().join("agents/.stage-1.tmp/stdout");
        eventually("the second stage has printed", || {
            fs::read(&partial).is_ok_and(|printed| printed == b"partial\n")
        });
        signal(&child, Signal::KILL);
        child.wait().unwrap();
        let list = stage.0.swarm(&["runs", "list", "--json"]).ok().stdout;
        let listed: Value = serde_json::from_str(list.trim()).unwrap();
        assert_eq!(listed["state"], "interrupted");
        Self {
            args: args.to_vec(),
            run: listed["run_id"].as_str().unwrap().to_owned(),
            gate,
        }
    }

    /// The second stage waits no more.
    fn open_the_gate(&self) {
        fs::remove_file(&self.gate).unwrap();
        fs::write(&self.gate, "").unwrap();
    }

    fn resume(&self, stage: &Stage, more: &[&str]) -> Outcome {
        let args = ["runs", "resume", &self.run, "--json"];
        stage.0.swarm(&[&args[..], more].concat())
    }

    fn replay(&self, stage: &Stage, tape: &str) -> Outcome {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        stage.0.swarm(&[&args[..], &["--replay", tape]].concat())
    }

    /// The recording in `tape` tells what came of the run, and starts nothing.
    fn is_told_by(&self, stage: &Stage, tape: &str, resumed: &Value) {
        let starts = stage.starts();
        let text = |report: &Value| {
            let last = report["final"]["ref"].as_str().unwrap();
            stage.0.swarm(&["unwrap", "-p", last]).ok().stdout
        };
        let replayed = self.replay(stage, tape).ok().value();
        assert_eq!(text(&replayed), text(resumed));
        assert_eq!(stage.starts(), starts);
    }
}

#[test]
fn a_run_whose_process_was_killed_is_recorded_on_when_it_is_resumed() {
    let stage = Stage::new();
    let killed = Killed::recorded_in_tape(&stage);
    // What has not ended is not recorded.
    let outcome = killed.replay(&stage, "tape").code(5);
    assert!(
        outcome.stdout.contains("stage-1 cannot be replayed"),
        "{outcome:?}"
    );

    killed.open_the_gate();
    fs::create_dir(stage.0.work().join("elsewhere")).unwrap();
    let outcome = killed.resume(&stage, &["--record", "elsewhere"]).code(2);
    assert!(
        outcome.stdout.contains("in which its recording began"),
        "{outcome:?}"
    );
    let outcome = killed.resume(&stage, &["--replay", "tape"]).code(2);
    assert!(outcome.stdout.contains("leave --replay out"), "{outcome:?}");
    let resumed = killed.resume(&stage, &["--record", "tape"]).ok().value();
    let names: Vec<_> = fs::read_dir(stage.tape().join("agents")).unwrap().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    killed.is_told_by(&stage, "tape", &resumed);
}

// Without `--record` it went on unrecorded: the recording had a hole, and could never be told again.
#[test]
fn a_run_that_is_recorded_is_recorded_on_also_if_nobody_says_so() {
    let stage = Stage::new();
    let killed = Killed::recorded_in_tape(&stage);
    killed.open_the_gate();
    // Nor does it go to the daemon, which would record nothing.
    let mut command = stage.0.command(&["runs", "resume", &killed.run, "--json"]);
    let resumed = run(command.env_remove("SWARM_LOCAL")).ok().value();
    killed.is_told_by(&stage, "tape", &resumed);
    assert!(!stage.0.swarm_home().join("daemon").exists());
}

#[test]
fn a_recording_that_was_moved_is_found_where_it_is_said_to_be_and_from_then_on() {
    let stage = Stage::new();
    let killed = Killed::recorded_in_tape(&stage);
    killed.open_the_gate();
    fs::rename(stage.tape(), stage.0.work().join("moved")).unwrap();
    let resumed = killed.resume(&stage, &["--record", "moved"]).ok().value();
    killed.is_told_by(&stage, "moved", &resumed);
}

#[test]
fn a_run_whose_recording_is_gone_goes_on_and_says_so_and_one_that_is_spoilt_is_refused() {
    let stage = Stage::new();
    let killed = Killed::recorded_in_tape(&stage);
    killed.open_the_gate();
    // The recording of another run is no place for this one.
    let mine = stage.0.work().join("mine");
    fs::rename(stage.tape(), &mine).unwrap();
    drop(stage.record(&["run", "x"]).ok());
    let starts = stage.starts();
    let outcome = killed.resume(&stage, &[]).code(2);
    assert_eq!(outcome.value()["error"], "recording_unusable");
    for told in [
        "goes on being recorded in",
        "moved away",
        "recording of run",
    ] {
        assert!(outcome.stdout.contains(told), "{outcome:?}");
    }
    assert_eq!(stage.starts(), starts);
    fs::remove_dir_all(stage.tape()).unwrap();
    let outcome = killed.resume(&stage, &[]).ok();
    assert!(
        outcome.stderr.contains("it goes on without being recorded"),
        "{outcome:?}"
    );
    assert!(!stage.tape().exists());
}

#[test]
fn a_replay_that_was_interrupted_goes_on_from_its_recording_only() {
    let stage = Stage::new();
    let args = ["race", "Slow one", "quick one"];
    drop(stage.record(&args).ok());
    // The one that would win is gone, so that nobody stops the other.
    fs::remove_dir_all(stage.tape().join("agents/agent-1")).unwrap();
    let mut command = stage.command(&[&args[..], &["--replay", "tape"]].concat());
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    eventually("the loser is told", || {
        let list = stage
            .0
            .swarm(&["runs", "list", "--json", "--limit", "1"])
            .stdout;
        list.contains(r#""runtime":"replay""#) && list.contains(r#""failed":1"#)
    });
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let list = stage
        .0
        .swarm(&["runs", "list", "--json", "--limit", "1"])
        .ok()
        .stdout;
    let listed: Value = serde_json::from_str(list.trim()).unwrap();
    let run = listed["run_id"].as_str().unwrap();
    let outcome = stage.0.swarm(&["runs", "resume", run]).code(2);
    assert!(outcome.stderr.contains("--replay FOLDER"), "{outcome:?}");
    let outcome = stage
        .0
        .swarm(&["runs", "resume", run, "--replay", "tape", "--json"])
        .code(5);
    assert!(
        outcome.stdout.contains("nobody stops it now"),
        "{outcome:?}"
    );
    assert_eq!(stage.starts(), 2);
}
