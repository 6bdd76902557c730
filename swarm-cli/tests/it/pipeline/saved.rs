//! Pipelines by name, and the interpreters that run no agent.

use serde_json::Value;

use crate::common::TestEnvironment;

const SMALL: &str = r#"
description = "Says hello."
[[steps]]
id = "hello"
agent = { command = ["echo", "hello"] }
prompt = "-"
"#;

#[test]
fn a_saved_pipeline_goes_by_its_name_if_its_project_is_trusted() {
    let env = TestEnvironment::new();
    env.write(".swarm/pipelines/greet.toml", SMALL);
    let listed = env.swarm(&["pipeline", "list", "--json"]).ok().value();
    assert_eq!(listed["name"], "greet");
    assert_eq!(listed["description"], "Says hello.");
    let refused = env.swarm(&["pipeline", "run", "greet"]).code(5);
    drop(refused.says(&["is not trusted", "swarm project trust"]));
    // Who names the file knows what is in it.
    drop(
        env.swarm(&["pipeline", "run", ".swarm/pipelines/greet.toml"])
            .ok(),
    );
    drop(env.swarm(&["project", "trust", "."]).ok());
    let report = env.json(&["pipeline", "run", "greet"]);
    assert_eq!(report["status"], "done");
    drop(
        env.swarm(&["pipeline", "run", "gret"])
            .code(2)
            .says(&["`greet`?"]),
    );
}

#[test]
fn an_estimate_a_picture_and_a_simulation_start_nothing() {
    let env = TestEnvironment::new();
    env.write("loop.toml", super::LOOP);
    let estimate = env.json(&["pipeline", "estimate", "loop.toml"]);
    assert_eq!(estimate["agents"]["lowest"], 1, "{estimate}");
    assert!(!estimate["assumes"].as_array().unwrap().is_empty());
    let drawn = |format: &str| {
        let args = ["pipeline", "graph", "loop.toml", "--format", format];
        env.swarm(&args).ok().stdout
    };
    assert!(drawn("mermaid").starts_with("flowchart"));
    assert!(drawn("dot").starts_with("digraph"));
    assert!(drawn("svg").starts_with("<svg"));
    let script = r#"{"agents": {"test": [{"exit": 1}, {"exit": 0}]}}"#;
    let simulated = env.json(&["pipeline", "simulate", "loop.toml", "--script", script]);
    let names: Vec<&str> = simulated["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["test", "fix", "test.2", "report"]);
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
    let report = env.json(&["pipeline", "run", "loop.toml"]);
    let painted = [
        "pipeline",
        "graph",
        "--run",
        report["run_id"].as_str().unwrap(),
    ];
    assert!(env.swarm(&painted).ok().stdout.contains("visited 3 times"));
}

#[test]
fn many_simulated_runs_are_the_same_for_the_same_seed() {
    let env = TestEnvironment::new();
    env.write("loop.toml", super::LOOP);
    let args = [
        "pipeline",
        "simulate",
        "loop.toml",
        "--seed",
        "7",
        "--runs",
        "200",
    ];
    let (once, again): (Value, Value) = (env.json(&args), env.json(&args));
    assert_eq!(once, again);
    assert_eq!(once["runs"], 200);
}
