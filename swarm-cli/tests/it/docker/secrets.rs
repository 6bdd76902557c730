//! Values of variables, while an agent has them and after. Whoever may read the container may read its variables; nobody else.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{containers, docker, newest_run, open_to_all, ready};
use crate::common::{Outcome, TestEnvironment, eventually, run};

/// From the environment, from the command line, from a sandbox whose variables others replace, from a task.
const CANARIES: [&str; 4] = [
    "canary-7d1f-environment",
    "canary-7d1f-argument",
    "canary-7d1f-sandbox",
    "canary-7d1f-task",
];

fn found_in(text: &[u8]) -> Vec<&'static str> {
    let holds = |canary: &&str| {
        text.windows(canary.len())
            .any(|part| part == canary.as_bytes())
    };
    CANARIES.into_iter().filter(holds).collect()
}

fn assert_clean(what: &str, text: impl AsRef<[u8]>) {
    let found = found_in(text.as_ref());
    assert!(found.is_empty(), "{found:?} in {what}");
}

/// Command lines of all processes but `except`.
fn command_lines(except: u32) -> Vec<u8> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| entry.file_name().to_str() != Some(&except.to_string()))
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .flatten()
        .collect()
}

/// What every file in `folder` holds, except the log of events.
fn assert_files_are_clean(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            assert_files_are_clean(&path);
        } else if !name.starts_with("swarm.db") {
            assert_clean(&path.display().to_string(), fs::read(&path).unwrap());
        }
    }
}

/// Three agents that have their variables, talk about them only by their length, and fail when told to.
fn start(env: &TestEnvironment) -> Child {
    let [environment, argument, sandbox, task] = CANARIES;
    let tasks = format!(
        r#"[{{"prompt": "a", "env_vars": {{"D": "{task}"}}}},
            {{"prompt": "b", "sandbox": {{"env_vars": {{"C": "{sandbox}"}}}}}},
            {{"prompt": "c"}}]"#
    );
    env.write("tasks.json", &tasks);
    env.write("gate/closed", "");
    open_to_all(&env.work().join("gate"));
    let script = "echo ${#A} ${#B} ${#C} ${#D}; while [ ! -e /gate/open ]; do sleep 0.1; done; echo over >&2; exit 3";
    let by_argument = format!("B={argument}");
    let mut args = vec!["par", "--json", "--tasks", "tasks.json", "--no-network"];
    // If this test fails halfway, they end by themselves.
    args.extend(["--timeout", "60s", "--mount", "gate:/gate"]);
    args.extend([
        "--env",
        "A",
        "--env",
        &by_argument,
        "--",
        "sh",
        "-c",
        script,
    ]);
    docker(env, &args)
        .env("A", environment)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Looks at what the engine shows of a container. Returns how many values its variables have.
fn look_at(container: &str) -> usize {
    let inspect = |part: &str| {
        let mut command = Command::new("docker");
        let output = command.args(["inspect", "-f", part, container]).output();
        output.unwrap().stdout
    };
    assert_clean("labels", inspect("{{json .Config.Labels}}"));
    let arguments = "{{json .Path}}{{json .Args}}{{json .Config.Cmd}}";
    assert_clean("arguments", inspect(arguments));
    found_in(&inspect("{{json .Config.Env}}")).len()
}

/// Everything that can be asked of a run that is over.
fn ask_everything(env: &TestEnvironment, run_id: &str) {
    let id = format!("{run_id}/agent-0");
    for args in [
        &["runs", "show", run_id][..],
        &["runs", "show", run_id, "--json"],
        &["runs", "list", "--json"],
        &["refs", "--json"],
        &["inspect", &id],
        &["inspect", &id, "--json"],
        &["unwrap", "-p", &id],
        &["config", "explain"],
        &["doctor"],
    ] {
        let outcome = run(docker(env, args).env("A", CANARIES[0]));
        assert_clean(&args.join(" "), outcome.stdout + &outcome.stderr);
    }
}

/// All that the log of events holds.
fn log(env: &TestEnvironment) -> Vec<u8> {
    let files = fs::read_dir(env.swarm_home()).unwrap().flatten();
    let files = files.filter(|file| file.file_name().to_str().unwrap().starts_with("swarm.db"));
    files
        .flat_map(|file| fs::read(file.path()).unwrap())
        .collect()
}

#[test]
fn values_of_variables_are_nowhere_but_in_the_container_and_in_a_file_of_the_open_run() {
    let env = ready();
    let child = start(&env);
    let run_id = || newest_run(&env)["run_id"].as_str().map(str::to_owned);
    eventually("all three run", || {
        let up = run_id()
            .map(|run_id| containers(&run_id))
            .unwrap_or_default();
        let talks = |name: &String| {
            let logs = Command::new("docker").args(["logs", name]).output();
            !logs.unwrap().stdout.is_empty()
        };
        up.len() == 3 && up.iter().all(talks)
    });
    let run_id = run_id().unwrap();

    // Of our own command line the user was warned: `--env NAME=VALUE` is in sight.
    assert_clean("command lines", command_lines(child.id()));
    let told: usize = containers(&run_id).iter().map(|name| look_at(name)).sum();
    // What a task says wins over the command line, and that over a sandbox.
    assert_eq!(told, 1 + 2 + 2);
    let show = ["runs", "show", &run_id, "--json"];
    assert_clean("runs show", run(&mut docker(&env, &show)).ok().stdout);

    // One file keeps them, for its owner only, until the run has ended.
    let kept = env.swarm_home().join("runs").join(&run_id).join("env.json");
    let [environment, argument, _, task] = CANARIES;
    let found = fs::read(&kept).unwrap();
    assert_eq!(found_in(&found), [environment, argument, task]);
    let mode = fs::metadata(&kept).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_clean("the log", log(&env));

    env.write("gate/open", "");
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).code(1);
    assert_clean("stdout", &outcome.stdout);
    assert_clean("stderr", &outcome.stderr);
    assert_eq!(outcome.value()["failed"], 3, "{outcome:#?}");
    ask_everything(&env, &run_id);
    assert_files_are_clean(&env.swarm_home());

    assert_clean("the log", log(&env));
    assert!(!kept.exists());
}
