//! Containers of a daemon that was killed.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use rustix::process::{Pid, Signal, kill_process};

use super::{containers, docker, ready};
use crate::common::{Outcome, TestEnvironment, eventually, run};

/// Ends its daemon, whatever becomes of the test.
struct Stopped<'a>(&'a TestEnvironment);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        drop(run(&mut docker(self.0, &["stop"])));
    }
}

fn daemon(env: &TestEnvironment, args: &[&str]) -> Outcome {
    let mut command: Command = docker(env, args);
    run(command.env_remove("SWARM_LOCAL"))
}

#[test]
fn a_container_outlives_a_daemon_that_is_killed_and_the_next_one_takes_it_over() {
    let env = ready();
    let _stopped = Stopped(&env);
    let work = env.work();
    fs::set_permissions(&work, fs::Permissions::from_mode(0o777)).unwrap();
    let mount = format!("{}:/out:rw", work.display());
    let script =
        "echo start >> /out/log; while [ ! -e /out/go ]; do sleep 0.1; done; echo done with it";
    let ask = [
        "run", "x", "--detach", "--json", "--mount", &mount, "--", "sh", "-c", script,
    ];
    let left = daemon(&env, &ask).ok().value();
    let id = left["run_id"].as_str().unwrap();
    eventually("it works", || work.join("log").exists());
    let status = daemon(&env, &["status", "--json"]).ok().value();
    let pid = i32::try_from(status["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    assert_eq!(containers(id).len(), 1);
    drop(daemon(&env, &["peers"]).ok());
    eventually("the next daemon drives it", || {
        daemon(&env, &["status", "--json"]).value()["runs"] == 1
    });
    fs::write(work.join("go"), "").unwrap();
    let ended = daemon(&env, &["runs", "watch", id, "--text"]).ok();
    assert_eq!(ended.stdout.trim(), "done with it");
    assert_eq!(fs::read_to_string(work.join("log")).unwrap(), "start\n");
    assert_eq!(containers(id), Vec::<String>::new());
}
