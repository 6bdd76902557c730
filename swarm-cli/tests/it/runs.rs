//! Runs outlive the processes that drive them.

use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::{Outcome, TestEnvironment, eventually, fifo, is_running, signal};

/// A chain of three that writes down each start, and whose second stage waits at a gate.
struct Gated {
    env: TestEnvironment,
    stages: String,
}

impl Gated {
    fn new() -> Self {
        let env = TestEnvironment::new();
        fifo(&env.work().join("gate"));
        let stage = |name: &str, then: &str| {
            let script = format!("echo {name} >> {}/starts; {then}", env.work().display());
            json!({"prompt": name, "agent": {"command": ["sh", "-c", script]}})
        };
        let wait = format!("cat {}/gate; echo two", env.work().display());
        let stages = json!([
            stage("one", "echo 1"),
            stage("two", &wait),
            stage("three", "cat")
        ]);
        Self {
            stages: stages.to_string(),
            env,
        }
    }

    fn starts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.env.work().join("starts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Starts the chain and waits until it is at the gate.
    fn at_the_gate(&self) -> (Child, String) {
        self.started(self.env.start(&["chain", "--stages", &self.stages]))
    }

    /// The same, with what `env` of the coreutils does to signals.
    fn at_the_gate_with(&self, signals: &str) -> (Child, String) {
        let swarm = self.env.command(&["chain", "--stages", &self.stages]);
        let mut command = self.env.program("env");
        command
            .arg(signals)
            .args([
                "SWARM_RUNTIME=process",
                "SWARM_LOCAL=true",
                env!("CARGO_BIN_EXE_swarm"),
            ])
            .args(swarm.get_args())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.started(command.spawn().unwrap())
    }

    fn started(&self, child: Child) -> (Child, String) {
        eventually("the second stage runs", || self.starts() == ["one", "two"]);
        (child, self.run())
    }

    fn run(&self) -> String {
        self.listed()["run_id"].as_str().unwrap().to_owned()
    }

    fn listed(&self) -> Value {
        let list = self.env.swarm(&["runs", "list", "--json"]).ok().stdout;
        serde_json::from_str(list.lines().next().unwrap()).unwrap()
    }

    fn state(&self) -> String {
        self.listed()["state"].as_str().unwrap().to_owned()
    }

    /// Lets everybody through the gate, now and later.
    fn open_the_gate(&self) {
        let gate = self.env.work().join("gate");
        std::fs::remove_file(&gate).unwrap();
        std::fs::write(&gate, "").unwrap();
    }

    fn gate(&self) -> String {
        self.env.work().join("gate").display().to_string()
    }

    /// Resumes, and checks that the end is that of an undisturbed run.
    fn resumes(&self, run: &str) {
        self.open_the_gate();
        let report = self
            .env
            .swarm(&["runs", "resume", run, "--json"])
            .ok()
            .value();
        assert_eq!(report["completed_stages"], 3);
        let last = report["final"]["ref"].as_str().unwrap();
        let text = self.env.swarm(&["unwrap", "-p", last]).ok().stdout;
        assert_eq!(text, "three\n\n# Context from previous stage:\ntwo\n");
        assert_eq!(
            self.starts(),
            ["one", "two", "two", "three"],
            "the first stage ran once"
        );
        assert_eq!(self.state(), "succeeded");
    }
}

#[test]
fn a_run_whose_process_was_killed_is_resumed_without_running_a_finished_agent_again() {
    let gated = Gated::new();
    let (mut child, run) = gated.at_the_gate();
    assert_eq!(gated.state(), "running");
    let shown = gated.env.swarm(&["runs", "show", &run]).ok().stdout;
    let agent = shown.lines().find(|line| line.starts_with("(stage-1)"));
    let agent = agent.unwrap_or_else(|| panic!("{shown}"));
    assert!(
        agent.contains(" running ") && !agent.contains("not ended"),
        "{agent}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(gated.state(), "interrupted");
    gated.resumes(&run);
}

/// Stops the agents, keeps what is done, and says how to go on.
fn interrupts(by: Signal, name: &str) {
    let gated = Gated::new();
    let (child, run) = gated.at_the_gate_with(&format!("--default-signal={name}"));
    signal(&child, by);
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).code(130);
    assert!(
        outcome.stdout.contains(&format!("swarm runs resume {run}")),
        "{outcome:#?}"
    );
    assert!(outcome.stdout.contains("1 succeeded"), "{outcome:#?}");
    assert!(!is_running(&gated.gate()), "the agent is still running");
    assert_eq!(gated.state(), "interrupted");
    gated.resumes(&run);
}

#[test]
fn ctrl_c_interrupts_a_run() {
    interrupts(Signal::INT, "INT");
}

#[test]
fn a_polite_kill_interrupts_a_run() {
    interrupts(Signal::TERM, "TERM");
}

#[test]
fn the_end_of_the_terminal_interrupts_a_run() {
    interrupts(Signal::HUP, "HUP");
}

#[test]
fn ctrl_backslash_interrupts_a_run() {
    interrupts(Signal::QUIT, "QUIT");
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let gated = Gated::new();
    let (child, _) = gated.at_the_gate_with("--ignore-signal=HUP");
    signal(&child, Signal::HUP);
    // The agent reads from the gate until whoever has it open closes it.
    drop(
        std::fs::OpenOptions::new()
            .write(true)
            .open(gated.gate())
            .unwrap(),
    );
    drop(Outcome::of(&child.wait_with_output().unwrap()).ok());
    assert_eq!(gated.state(), "succeeded");
}

/// What a run that can be resumed needs is not taken away from it.
#[test]
fn gc_and_encrypt_leave_alone_what_an_interrupted_run_needs() {
    let gated = Gated::new();
    let (mut child, run) = gated.at_the_gate();
    child.kill().unwrap();
    child.wait().unwrap();
    let collected = gated.env.json(&["gc", "--older-than", "0.001"]);
    assert_eq!(
        (&collected["records"], &collected["open"]),
        (&json!(0), &json!([run]))
    );
    let first = format!("{run}/stage-0");
    drop(gated.env.swarm(&["encrypt", &first]).code(1).says(&[
        "not over",
        "runs resume",
        "[ref_busy]",
    ]));
    gated.resumes(&run);
    drop(gated.env.swarm(&["encrypt", &first]).ok());
    let collected = gated.env.json(&["gc", "--older-than", "0.001"]);
    assert_eq!(collected["histories"], 1);
    assert_eq!(gated.env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
}

#[test]
fn a_run_that_was_interrupted_goes_on_when_its_budget_is_raised() {
    let env = TestEnvironment::new();
    let gate = env.work().join("gate");
    fifo(&gate);
    let script = format!("read x; [ $x = a ] || cat {}; echo $x", gate.display());
    let args = ["par", "a", "b", "--max-budget", "1", "--budget", "2"];
    let child = env.start(&[&args[..], &["--", "sh", "-c", &script]].concat());
    let listed = || {
        let list = env.swarm(&["runs", "list", "--json"]).ok().stdout;
        serde_json::from_str::<Value>(list.lines().next().unwrap_or("null")).unwrap()
    };
    eventually("the first has ended", || {
        listed()["succeeded"] == 1 && listed()["running"] == 1
    });
    signal(&child, Signal::INT);
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).code(130);
    let said = "$1.0000 spent and up to $1.0000 by those under way";
    assert!(outcome.stdout.contains(said), "{outcome:#?}");
    assert!(
        outcome.stdout.contains("--budget 3` goes on"),
        "{outcome:#?}"
    );

    std::fs::remove_file(&gate).unwrap();
    std::fs::write(&gate, "").unwrap();
    let run = listed()["run_id"].as_str().unwrap().to_owned();
    drop(
        env.swarm(&["runs", "resume", &run])
            .code(4)
            .says(&["$2.0000 were spent", "--budget"]),
    );
    drop(
        env.swarm(&["runs", "resume", &run, "--budget", "1"])
            .code(4)
            .says(&["a budget of $1.0000"]),
    );
    // Enough for what is spent, and not for what has to be started again.
    let more = env.swarm(&["runs", "resume", &run, "--budget", "2.5"]);
    drop(more.code(4).says(&["--budget 3"]));
    assert_eq!(listed()["state"], "interrupted", "it can still be resumed");
    assert_eq!(
        listed()["budget_usd"],
        2.0,
        "what was refused changes nothing"
    );
    let report = env.json(&["runs", "resume", &run, "--budget", "3"]);
    assert_eq!(report["results"].as_array().unwrap().len(), 2);
    assert_eq!(listed()["state"], "succeeded");
    assert_eq!(listed()["spent_usd"], 3.0);
}

#[test]
fn a_run_is_killed_from_another_process_and_stays_dead() {
    let gated = Gated::new();
    let (child, run) = gated.at_the_gate();
    let killed = gated.env.json(&["runs", "kill", &run]);
    assert_eq!(killed["state"], "cancelled");
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).code(130);
    assert!(outcome.stdout.contains("cancelled"), "{outcome:#?}");
    assert!(!is_running(&gated.gate()), "the agent is still running");
    drop(
        gated
            .env
            .swarm(&["runs", "resume", &run])
            .code(1)
            .says(&["[run_ended]"]),
    );
    drop(
        gated
            .env
            .swarm(&["runs", "kill", &run])
            .code(1)
            .says(&["[run_ended]"]),
    );
}

#[test]
fn a_run_whose_process_is_dead_can_be_killed() {
    let gated = Gated::new();
    let (mut child, run) = gated.at_the_gate();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        gated.env.json(&["runs", "kill", &run])["state"],
        "cancelled"
    );
    eventually("the agent is gone", || !is_running(&gated.gate()));
    drop(
        gated
            .env
            .swarm(&["runs", "resume", &run])
            .code(1)
            .says(&["[run_ended]"]),
    );
}

#[test]
fn a_live_run_is_not_driven_twice() {
    let gated = Gated::new();
    let (mut child, run) = gated.at_the_gate();
    drop(
        gated
            .env
            .swarm(&["runs", "resume", &run])
            .code(1)
            .says(&["[run_is_live]"]),
    );
    gated.open_the_gate();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_that_is_not_there_is_named() {
    let env = TestEnvironment::new();
    for command in ["show", "kill", "resume"] {
        let outcome = env.swarm(&["runs", command, "0123456789ab"]).code(1);
        drop(outcome.says(&["no run 0123456789ab", "runs list", "[run_not_found]"]));
    }
}

#[test]
fn leftovers_of_a_dead_process_are_removed_at_the_next_start() {
    let gated = Gated::new();
    let (mut child, _) = gated.at_the_gate();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(gated.env.swarm(&["run", "x", "--", "true"]).ok());
    eventually("the agent is gone", || !is_running(&gated.gate()));
}

#[test]
fn a_run_is_shown_with_all_its_agents() {
    let env = TestEnvironment::new();
    let report = env
        .swarm(&["par", "a", "b", "--json", "--", "cat"])
        .ok()
        .value();
    let run = report["run_id"].as_str().unwrap();
    let shown = env.json(&["runs", "show", run]);
    assert_eq!(shown["state"], "succeeded");
    assert_eq!(shown["agents_seen"].as_array().unwrap().len(), 2);
    assert_eq!(shown["report"]["results"], report["results"]);
    drop(env.swarm(&["runs", "show", run]).ok());
}

#[test]
fn the_costs_of_agents_add_up_to_the_total() {
    let env = TestEnvironment::new();
    // What a command costs nobody can say; with a budget, that is what was set aside.
    let par = [
        "par",
        "a",
        "b",
        "--max-budget",
        "0.000002",
        "--json",
        "--",
        "cat",
    ];
    let run = env.swarm(&par).ok().value()["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = env.json(&["runs", "show", &run]);
    assert_eq!(shown["spent_usd"], 0.000_004);
    let seen = shown["agents_seen"].as_array().unwrap();
    for agent in seen {
        assert_eq!(
            (&agent["cost_usd"], &agent["counted_usd"]),
            (&Value::Null, &json!(0.000_002))
        );
    }
    let table = env.swarm(&["runs", "show", &run]).ok().stdout;
    assert!(table.contains("spent    $0.000004\n"), "{table}");
    assert_eq!(table.matches("up to $0.000002").count(), 2, "{table}");
    assert!(!table.contains('?'), "{table}");
    let free = env.json(&["run", "x", "--", "cat"]);
    let run = free["ref"]
        .as_str()
        .unwrap()
        .split_once('/')
        .unwrap()
        .0
        .to_owned();
    let table = env.swarm(&["runs", "show", &run]).ok().stdout;
    assert_eq!(table.matches("$0.0000").count(), 2, "{table}");
    assert!(!table.contains("up to"), "{table}");
}
