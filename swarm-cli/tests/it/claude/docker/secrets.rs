//! The key is for the agent alone.

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    claude::stage::{KEY, Stage, docker, things_of},
    common::{Outcome, is_running, run, signal},
    model_server::Turn,
};

#[test]
fn the_key_is_in_the_environment_of_the_container_and_nowhere_else() {
    let stage = Stage::in_container([Turn::text("Hold on.").held()]);
    let child = stage.start("Wait.", &[]);
    stage.model.wait_for(1);
    let [run_id] = &stage.runs()[..] else {
        panic!("there is one run");
    };
    let [container] = &things_of(run_id)[..] else {
        panic!("there is one container");
    };
    let mut shown: Value = serde_json::from_str(&docker(&["inspect", container])).unwrap();
    let environment = shown[0]["Config"]["Env"].take().to_string();
    assert!(environment.contains(KEY));
    assert!(!shown.to_string().contains(KEY), "{shown:#}");
    assert!(!docker(&["ps", "--all", "--no-trunc"]).contains(KEY));
    assert!(!docker(&["logs", container]).contains(KEY));
    assert!(!is_running(KEY), "it is among the arguments of a process");
    signal(&child, Signal::INT);
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).code(130);
    let killed = run(&mut stage.command(&["runs", "kill", run_id])).ok();
    for said in [outcome, killed] {
        assert!(!format!("{said:?}").contains(KEY), "{said:#?}");
    }
}

#[test]
fn the_key_is_in_no_record_and_no_answer() {
    for turn in [
        Turn::text("Hello."),
        Turn::error(401, "authentication_error", "No such key.").for_ever(),
    ] {
        let stage = Stage::in_container([turn]);
        let outcome = stage.run("Hello?", &[]);
        let found = outcome.value();
        let id = found["ref"].as_str().unwrap();
        let run_id = &stage.runs()[0];
        for args in [
            &["inspect", id][..],
            &["inspect", id, "--json"],
            &["runs", "show", run_id, "--json"],
            &["refs", "--json"],
        ] {
            let said = run(&mut stage.command(args));
            assert!(!format!("{said:?}").contains(KEY), "{args:?}: {said:#?}");
        }
        assert!(!format!("{outcome:?}").contains(KEY), "{outcome:#?}");
        stage.assert_nowhere_in_home(KEY);
    }
}
