//! `swarm governor`: governors that are saved under a name.

use std::fs;

use serde_json::{Value, json};

use crate::common::TestEnvironment;

/// A pipeline that asks the governor `boss`.
fn asking() -> String {
    json!({
        "agent": {"command": ["cat"]},
        "steps": [{"id": "a", "prompt": "x", "on_success": {"governor": "boss"}}, {"id": "b", "prompt": "y"}],
    })
    .to_string()
}

#[test]
fn a_governor_that_is_saved_is_asked_by_its_name_listed_shown_and_deleted() {
    let env = TestEnvironment::new();
    let decides = r#"echo '{"action": "halt"}'"#;
    let save = [
        "governor",
        "save",
        "boss",
        "Stop at once.",
        "--description",
        "for tests",
        "--beam-width",
        "1",
        "--json",
        "--",
        "sh",
        "-c",
        decides,
    ];
    let saved = env.swarm(&save).ok().value();
    let path = saved["path"].as_str().unwrap().to_owned();
    assert!(path.ends_with("/governors/boss.json"), "{path}");
    assert_eq!(
        (&saved["saved"], &saved["replaced"]),
        (&json!(true), &json!(false))
    );
    let report = env.json(&["pipeline", "run", &asking()]);
    assert_eq!(
        report["steps"][0]["decision"],
        "boss: halt (1.00 of the vote)"
    );

    let listed = env.json(&["governor", "list"]);
    assert_eq!(listed["name"], "boss");
    assert_eq!(listed["description"], "for tests");
    assert_eq!(listed["beam_width"], 1);
    assert_eq!(listed["spec_preview"], "Stop at once.");
    assert_eq!(listed["source"], path);
    let shown = env.json(&["governor", "show", "boss"]);
    assert_eq!(shown["agent"]["command"][2], decides);

    // What is shown can be saved again, with something changed.
    env.write("boss.json", &shown.to_string());
    let again = env.json(&[
        "governor",
        "save",
        "boss",
        "--from",
        "boss.json",
        "--beam-width",
        "2",
    ]);
    assert_eq!(again["replaced"], true);
    let changed: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        (&changed["beam_width"], &changed["spec"]),
        (&json!(2), &shown["spec"])
    );

    let deleted = env.json(&["governor", "delete", "boss"]);
    assert_eq!(deleted["path"], path);
    assert!(!fs::exists(&path).unwrap());
    assert_eq!(env.swarm(&["governor", "list", "--json"]).ok().stdout, "");
    drop(
        env.swarm(&["governor", "delete", "boss"])
            .code(2)
            .says(&["no governor `boss`"]),
    );
    drop(
        env.swarm(&["pipeline", "check", &asking()])
            .code(2)
            .says(&["governor `boss`"]),
    );
}

#[test]
fn a_governor_that_no_pipeline_could_ask_is_not_saved() {
    let env = TestEnvironment::new();
    for (args, problem) in [
        (&["boss", ""][..], "error: spec: it is empty"),
        (
            &["boss", "x", "--agent", "cloude"],
            "did you mean `claude`?",
        ),
        (&["../boss", "x"], "../boss"),
        (&["boss", "@nowhere.md"], "nowhere.md"),
        (&["boss"], "<SPEC>"),
    ] {
        let outcome = env.swarm(&[&["governor", "save"], args].concat());
        assert!(matches!(outcome.code, 1 | 2), "{outcome:?}");
        drop(outcome.says(&[problem]));
    }
    assert_eq!(env.swarm(&["governor", "list", "--json"]).ok().stdout, "");
    let typo = env.swarm(&["governor", "show", "bos"]).code(2);
    drop(typo.says(&["no governor `bos`"]));
}

#[test]
fn a_governor_is_saved_in_the_project_and_a_wrapped_one_is_not_deleted() {
    let env = TestEnvironment::new();
    fs::create_dir(env.work().join(".swarm")).unwrap();
    let saved = env.json(&["governor", "save", "mine", "x", "--", "true"]);
    let path = saved["path"].as_str().unwrap();
    assert!(path.ends_with("/work/.swarm/governors/mine.json"), "{path}");
    let other = env.write("../other/governors/theirs.toml", "spec = \"x\"");
    let project = other
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    drop(env.swarm(&["project", "wrap", &project]).ok());
    let refused = env.swarm(&["governor", "delete", "theirs"]).code(5);
    drop(refused.says(&["only wrapped", "swarm project forget"]));
    assert!(other.exists());
    // One of the same name in another notation would be hidden without a word.
    env.write(".swarm/governors/old.toml", "spec = \"x\"");
    let hidden = env.swarm(&["governor", "save", "old", "y"]).code(2);
    drop(hidden.says(&["old.toml", "swarm governor delete old"]));
}
