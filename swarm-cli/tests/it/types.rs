//! Types: what agents are given and have to produce.

use std::{fs, os::unix::fs::symlink};

use rustix::process::Signal;
use serde_json::json;

use crate::common::{TestEnvironment, eventually, fifo, signal};

/// What an agent with these options is told.
fn told(env: &TestEnvironment, options: &[&str]) -> String {
    let mut args = vec!["run", "Do it.", "--text", "-q"];
    args.extend(options);
    args.extend(["--", "cat"]);
    env.swarm(&args).ok().stdout
}

#[test]
fn types_come_before_the_prompt_with_all_that_they_mention() {
    let env = TestEnvironment::new();
    env.write(".swarm/types/patch.md", "A unified diff.\n");
    env.write(".swarm/types/verdict.md", "Yes or no, about the [patch].");
    let options = [
        "--input-type",
        "patch",
        "--output-type",
        "A [verdict], - [x] and [none]",
    ];
    assert_eq!(
        told(&env, &options),
        "# Input Type\nYour input is: **patch**: A unified diff.\n\n\
         # Output Type\nYou must produce: A **verdict**: Yes or no, about the **patch**: A unified diff.., - [x] and [none]\n\n\
         Do it."
    );
    assert_eq!(
        told(&env, &["--output-type", "one line"]),
        "# Output Type\nYou must produce: one line\n\nDo it."
    );
    assert!(told(&env, &["--output-type", "code-review"]).contains("**code-review**: A review"));
}

#[test]
fn every_agent_of_a_plan_is_told_and_a_sandbox_may_say_it() {
    let env = TestEnvironment::new();
    env.write(".swarm/types/word.md", "One word.");
    let sandbox = json!({"output_type": "word", "agent": {"command": ["cat"]}}).to_string();
    env.write(".swarm/sandboxes/short.json", &sandbox);
    for args in [
        ["map", "Say {input}.", "a", "b"].as_slice(),
        &["chain", "Say a.", "{prev}"],
        &["par", "Say a.", "Say b."],
        &["race", "Say a.", "Say b."],
        &["retry", "Say a."],
    ] {
        let mut args = args.to_vec();
        args.extend(["--sandbox", "short", "--text", "-q"]);
        let text = env.swarm(&args).ok().stdout;
        assert!(
            text.contains("You must produce: **word**: One word.\n\nSay"),
            "{args:?}: {text}"
        );
    }
}

#[test]
fn a_run_keeps_the_types_that_it_began_with() {
    let env = TestEnvironment::new();
    let file = env.write(".swarm/types/word.md", "One word.");
    let gate = env.work().join("gate");
    fifo(&gate);
    let started = env.work().join("started");
    let script = format!(": > '{}'; cat '{}'; cat", started.display(), gate.display());
    let args = [
        "run",
        "x",
        "--output-type",
        "word",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let mut first = env.start(&args);
    eventually("the agent waits", || started.exists());
    signal(&first, Signal::INT);
    assert_eq!(first.wait().unwrap().code(), Some(130));
    fs::write(file, "Two words.").unwrap();

    let run = env.json(&["runs", "list"]);
    let mut again = env.start(&["runs", "resume", run["run_id"].as_str().unwrap()]);
    drop(fs::File::create(&gate).unwrap());
    assert_eq!(again.wait().unwrap().code(), Some(0));
    let kept = env.json(&["refs"]);
    let text = env.swarm(&["unwrap", "--print", kept["ref"].as_str().unwrap()]);
    let text = text.ok().stdout;
    assert!(text.contains("**word**: One word.\n\nx"), "{text}");
}

#[test]
fn types_are_listed_and_shown_with_what_they_mention() {
    let env = TestEnvironment::new();
    env.write(".swarm/types/patch.md", "A unified diff.\nMore.");
    env.write(".swarm/types/verdict.md", "About the [patch].");
    let listed = env.swarm(&["type", "list", "--json"]).ok().stdout;
    let names: Vec<String> = listed
        .lines()
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        names,
        [
            "analysis-report",
            "code-review",
            "patch",
            "research-notes",
            "structured-json",
            "verdict"
        ]
    );
    let shown = env.json(&["type", "show", "verdict"]);
    let expected = "**verdict**: About the **patch**: A unified diff.\nMore..";
    assert_eq!(shown, json!({"name": "verdict", "definition": expected}));
    let written = env
        .swarm(&["type", "show", "verdict", "--as-written"])
        .ok()
        .stdout;
    assert_eq!(written, "About the [patch].\n");
    let unknown = env.swarm(&["type", "show", "verdit"]).code(2);
    drop(unknown.says(&["there is no type `verdit`; did you mean `verdict`?"]));
}

#[test]
fn a_repository_cannot_have_a_file_of_the_user_told_to_an_agent() {
    let env = TestEnvironment::new();
    let secret = env.work().parent().unwrap().join("secret.txt");
    fs::write(&secret, "canary").unwrap();
    env.write(".swarm/types/plain.md", "Plain.");
    symlink(&secret, env.work().join(".swarm/types/evil.md")).unwrap();
    let args = ["run", "x", "--output-type", "[evil]", "--", "cat"];
    let refused = env
        .swarm(&args)
        .code(1)
        .says(&["evil.md", "leads out of its folder"]);
    assert!(!refused.stdout.contains("canary"));
    let listed = env.swarm(&["type", "list", "--json"]).ok().stdout;
    assert!(!listed.contains("canary"), "{listed}");
    // The user may say that it is fine.
    drop(env.swarm(&["project", "trust", "."]).ok());
    assert!(told(&env, &["--output-type", "[evil]"]).contains("canary"));
}
