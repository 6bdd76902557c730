//! The same through containers. Needs an engine, and a static busybox for the image.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tokio::time::Instant;

use crate::{
    common::{Outcome, TestEnvironment, eventually, fifo, run, signal},
    limits::{WITHOUT_END, stops_who_prints_without_end},
};

mod cache;
mod daemon;
mod forgery;
mod pipeline;
mod secrets;
mod warm;

const IMAGE: &str = "swarm-test:latest";

/// Runs `swarm` with containers.
fn docker(env: &TestEnvironment, args: &[&str]) -> Command {
    let mut command = env.with_engine(args);
    command
        .env("SWARM_RUNTIME", "docker")
        .env("SWARM_IMAGE", IMAGE);
    command
}

fn ready() -> TestEnvironment {
    let env = TestEnvironment::new();
    let mut show = docker(&env, &["image", "show", IMAGE]);
    if run(&mut show).code != 0 {
        drop(run(&mut docker(&env, &["image", "build"])).ok());
    }
    env
}

/// Names of the containers of a run.
fn containers(run_id: &str) -> Vec<String> {
    let filter = format!("label=swarm.run={run_id}");
    let output = Command::new("docker")
        .args(["ps", "--all", "--format", "{{.Names}}", "--filter", &filter])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn newest_run(env: &TestEnvironment) -> serde_json::Value {
    let list = run(&mut docker(env, &["runs", "list", "--json"]))
        .ok()
        .stdout;
    serde_json::from_str(list.lines().next().unwrap_or("{}")).unwrap()
}

#[test]
fn an_agent_that_prints_without_end_is_stopped_at_the_limit() {
    let env = ready();
    stops_who_prints_without_end(docker(&env, &WITHOUT_END));
    let run_id = newest_run(&env)["run_id"].as_str().unwrap().to_owned();
    assert_eq!(containers(&run_id), Vec::<String>::new());
}

/// Empty as long as there is none.
fn newest_id(env: &TestEnvironment) -> String {
    let id = newest_run(env)["run_id"].as_str().map(str::to_owned);
    id.unwrap_or_default()
}

/// Runs `swarm` as another user than root, who may use the engine.
fn as_user(env: &TestEnvironment, uid: u32, args: &[&str]) -> Command {
    let socket = fs::metadata("/var/run/docker.sock").unwrap();
    let groups = format!("--groups={}", socket.gid());
    // Where the program was built, that user may not be able to look.
    let program = env.work().join("swarm");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_swarm"), &program).unwrap();
    }
    let root = env.work().parent().unwrap().to_owned();
    for path in [&root, &root.join("home"), &env.work()] {
        chown(path, Some(uid), Some(uid)).unwrap();
    }
    let mut command = env.program("setpriv");
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={uid}"))
        .arg(groups)
        .arg(program)
        .args(args)
        .env("SWARM_LOCAL", "true")
        .env("SWARM_RUNTIME", "docker")
        .env("SWARM_IMAGE", IMAGE);
    command
}

#[test]
fn what_an_agent_writes_into_a_mount_belongs_to_its_user() {
    let env = ready();
    drop(fs::remove_dir_all(env.swarm_home()));
    // Only root can play another user; whoever else runs the tests plays itself.
    let is_root = rustix::process::geteuid().is_root();
    let uid = if is_root {
        1234
    } else {
        rustix::process::geteuid().as_raw()
    };
    let swarm = |args: &[&str]| {
        let mut command = if is_root {
            as_user(&env, uid, args)
        } else {
            docker(&env, args)
        };
        run(&mut command)
    };
    let mount = format!("{}:/out:rw", env.work().display());
    let script = "id -u; echo made > /out/made && cat /out/mine";
    let args = [
        "run", "x", "--json", "--mount", &mount, "--", "sh", "-c", script,
    ];
    env.write("mine", "only mine");
    let mine = env.work().join("mine");
    fs::set_permissions(&mine, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&mine, Some(uid), None).unwrap();
    let found = swarm(&args).ok().value();
    let id = found["ref"].as_str().unwrap();
    let shown = swarm(&["unwrap", "-p", id]).ok();
    assert_eq!(shown.stdout, format!("{uid}\nonly mine"));
    let made = fs::metadata(env.work().join("made")).unwrap();
    assert_eq!(made.uid(), uid);
}

#[test]
fn an_agent_runs_in_a_container_and_nothing_is_left() {
    let env = ready();
    let args = ["run", "hello", "--json", "--", "sh", "-c", "id -u; cat"];
    let found = run(&mut docker(&env, &args)).ok().value();
    let id = found["ref"].as_str().unwrap();
    let text = run(&mut docker(&env, &["unwrap", "-p", id])).ok().stdout;
    let own = rustix::process::geteuid();
    let expected = if own.is_root() { 1000 } else { own.as_raw() };
    assert_eq!(text, format!("{expected}\nhello"));
    assert_eq!(
        containers(id.split('/').next().unwrap()),
        Vec::<String>::new()
    );
}

#[test]
fn a_read_only_mount_and_an_airgap_hold() {
    let env = ready();
    env.write("data/a.txt", "inside");
    let script = "cat /data/a.txt; touch /data/b 2>/dev/null && echo wrote; ls /sys/class/net";
    let args = [
        "run",
        "x",
        "--mount",
        "data:/data",
        "--no-network",
        "--text",
        "-q",
        "--",
        "sh",
        "-c",
        script,
    ];
    let outcome = run(&mut docker(&env, &args)).ok();
    assert_eq!(outcome.stdout, "insidelo\n");
    assert!(!env.work().join("data/b").exists());
}

#[test]
fn the_socket_of_the_engine_is_never_mounted() {
    let env = ready();
    for source in ["/var/run/docker.sock", "/var/run", "/"] {
        let mount = format!("{source}:/host");
        let args = ["run", "x", "--mount", &mount, "--", "true"];
        drop(run(&mut docker(&env, &args)).code(5).says(&["refused"]));
    }
}

#[test]
fn a_missing_image_is_one_clear_error() {
    let env = ready();
    let args = ["run", "x", "--image", "no-such-image:1", "--", "true"];
    let outcome = run(&mut docker(&env, &args)).code(1);
    assert!(outcome.stdout.contains("no image"), "{outcome:#?}");
}

#[test]
fn what_cannot_be_the_name_of_an_image_is_refused_before_there_is_a_run() {
    let env = TestEnvironment::new();
    let named = ["run", "x", "--image", "no such", "--", "cat"];
    let mut by_default = docker(&env, &["run", "x", "--", "cat"]);
    for (command, name) in [
        (&mut docker(&env, &named), "image \"no such\""),
        (
            by_default.env("SWARM_IMAGE", "Busybox"),
            "image \"Busybox\"",
        ),
    ] {
        drop(run(command).code(2).says(&[name, "[unsupported]"]));
    }
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
}

#[test]
fn a_running_container_is_taken_over_after_kill_9() {
    let env = ready();
    fs::create_dir(env.work().join("shared")).unwrap();
    let shared = env.work().join("shared");
    open_to_all(&shared);
    fifo(&shared.join("gate"));
    open_to_all(&shared.join("gate"));
    let mount = format!("{}:/shared:rw", shared.display());
    let script = "echo start >> /shared/starts; cat /shared/gate; echo done";
    let args = ["run", "task", "--mount", &mount, "--", "sh", "-c", script];
    let mut child = docker(&env, &args).spawn().unwrap();
    let starts = || fs::read_to_string(shared.join("starts")).unwrap_or_default();
    eventually("the agent runs", || starts() == "start\n");
    let run_id = newest_run(&env)["run_id"].as_str().unwrap().to_owned();
    // A container that has not got all of its prompt is not taken over but started afresh.
    eventually("it has its prompt", || {
        containers(&run_id) == [format!("swarm-{run_id}-agent-0")]
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(containers(&run_id).len(), 1, "it goes on without us");

    let resume = docker(&env, &["runs", "resume", &run_id, "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("somebody drives it", || {
        newest_run(&env)["state"] == "running"
    });
    fs::write(shared.join("gate"), "").unwrap();
    let found = Outcome::of(&resume.wait_with_output().unwrap())
        .ok()
        .value();
    let id = found["ref"].as_str().unwrap();
    assert_eq!(
        run(&mut docker(&env, &["unwrap", "-p", id])).ok().stdout,
        "done\n"
    );
    assert_eq!(starts(), "start\n", "it was not started again");
    assert_eq!(containers(&run_id), Vec::<String>::new());
}

#[test]
fn containers_of_an_interrupted_run_are_kept_for_it_and_go_when_it_is_killed() {
    let env = ready();
    let run_id = interrupted(&env, "1h");
    let next = run(&mut docker(&env, &["run", "y", "--", "true"])).ok();
    assert!(
        next.stderr.contains(&format!("runs resume {run_id}")),
        "{next:#?}"
    );
    assert_eq!(containers(&run_id).len(), 1);
    drop(run(&mut docker(&env, &["runs", "kill", &run_id])).ok());
    assert_eq!(containers(&run_id), Vec::<String>::new());
}

/// The container goes on printing when nobody is there any more.
#[test]
fn an_agent_of_a_run_that_is_killed_after_kill_9_keeps_all_that_it_had_printed() {
    let env = ready();
    let script = "echo begun; until [ -e /tmp/go ]; do sleep 0.1; done; echo more; echo talk >&2; touch /tmp/said; \
                  exec sleep 600";
    let run_id = killed_after(&env, &["run", "x", "--", "sh", "-c", script]);
    let container = format!("swarm-{run_id}-agent-0");
    let inside = "touch /tmp/go; until [ -e /tmp/said ]; do sleep 0.1; done";
    let status = Command::new("docker")
        .args(["exec", &container, "sh", "-c", inside])
        .status();
    assert!(status.unwrap().success());
    drop(run(&mut docker(&env, &["runs", "kill", &run_id])).ok());
    assert_eq!(containers(&run_id), Vec::<String>::new());
    let id = format!("{run_id}/agent-0");
    let text = run(&mut docker(&env, &["unwrap", "-p", &id])).ok();
    assert_eq!(text.stdout, "begun\nmore\n");
    let shown = run(&mut docker(&env, &["runs", "show", &run_id, "--json"])).ok();
    let report = &shown.value()["report"];
    assert_eq!(report["exit"]["kind"], "cancelled");
    assert!(!report["image"]["digest"].is_null(), "{report}");
    let stderr = env.swarm_home().join("runs").join(id).join("stderr.log");
    assert_eq!(fs::read_to_string(stderr).unwrap(), "talk\n");
}

// Its container was removed with the result that had been paid for, and it was said never to have started.
#[test]
fn what_a_container_has_made_in_time_is_collected_after_the_deadline() {
    let env = ready();
    let begun = Instant::now();
    let limit = Duration::from_secs(12);
    let args = ["run", "x", "--deadline", "12s", "--", "sh", "-c"];
    let made = killed_after(
        &env,
        &[&args[..], &["echo begun; sleep 1; echo paid"]].concat(),
    );
    eventually("the deadline has passed", || begun.elapsed() > limit);
    let collected = run(&mut docker(&env, &["runs", "resume", &made, "--json"])).ok();
    let id = collected.value()["ref"].as_str().unwrap().to_owned();
    let text = run(&mut docker(&env, &["unwrap", "-p", &id])).ok();
    assert_eq!(text.stdout, "begun\npaid\n");
    assert_eq!(containers(&made), Vec::<String>::new());
}

#[test]
fn a_container_that_works_on_after_the_deadline_is_stopped_and_what_it_printed_is_kept() {
    let env = ready();
    let begun = Instant::now();
    let limit = Duration::from_secs(10);
    let args = ["run", "x", "--deadline", "10s", "--", "sh", "-c"];
    let late = killed_after(&env, &[&args[..], &["echo begun; exec sleep 600"]].concat());
    eventually("the deadline has passed", || begun.elapsed() > limit);
    let stopped = run(&mut docker(&env, &["runs", "resume", &late, "--json"])).code(3);
    let report = stopped.value();
    let error = report["error"].as_str().unwrap();
    assert!(error.contains("stopped at the deadline"), "{error}");
    let text = run(&mut docker(
        &env,
        &["unwrap", "-p", &format!("{late}/agent-0")],
    ))
    .ok();
    assert_eq!(text.stdout, "begun\n");
    assert_eq!(containers(&late), Vec::<String>::new());
}

/// As after a restart of the machine.
#[test]
fn an_agent_whose_container_is_gone_keeps_what_had_reached_its_record() {
    let env = ready();
    let run_id = killed_after(
        &env,
        &["run", "x", "--", "sh", "-c", "echo begun; sleep 600"],
    );
    let status = Command::new("docker")
        .args(["rm", "--force", &format!("swarm-{run_id}-agent-0")])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    drop(run(&mut docker(&env, &["runs", "kill", &run_id])).ok());
    let id = format!("{run_id}/agent-0");
    let text = run(&mut docker(&env, &["unwrap", "-p", &id])).ok();
    assert_eq!(text.stdout, "begun\n");
}

#[test]
fn a_container_that_ctrl_c_stopped_leaves_what_it_had_printed_and_is_run_again() {
    let env = ready();
    let (child, run_id) = begun(&env, &["run", "x", "--", "sh", "-c", "echo begun; sleep 4"]);
    signal(&child, Signal::INT);
    drop(Outcome::of(&child.wait_with_output().unwrap()).code(130));
    assert_eq!(containers(&run_id), Vec::<String>::new());
    let id = format!("{run_id}/agent-0");
    let found = run(&mut docker(&env, &["inspect", &id, "--json"]))
        .ok()
        .value();
    let report = fs::read_to_string(found["file"].as_str().unwrap()).unwrap();
    assert!(
        report.contains("the agent was interrupted") && report.contains("begun"),
        "{report}"
    );
    let resumed = run(&mut docker(&env, &["runs", "resume", &run_id, "--json"])).ok();
    assert_eq!(resumed.value()["exit"]["kind"], "completed");
    let text = run(&mut docker(&env, &["unwrap", "-p", &id])).ok();
    assert_eq!(text.stdout, "begun\n");
}

/// Starts an agent that prints `begun`, and waits until that is in its record.
fn begun(env: &TestEnvironment, args: &[&str]) -> (Child, String) {
    let child = docker(env, args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it has begun", || {
        let run_id = newest_run(env)["run_id"].clone();
        run_id.as_str().is_some_and(|run_id| {
            let record = env.swarm_home().join("runs").join(run_id).join("agent-0");
            let printed = fs::read_to_string(record.join("stream.jsonl"));
            printed.is_ok_and(|printed| printed == "begun\n")
        })
    });
    let run_id = newest_run(env)["run_id"].as_str().unwrap().to_owned();
    // It is renamed when it has its whole prompt.
    eventually("it has its prompt", || {
        containers(&run_id) == [format!("swarm-{run_id}-agent-0")]
    });
    (child, run_id)
}

/// The same, and then its process is killed.
fn killed_after(env: &TestEnvironment, args: &[&str]) -> String {
    let (mut child, run_id) = begun(env, args);
    child.kill().unwrap();
    child.wait().unwrap();
    run_id
}

#[test]
fn what_kill_9_leaves_is_removed_at_the_next_start_once_its_time_is_over() {
    let env = ready();
    let run_id = interrupted(&env, "3s");
    eventually("a start removes it", || {
        drop(run(&mut docker(&env, &["run", "y", "--", "true"])).ok());
        containers(&run_id).is_empty()
    });
}

/// A server of this machine that says hello once.
fn server() -> (String, std::thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let _read = stream.read(&mut [0; 4096]).unwrap();
        stream
            .write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
            .unwrap();
    });
    (address, serving)
}

#[test]
fn an_agent_reaches_the_hosts_that_are_allowed_and_its_record_tells_the_others() {
    let env = ready();
    let (address, serving) = server();
    let script = format!(
        "wget -q -O - http://{address}/; wget -q -O - http://evil.example/ 2>/dev/null || echo no; ls /sys/class/net"
    );
    let args = [
        "run",
        "x",
        "--json",
        "--allow-host",
        &address,
        "--allow-host",
        "*.example.com",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let found = run(&mut docker(&env, &args)).ok().value();
    serving.join().unwrap();
    let id = found["ref"].as_str().unwrap();
    let text = run(&mut docker(&env, &["unwrap", "-p", id])).ok().stdout;
    assert_eq!(text, "hello\nno\nlo\n");
    let run_id = id.split('/').next().unwrap();
    assert_eq!(containers(run_id), Vec::<String>::new());
    let sockets = fs::read_dir(env.swarm_home().join("egress")).unwrap();
    assert_eq!(sockets.count(), 0);

    let shown = run(&mut docker(&env, &["inspect", "--json", id]))
        .ok()
        .value();
    let tried: Vec<_> = shown["egress"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tried| {
            (
                tried["host"].as_str().unwrap(),
                tried["allowed"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(tried, [("127.0.0.1", true), ("evil.example", false)]);
    let report = fs::read_to_string(shown["file"].as_str().unwrap()).unwrap();
    assert!(
        report.contains("denied evil.example:80 1x (not listed)"),
        "{report}"
    );
}

#[test]
fn what_an_agent_tried_to_reach_is_kept_also_if_process_and_container_are_gone() {
    let env = ready();
    let script = "wget -q -O - http://evil.example/; echo tried; exec sleep 1000";
    let args = [
        "run",
        "x",
        "--allow-host",
        "a.example",
        "--",
        "sh",
        "-c",
        script,
    ];
    let mut child = docker(&env, &args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = || newest_id(&env);
    let stream = || {
        env.swarm_home()
            .join("runs")
            .join(id())
            .join("agent-0/stream.jsonl")
    };
    eventually("it has tried", || {
        fs::read_to_string(stream()).is_ok_and(|printed| printed.contains("tried"))
    });
    let run_id = id();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let removed = Command::new("docker")
        .args(["rm", "--force", &format!("swarm-{run_id}-agent-0")])
        .output()
        .unwrap();
    assert!(removed.status.success(), "{removed:?}");
    drop(run(&mut docker(&env, &["runs", "kill", &run_id])).ok());
    let reference = format!("{run_id}/agent-0");
    let shown = run(&mut docker(&env, &["inspect", "--json", &reference]))
        .ok()
        .value();
    assert_eq!(shown["egress"][0]["host"], "evil.example", "{shown}");
    assert_eq!(containers(&run_id), Vec::<String>::new());
    let sockets = || fs::read_dir(env.swarm_home().join("egress")).map_or(0, Iterator::count);
    eventually("a start removes what is left", || {
        drop(
            run(&mut docker(
                &env,
                &["run", "y", "--no-network", "--", "true"],
            ))
            .ok(),
        );
        sockets() == 0
    });
}

#[test]
fn ctrl_c_and_kill_9_leave_no_forwarder_and_no_socket() {
    let env = ready();
    let args = [
        "run",
        "x",
        "--allow-host",
        "a.example",
        "--timeout",
        "3s",
        "--",
        "sleep",
        "1000",
    ];
    let sockets = || fs::read_dir(env.swarm_home().join("egress")).map_or(0, Iterator::count);
    for sign in [Signal::INT, Signal::KILL] {
        let child = docker(&env, &args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let id = || newest_id(&env);
        eventually("agent and forwarder are there", || {
            newest_run(&env)["state"] == "running" && containers(&id()).len() == 2
        });
        let run_id = id();
        signal(&child, sign);
        let _output = child.wait_with_output().unwrap();
        eventually("a start removes them", || {
            if sign == Signal::KILL {
                drop(run(&mut docker(&env, &["run", "y", "--", "true"])).ok());
            }
            containers(&run_id).is_empty() && sockets() == 0
        });
    }
}

/// A run whose process is dead and whose container goes on.
fn interrupted(env: &TestEnvironment, timeout: &str) -> String {
    let args = ["run", "x", "--timeout", timeout, "--", "sleep", "1000"];
    let mut child = docker(env, &args).spawn().unwrap();
    eventually("the container runs", || {
        newest_run(env)["run_id"]
            .as_str()
            .is_some_and(|run_id| !containers(run_id).is_empty())
    });
    let run_id = newest_run(env)["run_id"].as_str().unwrap().to_owned();
    child.kill().unwrap();
    child.wait().unwrap();
    run_id
}

#[test]
fn the_records_and_the_state_of_the_host_are_never_mounted() {
    let env = ready();
    drop(run(&mut docker(&env, &["run", "x", "--", "true"])).ok());
    let home = env.swarm_home();
    let parent = home.parent().unwrap().to_str().unwrap().to_owned();
    let keys = home.join("keys").to_str().unwrap().to_owned();
    for source in [
        home.to_str().unwrap(),
        &parent,
        &keys,
        "/proc",
        "/dev",
        "/sys",
    ] {
        let mount = format!("{source}:/host:rw");
        let args = ["run", "x", "--mount", &mount, "--", "true"];
        drop(run(&mut docker(&env, &args)).code(5).says(&["refused"]));
    }
}

#[test]
fn ctrl_c_leaves_no_container() {
    let env = ready();
    let child = docker(&env, &["par", "a", "b", "--", "sleep", "1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("both containers are there", || {
        newest_run(&env)["run_id"]
            .as_str()
            .is_some_and(|run_id| containers(run_id).len() == 2)
    });
    let run_id = newest_run(&env)["run_id"].as_str().unwrap().to_owned();
    signal(&child, Signal::INT);
    drop(Outcome::of(&child.wait_with_output().unwrap()).code(130));
    assert_eq!(containers(&run_id), Vec::<String>::new());
}

#[test]
fn the_demo_works_in_containers() {
    let env = ready();
    env.write("a.txt", "two words\n");
    let shown = run(&mut docker(&env, &["demo", "--json"])).ok().value();
    assert_eq!(shown["runtime"], "docker");
    let id = shown["reduce"]["result"]["ref"].as_str().unwrap();
    assert_eq!(
        run(&mut docker(&env, &["unwrap", "-p", id])).ok().stdout,
        "2\n"
    );
}

/// The agent is another user than the one of this test.
fn open_to_all(path: &std::path::Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(path, mode).unwrap();
}
