//! Without an engine agents run as processes, and whoever loses isolation is told why.

use std::{
    fs::{Permissions, set_permissions},
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    process::Command,
};

use crate::common::{TestEnvironment, run};

/// Runs with an engine at `socket`, and expects one line that says all of `parts`.
fn falls_back(env: &TestEnvironment, mut command: Command, socket: &str, parts: &[&str]) {
    let host = format!("unix://{}", env.work().join(socket).display());
    let outcome = run(command
        .env("SWARM_RUNTIME", "auto")
        .env("DOCKER_HOST", &host))
    .ok();
    let notices: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.contains("without isolation"))
        .collect();
    assert_eq!(notices.len(), 1, "{outcome:#?}");
    for part in [&[host.as_str(), "--runtime docker"], parts].concat() {
        assert!(notices[0].contains(part), "{part:?} is not in {notices:?}");
    }
    let mut docker = env.command(&["run", "x", "--runtime", "docker", "--", "cat"]);
    drop(
        run(docker.env("DOCKER_HOST", &host))
            .code(1)
            .says(&["[engine_unavailable]"]),
    );
}

const ARGS: [&str; 4] = ["run", "x", "--", "cat"];

#[test]
fn without_a_socket_it_says_so() {
    let env = TestEnvironment::new();
    falls_back(&env, env.command(&ARGS), "none.sock", &["no such socket"]);
}

#[test]
fn an_engine_that_is_not_running_any_more_is_told_from_one_that_was_never_there() {
    let env = TestEnvironment::new();
    drop(UnixListener::bind(env.work().join("left.sock")).unwrap());
    falls_back(&env, env.command(&ARGS), "left.sock", &["refused"]);
}

#[test]
fn an_engine_that_does_not_answer_in_time_is_named() {
    let env = TestEnvironment::new();
    let _silent = UnixListener::bind(env.work().join("silent.sock")).unwrap();
    falls_back(
        &env,
        env.command(&ARGS),
        "silent.sock",
        &["no answer within"],
    );
}

#[test]
fn a_socket_that_we_may_not_use_is_named() {
    let env = TestEnvironment::new();
    let socket = env.work().join("forbidden.sock");
    let _engine = UnixListener::bind(&socket).unwrap();
    set_permissions(&socket, Permissions::from_mode(0o000)).unwrap();
    let mut command = env.command(&ARGS);
    if rustix::process::geteuid().is_root() {
        // Nothing is forbidden to root, unless it gives that right away.
        let mut without = env.program("setpriv");
        without.args(["--bounding-set", "-dac_override,-dac_read_search", "--"]);
        without.arg(command.get_program()).args(command.get_args());
        without.env("SWARM_LOCAL", "true");
        command = without;
    }
    falls_back(&env, command, "forbidden.sock", &["Permission denied"]);
}
