use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::common::{Outcome, TestEnvironment, eventually, fifo, run};

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

/// The files below `folder` that hold the value.
fn holders(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(CANARY) {
            found.push(path);
        }
    }
    found
}

/// Starts a run that waits at a gate with a secret, kills its process, and returns the run.
fn killed_at_the_gate(env: &TestEnvironment) -> String {
    fifo(&env.work().join("gate"));
    let gate = env.work().join("gate");
    let begun = env.work().join("begun");
    let script = format!(
        "touch {}; cat {} > /dev/null; echo \"$TOKEN\" > {}",
        begun.display(),
        gate.display(),
        env.work().join("told").display()
    );
    let args = ["run", "x", "--env", "TOKEN", "--", "sh", "-c", &script];
    let mut command = env.command(&args);
    let mut child = command.env("TOKEN", CANARY).spawn().unwrap();
    eventually("the agent waits at the gate", || begun.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(begun).unwrap();
    let listed = env.swarm(&["runs", "list", "--json"]).ok().value();
    assert_eq!(listed["state"], "interrupted");
    listed["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn values_of_variables_are_on_disk_while_their_run_is_open_and_never_in_the_log() {
    let env = TestEnvironment::new();
    let home = env.swarm_home();
    let run_id = killed_at_the_gate(&env);
    let kept = home.join("runs").join(&run_id).join("env.json");
    assert_eq!(holders(&home), std::slice::from_ref(&kept));
    assert_eq!(
        fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let shown = env.swarm(&["runs", "show", &run_id, "--json"]).ok();
    assert!(!format!("{shown:?}").contains(CANARY));
    let resumed = env.start(&["runs", "resume", &run_id]);
    let begun = env.work().join("begun");
    eventually("the agent waits at the gate again", || begun.exists());
    drop(
        fs::File::options()
            .write(true)
            .open(env.work().join("gate"))
            .unwrap(),
    );
    let resumed = Outcome::of(&resumed.wait_with_output().unwrap()).ok();
    assert!(!format!("{resumed:?}").contains(CANARY), "{resumed:?}");
    let told = fs::read_to_string(env.work().join("told")).unwrap();
    assert_eq!(told.trim(), CANARY, "it had the value again");
    assert_eq!(holders(&home), Vec::<PathBuf>::new());
}

#[test]
fn a_run_whose_values_are_gone_is_not_resumed_without_them_and_can_be_ended() {
    let env = TestEnvironment::new();
    let run_id = killed_at_the_gate(&env);
    let kept = env.swarm_home().join("runs").join(&run_id).join("env.json");
    fs::remove_file(kept).unwrap();
    let refused = env.swarm(&["runs", "resume", &run_id]).code(1);
    drop(refused.says(&[
        "`env_vars`",
        "are gone",
        "swarm runs kill",
        "[storage_failed]",
    ]));
    assert!(!env.work().join("told").exists());
    drop(env.swarm(&["runs", "kill", &run_id]).ok());
    assert_eq!(env.json(&["runs", "show", &run_id])["state"], "cancelled");
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
