use std::fs;

use crate::common::{TestEnvironment, run};

const CANARY: &str = "canary-s3cr3t-value";

#[test]
fn values_of_variables_are_in_no_record_and_no_answer() {
    let env = TestEnvironment::new();
    let script = "test -n \"$TOKEN\" && echo ok; exit 3";
    let args = [
        "run", "x", "--env", "TOKEN", "--json", "--", "sh", "-c", script,
    ];
    let mut command = env.command(&args);
    let outcome = run(command.env("TOKEN", CANARY)).code(1);
    let found = outcome.value();
    let id = found["ref"].as_str().unwrap();
    assert_eq!(env.swarm(&["unwrap", "-p", id]).ok().stdout, "ok\n");
    drop(env.swarm(&["inspect", id]).ok());
    let run_id = id.split('/').next().unwrap();
    let shown = env.swarm(&["runs", "show", run_id, "--json"]).ok();
    for text in [&outcome.stdout, &outcome.stderr, &shown.stdout] {
        assert!(!text.contains(CANARY), "{text}");
    }
    for entry in fs::read_dir(env.swarm_home().join("runs").join(id)).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(CANARY), "{} holds the value", path.display());
    }
}

#[test]
fn an_agent_sees_none_of_our_variables() {
    let env = TestEnvironment::new();
    let mut command = env.command(&["run", "x", "--text", "-q", "--", "env"]);
    let outcome = run(command
        .env("CANARY", CANARY)
        .env("AWS_SECRET_ACCESS_KEY", CANARY))
    .ok();
    assert!(!outcome.stdout.contains(CANARY), "{outcome:#?}");
}

/// The place is wrong, the error is right: it does not repeat what may be a secret.
#[test]
fn an_error_does_not_quote_a_variable_that_was_written_wrongly() {
    let env = TestEnvironment::new();
    let as_text = format!(r#"{{"env_vars": "TOKEN={CANARY}"}}"#);
    let as_list = format!(r#"{{"env_vars": ["TOKEN={CANARY}"]}}"#);
    let unfinished = format!(r#"{{"env_vars": {{"TOKEN": "{CANARY}"}}"#);
    let misspelt = format!(r#"{{"env": {{"TOKEN": "{CANARY}"}}}}"#);
    let named = format!(r#"{{"env_vars": {{"TO=KEN": "{CANARY}"}}}}"#);
    let assigned = format!("TOKEN={CANARY}");
    let nameless = format!("={CANARY}");
    for wrong in [
        &["--sandbox", &as_text][..],
        &["--sandbox", &as_list],
        &["--sandbox", &unfinished],
        &["--sandbox", &misspelt],
        &["--sandbox", &named],
        &["--env", &nameless],
        &["--env", &assigned, "--no-such-option"],
        &["--env", &assigned, "--memory", "much"],
        &["--env", &assigned, "--image", "no such"],
    ] {
        let args = [&["run", "x"], wrong, &["--", "true"]].concat();
        let outcome = env.swarm(&args);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (2, ""),
            "{outcome:#?}"
        );
        assert!(!outcome.stderr.contains(CANARY), "{outcome:#?}");
    }
}
