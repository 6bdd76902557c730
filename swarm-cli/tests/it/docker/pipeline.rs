//! Pipelines in containers: what their steps share, and `kill -9`.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration};

use serde_json::{Value, json};

use super::{containers, docker, ready};
use crate::{
    common::{eventually, run},
    pipeline::kill::{Kills, definition},
};

/// How often it is killed; more take longer than a test may.
fn points() -> u32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs the tests decides how thorough they are"
    )]
    let points = std::env::var("SWARM_KILL_POINTS");
    points
        .ok()
        .and_then(|points| points.parse().ok())
        .unwrap_or(8)
}

#[test]
fn steps_in_containers_share_a_folder_and_leave_nothing_behind() {
    let env = ready();
    let step = |id: &str, command: &str| json!({"id": id, "prompt": "x", "network": false, "agent": {"command": ["sh", "-c", command]}});
    let text = json!({"steps": [
        step("write", "echo from the first > /shared/note"),
        step("read", "cat /shared/note"),
    ]});
    let mut command = docker(&env, &["pipeline", "run", "--json", &text.to_string()]);
    let report = run(&mut command).ok().value();
    let result = report["final"]["ref"].as_str().unwrap();
    let text = run(&mut docker(&env, &["unwrap", "-p", result]))
        .ok()
        .stdout;
    assert_eq!(text, "from the first\n");
    let run_id = report["run_id"].as_str().unwrap();
    assert_eq!(containers(run_id), Vec::<String>::new());
}

/// The moment between the end of an agent and that of its record is short, so it is killed there on purpose.
#[test]
fn an_agent_that_ended_a_moment_before_a_kill_is_not_run_again() {
    let env = ready();
    let folder = env.work().join("log");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let text = json!({
        "sandbox": {
            "network": false,
            "mounts": [{"host_path": folder, "container_path": "/log", "readonly": false}],
        },
        "steps": [{"id": "a", "prompt": "x", "agent": {"command": ["sh", "-c", "echo ran >> /log/starts; cp /log/starts /log/done"]}}],
    });
    env.write("p.json", &text.to_string());
    for delay in [0, 20, 40, 60, 80, 100, 130, 160, 200, 250] {
        for file in ["starts", "done"] {
            drop(fs::remove_file(folder.join(file)));
        }
        let mut child = docker(&env, &["pipeline", "run", "p.json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the agent has done its work", || {
            folder.join("done").exists()
        });
        std::thread::park_timeout(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let list = run(&mut docker(&env, &["runs", "list", "--json"]))
            .ok()
            .stdout;
        let newest: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
        let id = newest["run_id"].as_str().unwrap();
        if newest["state"] != "succeeded" {
            drop(run(&mut docker(&env, &["runs", "resume", id])).ok());
        }
        let starts = fs::read_to_string(folder.join("starts")).unwrap();
        assert_eq!(starts, "ran\n", "killed {delay} ms after the work was done");
        assert_eq!(containers(id), Vec::<String>::new());
    }
}

#[test]
fn a_pipeline_of_containers_survives_random_kills_and_adopts_what_runs() {
    let env = ready();
    let folder = env.work().join("log");
    fs::create_dir(&folder).unwrap();
    // Agents run as another user.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let mut text = definition("/log/starts", "0.2");
    text["sandbox"] = json!({
        "network": false,
        "mounts": [{"host_path": folder, "container_path": "/log", "readonly": false}],
    });
    let kills = Kills {
        env: &env,
        start: &|args| docker(&env, args),
        definition: env.write("p.json", &text.to_string()),
        log: folder.join("starts"),
        orphans: &containers,
    };
    kills.at(points(), 5);
}
