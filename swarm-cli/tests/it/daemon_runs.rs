//! Runs that the daemon drives: they outlive whoever asked for them, and the daemon.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    common::{Outcome, eventually, fifo, listens_to, run, signal},
    daemon::Home,
};

/// A home whose commands leave runs to the daemon.
struct Place(Home);

impl Place {
    fn new() -> Self {
        let place = Self(Home::new());
        fifo(&place.0.work().join("gate"));
        place
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.0.command(args);
        command.env_remove("SWARM_LOCAL");
        command
    }

    fn swarm(&self, args: &[&str]) -> Outcome {
        run(&mut self.command(args))
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The work of an agent that writes down when it starts, waits at the gate, and writes down when it ends.
    fn gated(&self) -> String {
        let work = self.0.work();
        let work = work.display();
        format!("echo start >> {work}/log; cat {work}/gate; echo end >> {work}/log; echo done")
    }

    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.work().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn has_started(&self, times: usize) {
        eventually("an agent works", || self.log().len() == times);
    }

    /// Lets one agent that waits go on.
    fn open_gate(&self) {
        fs::write(self.0.work().join("gate"), "").unwrap();
    }

    /// Begins a run with one agent at the gate, and leaves it.
    fn left(&self) -> String {
        let left = ["run", "x", "--detach", "--json", "--", "sh", "-c"];
        let left = self.swarm(&[&left[..], &[&self.gated()]].concat()).ok();
        self.has_started(1);
        left.value()["run_id"].as_str().unwrap().to_owned()
    }

    fn state(&self, id: &str) -> Value {
        self.0.json(&["runs", "show", id])["state"].clone()
    }

    fn kept(&self) -> usize {
        let kept = fs::read_dir(self.0.swarm_home().join("daemon/runs")).unwrap();
        kept.count()
    }
}

fn text(outcome: &Outcome) -> &str {
    outcome.stdout.trim()
}

#[test]
fn a_run_outlives_the_client_that_asked_for_it() {
    let place = Place::new();
    let mut client = place.start(&["run", "x", "--text", "--", "sh", "-c", &place.gated()]);
    place.has_started(1);
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(place.0.json(&["status"])["runs"], 1);
    let runs = place.0.lines(&["runs", "list"]);
    let id = runs[0]["run_id"].as_str().unwrap();
    assert_eq!(runs[0]["state"], "running");
    let watching = place.start(&["runs", "watch", id, "--text"]);
    place.open_gate();
    let watched = Outcome::of(&watching.wait_with_output().unwrap()).ok();
    assert_eq!(text(&watched), "done");
    assert_eq!(place.log(), ["start", "end"]);
    // Of what is over, the end is told at once.
    assert_eq!(
        text(&place.swarm(&["runs", "watch", id, "--text"]).ok()),
        "done"
    );
    assert_eq!(place.0.json(&["status"])["runs"], 0);
    assert_eq!(place.kept(), 0);
}

#[test]
fn a_terminal_that_is_closed_leaves_the_run_and_ctrl_c_stops_it() {
    let place = Place::new();
    let client = place.start(&["run", "x", "--", "sh", "-c", &place.gated()]);
    place.has_started(1);
    listens_to(&client, Signal::HUP);
    signal(&client, Signal::HUP);
    let left = Outcome::of(&client.wait_with_output().unwrap()).code(130);
    assert!(
        left.stderr.contains("goes on; `swarm runs watch"),
        "{left:?}"
    );
    let runs = place.0.lines(&["runs", "list"]);
    let id = runs[0]["run_id"].as_str().unwrap();
    assert_eq!(place.state(id), "running");
    let watching = place.start(&["runs", "watch", id]);
    listens_to(&watching, Signal::INT);
    signal(&watching, Signal::INT);
    let stopped = Outcome::of(&watching.wait_with_output().unwrap()).code(130);
    assert!(stopped.stdout.contains("swarm runs resume"), "{stopped:?}");
    assert_eq!(place.state(id), "interrupted");
    assert_eq!(place.kept(), 0);
    let resumed = place.start(&["runs", "resume", id, "--text"]);
    place.has_started(2);
    place.open_gate();
    let resumed = Outcome::of(&resumed.wait_with_output().unwrap()).ok();
    assert_eq!(text(&resumed), "done");
}

#[test]
fn a_run_outlives_a_daemon_that_is_killed_and_what_had_finished_is_not_done_again() {
    let place = Place::new();
    let work = place.0.work();
    let first = format!("echo first >> {}/log; echo 1", work.display());
    let stages = json!([
        {"prompt": "x", "agent": {"command": ["sh", "-c", first]}},
        {"prompt": "y", "agent": {"command": ["sh", "-c", place.gated()]}},
    ]);
    let client = place.start(&["chain", "--stages", &stages.to_string(), "--text"]);
    place.has_started(2);
    kill_process(place.0.pid(), Signal::KILL).unwrap();
    // Whoever waits for the run starts the next daemon. A process has died with the one that started it; a container had not.
    place.has_started(3);
    place.open_gate();
    let ended = Outcome::of(&client.wait_with_output().unwrap()).ok();
    assert_eq!(text(&ended), "done");
    assert_eq!(place.log(), ["first", "start", "start", "end"]);
}

#[test]
fn a_run_that_is_under_way_when_the_daemon_is_ended_goes_on_with_the_next() {
    let place = Place::new();
    let id = place.left();
    place.0.does(&["stop"]);
    assert_eq!(place.state(&id), "interrupted");
    assert_eq!(place.kept(), 1);
    place.0.does(&["peers"]);
    place.has_started(2);
    place.open_gate();
    assert_eq!(
        text(&place.swarm(&["runs", "watch", &id, "--text"]).ok()),
        "done"
    );
    assert_eq!(place.kept(), 0);
}

#[test]
fn everybody_who_watches_goes_on_with_the_next_daemon() {
    let place = Place::new();
    let work = place.0.work();
    let work = work.display();
    let script = format!(
        "echo start >> {work}/log; while [ ! -e {work}/go ]; do sleep 0.05; done; echo done"
    );
    let run = ["run", "x", "--text", "--", "sh", "-c", &script];
    let clients = [0; 4].map(|_| place.start(&run));
    place.has_started(4);
    kill_process(place.0.pid(), Signal::KILL).unwrap();
    place.has_started(8);
    place.0.write("go", "");
    for client in clients {
        let ended = Outcome::of(&client.wait_with_output().unwrap()).ok();
        assert_eq!(text(&ended), "done");
    }
}

#[test]
fn who_watches_when_the_daemon_is_ended_is_told_that_the_run_goes_on() {
    let place = Place::new();
    let id = place.left();
    let watching = place.start(&["runs", "watch", &id]);
    listens_to(&watching, Signal::INT);
    place.0.does(&["stop"]);
    let told = Outcome::of(&watching.wait_with_output().unwrap());
    let words = "goes on with the next one";
    assert!(told.code == 130 && told.stderr.contains(words), "{told:?}");
    // Whoever watches starts that, and does not take what is not taken up yet for stopped.
    let watching = place.start(&["runs", "watch", &id, "--text"]);
    place.has_started(2);
    place.open_gate();
    let ended = Outcome::of(&watching.wait_with_output().unwrap()).ok();
    assert_eq!(text(&ended), "done");
}

#[test]
fn who_resumes_a_run_within_other_limits_comes_before_the_daemon_that_this_starts() {
    let place = Place::new();
    let left = [
        "run", "x", "--detach", "--json", "--budget", "2", "--", "sh", "-c",
    ];
    let left = place.swarm(&[&left[..], &[&place.gated()]].concat()).ok();
    let id = left.value()["run_id"].as_str().unwrap().to_owned();
    place.has_started(1);
    place.0.does(&["stop"]);
    let resumed = place.start(&["runs", "resume", &id, "--budget", "5", "--text"]);
    place.has_started(2);
    place.open_gate();
    drop(Outcome::of(&resumed.wait_with_output().unwrap()).ok());
    assert_eq!(place.0.json(&["runs", "show", &id])["budget_usd"], 5.0);
}

#[test]
fn a_run_is_killed_whoever_drives_it_and_does_not_come_back() {
    let place = Place::new();
    let id = place.left();
    assert_eq!(place.0.json(&["runs", "kill", &id])["state"], "cancelled");
    assert_eq!((place.kept(), place.log()), (0, vec!["start".to_owned()]));
    place.0.does(&["restart"]);
    assert_eq!(place.state(&id), "cancelled");
    place.0.refuses(&["runs", "kill", &id], 1, &["has ended"]);
}

#[test]
fn pools_are_shared_by_all_who_ask_the_daemon() {
    let place = Place::new();
    place.0.write(
        "../home/.config/swarm/config.toml",
        "max_concurrent = 3\n[resources]\ngpu = 1\n",
    );
    place.0.does(&["peers"]);
    let gated = place.gated();
    let task =
        json!([{"prompt": "x", "agent": {"command": ["sh", "-c", gated]}, "resources": ["gpu"]}]);
    let task = task.to_string();
    // Each would have it for itself, if each had a pool of its own.
    let ask = || {
        let mut command = place.command(&["par", "--tasks", &task]);
        command
            .env("SWARM_RESOURCE_gpu", "9")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let clients = [ask(), ask(), ask()];
    eventually("all are driven", || {
        let status = place.0.swarm(&["status", "--json"]);
        status.code == 0 && status.value()["runs"] == 3
    });
    for n in 0..3 {
        eventually("one has the pool", || place.log().len() == 2 * n + 1);
        place.open_gate();
        eventually("it gives it back", || place.log().len() > 2 * n + 1);
    }
    for client in clients {
        drop(Outcome::of(&client.wait_with_output().unwrap()).ok());
    }
    assert_eq!(place.log(), ["start", "end"].repeat(3));
}

#[test]
fn an_agent_of_the_daemon_has_the_account_and_the_programs_of_who_asked_and_they_are_kept_nowhere()
{
    let place = Place::new();
    let answer = r#"#!/bin/sh
cat > /dev/null
result="${#ANTHROPIC_API_KEY} $NAMED"
echo "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"$result\",\"num_turns\":1}"
"#;
    let program = place.0.write("bin/claude", answer);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    place.0.does(&["peers"]);
    let path = format!("{}:/usr/bin:/bin", place.0.work().join("bin").display());
    let ask = ["run", "x", "--agent", "claude", "--env", "NAMED", "--text"];
    let mut command = place.command(&ask);
    command
        .env("PATH", path)
        .env("ANTHROPIC_API_KEY", "canary-key")
        .env("NAMED", "named");
    assert_eq!(text(&run(&mut command).ok()), "10 named");
    let found = Command::new("grep")
        .args(["-rl", "canary-key"])
        .arg(place.0.swarm_home())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    // Without the variable there is no account, wherever the daemon has been before.
    let refused = place.swarm(&ask[..4]).code(2);
    drop(refused.says(&["no account for agents of kind claude"]));
}

#[test]
fn what_is_refused_leaves_nothing_and_says_the_same_as_without_the_daemon() {
    let place = Place::new();
    for (args, code) in [
        (&["run", "x", "--", "no-such-program"][..], 1),
        (&["run", "x", "--", "sh", "-c", "exit 3"], 1),
        (&["run", "x", "--runtime", "docker", "--", "cat"], 1),
        (&["runs", "resume", "nowhere"], 2),
        (&["run", "x", "--agent", "claude", "--model", "gpt-5"], 2),
    ] {
        let outcome = place.swarm(&[args, &["--json"]].concat());
        let local = place.0.swarm(&[args, &["--json"]].concat());
        assert_eq!(outcome.code, local.code, "{args:?}: {outcome:?} {local:?}");
        assert!([1, code].contains(&outcome.code), "{args:?}: {outcome:?}");
        let errors = |outcome: &Outcome| outcome.stderr.replace(char::is_numeric, "");
        if outcome.stderr.contains("error") {
            let last = |outcome: &Outcome| errors(outcome).lines().last().map(str::to_owned);
            assert_eq!(last(&outcome), last(&local), "{args:?}");
        }
    }
    assert_eq!(place.kept(), 0);
    for run in place.0.lines(&["runs", "list"]) {
        assert_eq!(run["state"], "failed", "{run}");
    }
}

#[test]
fn a_run_that_an_own_process_drives_can_be_watched() {
    let place = Place::new();
    let driver = place
        .0
        .start(&["run", "x", "--", "sh", "-c", &place.gated()]);
    place.has_started(1);
    let runs = place.0.lines(&["runs", "list"]);
    let id = runs[0]["run_id"].as_str().unwrap();
    let watching = place.start(&["runs", "watch", id, "--text"]);
    listens_to(&watching, Signal::INT);
    // That is not for who watches to stop.
    signal(&watching, Signal::INT);
    place.open_gate();
    let watched = Outcome::of(&watching.wait_with_output().unwrap()).ok();
    assert_eq!(text(&watched), "done");
    assert!(
        watched.stderr.contains("another process drives the run"),
        "{watched:?}"
    );
    drop(Outcome::of(&driver.wait_with_output().unwrap()).ok());
    drop(place.swarm(&["runs", "watch", "nothing"]).code(1));
}
