//! The daemon as its users meet it: it is there when it is needed, once, and keeps what it was told.

use std::{fs, ops::Deref, process::Child};

use rustix::process::{Pid, Signal, getsid, kill_process};
use serde_json::Value;

use crate::common::{Outcome, TestEnvironment, eventually, run, signal};

/// A user whose daemon ends with the test.
pub(crate) struct Home(TestEnvironment);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TestEnvironment::new())
    }

    pub(crate) fn peer(&self, name: &str) {
        self.does(&["join", "--name", name]);
    }

    /// Does something that must work.
    pub(crate) fn does(&self, args: &[&str]) {
        drop(self.swarm(args).ok());
    }

    /// Tries something that must not work, and is told so with these words.
    pub(crate) fn refuses(&self, args: &[&str], code: i32, words: &[&str]) {
        drop(self.swarm(args).code(code).says(words));
    }

    /// What a command says to a program, one object per line.
    pub(crate) fn lines(&self, args: &[&str]) -> Vec<Value> {
        let outcome = self.swarm(&[args, &["--json"]].concat()).ok();
        let lines = outcome.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn pid(&self) -> Pid {
        let status = self.json(&["status"]);
        Pid::from_raw(i32::try_from(status["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }
}

impl Deref for Home {
    type Target = TestEnvironment;

    fn deref(&self) -> &TestEnvironment {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let stopped = self.swarm(&["stop"]);
        if !std::thread::panicking() {
            drop(stopped.ok());
        }
    }
}

#[test]
fn whatever_needs_the_daemon_starts_it_and_ten_at_once_start_one() {
    let home = Home::new();
    home.refuses(&["status"], 1, &[]);
    let starting: Vec<Child> = (0..10).map(|_| home.start(&["peers", "--json"])).collect();
    for child in starting {
        drop(Outcome::of(&child.wait_with_output().unwrap()).ok());
    }
    let log = fs::read_to_string(home.swarm_home().join("daemon/log")).unwrap();
    assert_eq!(log.matches("the daemon is ready").count(), 1, "{log}");
    assert_eq!(home.json(&["status"])["running"], true);
}

#[test]
fn the_daemon_has_a_session_of_its_own_and_no_secret_of_who_started_it() {
    let home = Home::new();
    let mut command = home.command(&["peers"]);
    command
        .env("ANTHROPIC_API_KEY", "canary")
        .env("SWARM_OF_MINE", "canary")
        .env("SWARM_PEER", "");
    drop(run(&mut command).ok());
    let pid = home.pid();
    assert_eq!(getsid(Some(pid)).unwrap(), pid);
    let of = |file: &str| format!("/proc/{}/{file}", pid.as_raw_nonzero());
    let environment = fs::read_to_string(of("environ")).unwrap();
    assert!(!environment.contains("canary"), "{environment}");
    assert!(environment.contains("HOME="), "{environment}");
    let folder = fs::read_link(of("cwd")).unwrap();
    assert_eq!(folder.to_str(), Some("/"));
}

#[test]
fn what_was_told_survives_an_end_and_a_kill_of_the_daemon() {
    let home = Home::new();
    home.peer("alice");
    home.peer("bob");
    home.does(&["send", "bob", "one", "--as", "alice"]);
    home.does(&["restart"]);
    home.does(&["send", "bob", "two", "--as", "alice"]);
    kill_process(home.pid(), Signal::KILL).unwrap();
    home.does(&["send", "bob", "three", "--as", "alice"]);
    let inbox = home.lines(&["inbox", "--as", "bob"]);
    let texts: Vec<_> = inbox.iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert!(home.lines(&["inbox", "--as", "bob"]).is_empty());
}

#[test]
fn a_second_daemon_for_the_same_home_is_refused_and_another_home_has_another() {
    let home = Home::new();
    home.does(&["peers"]);
    home.refuses(
        &["serve"],
        1,
        &["runs already", "swarm status", "daemon_running"],
    );
    let other = Home::new();
    other.does(&["peers"]);
    assert_ne!(
        home.json(&["status"])["url"],
        other.json(&["status"])["url"]
    );
}

#[test]
fn a_daemon_in_the_foreground_says_where_it_listens_and_ends_on_a_signal() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--port", "0"]);
    let serving = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("it is ready", || home.swarm(&["status"]).code == 0);
    signal(&serving, Signal::TERM);
    let outcome = Outcome::of(&serving.wait_with_output().unwrap()).ok();
    assert!(
        outcome.stdout.contains("listens at http://127.0.0.1:"),
        "{outcome:?}"
    );
    home.refuses(&["status"], 1, &[]);
    assert!(!home.swarm_home().join("daemon/address.json").exists());
}

#[test]
fn a_daemon_that_cannot_start_says_why() {
    let home = Home::new();
    fs::create_dir_all(home.swarm_home().join("swarm.db")).unwrap();
    home.refuses(&["peers"], 1, &["could not be started", "swarm.db"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fs::remove_dir(home.swarm_home().join("swarm.db")).unwrap();
    home.refuses(&["serve", "--port", &port], 1, &["cannot listen at", &port]);
    let others = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(home.swarm_home(), others).unwrap();
    home.refuses(&["serve"], 5, &["others may write to it", "chmod go-w"]);
    home.refuses(&["peers"], 5, &["others may write to it"]);
    let mine = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(home.swarm_home(), mine).unwrap();
}
