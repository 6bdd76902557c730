use serde_json::json;

use crate::common::TestEnvironment;

#[test]
fn run_gives_a_ref_and_keeps_the_text() {
    let env = TestEnvironment::new();
    let found = env.json(&[
        "run", "hello", "--agent", "command", "--", "tr", "a-z", "A-Z",
    ]);
    assert_eq!(found["exit_code"], 0);
    assert_eq!(found["agent_id"], "agent-0");
    assert!(found.get("text").is_none(), "the text is not part of a ref");
    let id = found["ref"].as_str().unwrap();
    assert_eq!(env.swarm(&["unwrap", "--print", id]).ok().stdout, "HELLO");
    let unwrapped = env.json(&["unwrap", id]);
    assert_eq!(unwrapped["size"], 5);
    assert_eq!(
        std::fs::read_to_string(unwrapped["file"].as_str().unwrap()).unwrap(),
        "HELLO"
    );
}

#[test]
fn run_can_print_the_text_and_nothing_else() {
    let env = TestEnvironment::new();
    let outcome = env
        .swarm(&["run", "hello", "--text", "--quiet", "--", "cat"])
        .ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("hello", "")
    );
}

#[test]
fn several_texts_begin_on_lines_of_their_own() {
    let env = TestEnvironment::new();
    assert_eq!(
        env.swarm(&["par", "a", "b\n", "c", "--text", "-q", "--", "cat"])
            .ok()
            .stdout,
        "a\nb\nc"
    );
}

#[test]
fn what_went_wrong_is_said_in_full_also_when_only_text_is_wanted() {
    let env = TestEnvironment::new();
    let script = "echo a long explanation that would not fit into any table of this width, and the next step >&2; exit 3";
    let args = ["run", "x", "--text", "--", "sh", "-c", script];
    drop(
        env.swarm(&args)
            .code(1)
            .says(&["any table of this width, and the next step"]),
    );
    let table = env.swarm(&["run", "x", "--", "sh", "-c", script]).code(1);
    assert!(table.stdout.contains("and the next step"), "{table:#?}");
}

#[test]
fn who_never_started_is_not_to_be_inspected() {
    let env = TestEnvironment::new();
    let outcome = env
        .swarm(&[
            "run",
            "x",
            "--budget",
            "1",
            "--max-budget",
            "2",
            "--",
            "cat",
        ])
        .code(4);
    assert!(!outcome.stdout.contains("inspect"), "{outcome:#?}");
    assert!(outcome.stdout.contains("raise the budget"), "{outcome:#?}");
}

#[test]
fn run_reads_its_prompt_from_a_file() {
    let env = TestEnvironment::new();
    env.write("task.md", "from a file");
    let outcome = env
        .swarm(&[
            "run",
            "--prompt-file",
            "task.md",
            "--text",
            "-q",
            "--",
            "cat",
        ])
        .ok();
    assert_eq!(outcome.stdout, "from a file");
}

#[test]
fn par_runs_all_and_one_failure_discards_nothing() {
    let env = TestEnvironment::new();
    env.write(
        "tasks.json",
        &json!([
            {"prompt": "a"},
            {"prompt": "b", "agent": {"command": ["sh", "-c", "echo no >&2; exit 7"]}},
            {"prompt": "c", "agent": {"command": ["no-such-program-anywhere"]}},
            {"prompt": "d"},
        ])
        .to_string(),
    );
    let outcome = env
        .swarm(&["par", "--tasks", "tasks.json", "--json", "--", "cat"])
        .code(1);
    let report = outcome.value();
    assert_eq!(
        (&report["total"], &report["succeeded"], &report["failed"]),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(report["results"][1]["error"], "no");
    assert_eq!(report["results"][1]["exit_code"], 7);
    assert!(
        report["results"][2]["error"]
            .as_str()
            .unwrap()
            .contains("no-such-program-anywhere")
    );
    for i in [0, 3] {
        let id = report["results"][i]["ref"].as_str().unwrap();
        assert_eq!(
            env.swarm(&["unwrap", "-p", id]).ok().stdout,
            if i == 0 { "a" } else { "d" }
        );
    }
}

#[test]
fn map_fills_the_template_and_the_arguments_of_the_program() {
    let env = TestEnvironment::new();
    let report = env.json(&[
        "map",
        "--template",
        "Count the lines of {input}",
        "--agent",
        "command",
        "a.txt",
        "b.txt",
        "--",
        "echo",
        "{input}:",
    ]);
    assert_eq!(report["succeeded"], 2);
    let id = report["results"][1]["ref"].as_str().unwrap();
    assert_eq!(env.swarm(&["unwrap", "-p", id]).ok().stdout, "b.txt:\n");
    let prompt = env.swarm_home().join("runs").join(id).join("prompt.txt");
    assert_eq!(
        std::fs::read_to_string(prompt).unwrap(),
        "Count the lines of b.txt"
    );
}

#[test]
fn map_takes_inputs_of_any_kind_as_json() {
    let env = TestEnvironment::new();
    let report = env.json(&["map", "--inputs", r#"["x", 7, {"k": null}]"#, "--", "cat"]);
    let texts: Vec<String> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            env.swarm(&["unwrap", "-p", found["ref"].as_str().unwrap()])
                .ok()
                .stdout
        })
        .collect();
    assert_eq!(texts, ["x", "7", r#"{"k":null}"#]);
}

#[test]
fn chain_shows_each_stage_the_result_before_it() {
    let env = TestEnvironment::new();
    let report = env.json(&["chain", "first", "second", "--", "cat"]);
    assert_eq!(
        (&report["completed_stages"], &report["total_stages"]),
        (&json!(2), &json!(2))
    );
    let last = report["final"]["ref"].as_str().unwrap();
    assert_eq!(
        env.swarm(&["unwrap", "-p", last]).ok().stdout,
        "second\n\n# Context from previous stage:\nfirst"
    );
    assert_eq!(
        report["final"]["provenance"]["parent_refs"][0],
        report["intermediates"][0]["ref"]
    );
}

#[test]
fn chain_stops_at_the_first_failure_and_keeps_what_was_done() {
    let env = TestEnvironment::new();
    let stages =
        r#"[{"prompt": "a"}, {"prompt": "b", "agent": {"command": ["false"]}}, {"prompt": "c"}]"#;
    let report = env
        .swarm(&["chain", "--stages", stages, "--json", "--", "cat"])
        .code(1)
        .value();
    assert_eq!(report["completed_stages"], 1);
    assert_eq!(report["error"], "Stage 1 failed: exit code 1");
    assert_eq!(report["intermediates"].as_array().unwrap().len(), 2);
    assert!(report.get("final").is_none());
}

#[test]
fn reduce_brings_refs_and_texts_together() {
    let env = TestEnvironment::new();
    let first = env.json(&["run", "one", "--", "cat"]);
    let id = first["ref"].as_str().unwrap();
    let report = env.json(&["reduce", "Sum up.", id, "--input", "two", "--", "cat"]);
    assert_eq!(report["input_count"], 2);
    let result = report["result"]["ref"].as_str().unwrap();
    assert!(result.ends_with("/reducer"));
    assert_eq!(
        env.swarm(&["unwrap", "-p", result]).ok().stdout,
        "Sum up.\n\n# Inputs to synthesise:\n\n## Input 1\none\n\n---\n\n## Input 2\ntwo"
    );
}

#[test]
fn map_reduce_reduces_what_succeeded() {
    let env = TestEnvironment::new();
    let reducer = r#"{"agent": {"command": ["grep", "-c", "^## Input"]}}"#;
    let report = env.json(&[
        "map-reduce",
        "--synthesis",
        "Count.",
        "--reduce-sandbox",
        reducer,
        "a",
        "bad",
        "c",
        "--",
        "sh",
        "-c",
        "grep -v bad",
    ]);
    assert_eq!(
        (&report["map_total"], &report["map_failed"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(report["map_errors"][0]["agent_id"], "agent-1");
    let result = report["result"]["ref"].as_str().unwrap();
    assert_eq!(env.swarm(&["unwrap", "-p", result]).ok().stdout, "2\n");
}

#[test]
fn a_person_sees_who_is_missing_from_a_reduction_and_why() {
    let env = TestEnvironment::new();
    let script =
        "read x || :; [ \"$x\" != bad ] || { echo cannot read it >&2; exit 1; }; echo \"$x\"";
    let args = [
        "map-reduce",
        "--synthesis",
        "Sum.",
        "good",
        "bad",
        "--",
        "sh",
        "-c",
        script,
    ];
    let shown = env.swarm(&args).ok().stdout;
    for part in [
        "/reducer",
        "/agent-1",
        "agent-1: cannot read it",
        "2 succeeded, 1 failed",
    ] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
    assert!(!shown.contains("/agent-0"), "{shown}");
    let args = [&args[..1], &["--text"], &args[1..]].concat();
    let text = env.swarm(&args).ok().says(&["agent-1: cannot read it"]);
    assert_eq!(text.stdout, "Sum.\n");
}

#[test]
fn map_reduce_does_not_reduce_nothing() {
    let env = TestEnvironment::new();
    let args = [
        "map-reduce",
        "--synthesis",
        "Sum.",
        "a",
        "b",
        "--json",
        "--",
        "false",
    ];
    let report = env.swarm(&args).code(1).value();
    assert_eq!(report["error"], "All map agents failed");
    assert_eq!(report["results"].as_array().unwrap().len(), 2);
}

#[test]
fn race_ends_when_the_first_has_succeeded_and_the_others_are_gone() {
    let env = TestEnvironment::new();
    let fifo = env.work().join("never-opened");
    crate::common::fifo(&fifo);
    let path = fifo.to_str().unwrap();
    let tasks = json!([
        {"prompt": "slow", "agent": {"command": ["cat", path]}},
        {"prompt": "bad", "agent": {"command": ["false"]}},
        {"prompt": "fast", "agent": {"command": ["cat"]}},
    ]);
    let report = env.json(&["race", "--tasks", &tasks.to_string()]);
    assert_eq!(report["winner"]["agent_id"], "agent-2");
    assert_eq!(
        (&report["attempted"], &report["failed"]),
        (&json!(3), &json!(2))
    );
    assert!(
        !crate::common::is_running(path),
        "the slow one is still running"
    );
}

#[test]
fn a_race_that_nobody_wins_shows_everybody() {
    let env = TestEnvironment::new();
    let report = env
        .swarm(&["race", "a", "b", "--json", "--", "false"])
        .code(1)
        .value();
    assert_eq!(report["error"], "All approaches failed");
    assert_eq!(report["results"].as_array().unwrap().len(), 2);
}

#[test]
fn retry_tells_a_later_attempt_what_went_wrong() {
    let env = TestEnvironment::new();
    let script = "grep -q 'Attempt 2' || { echo not yet >&2; exit 1; }; echo done";
    let found = env.json(&["retry", "Try.", "--attempts", "5", "--", "sh", "-c", script]);
    assert_eq!(found["agent_id"], "attempt-3");
    assert_eq!(found["retry"]["attempt"], 3);
    assert_eq!(
        found["retry"]["prior_errors"],
        json!(["not yet", "not yet"])
    );
}

#[test]
fn retry_gives_up_after_the_last_attempt() {
    let env = TestEnvironment::new();
    let report = env
        .swarm(&["retry", "x", "--attempts", "2", "--json", "--", "false"])
        .code(1)
        .value();
    assert_eq!(report["error"], "All 2 attempts failed");
    assert_eq!(report["last_ref"]["agent_id"], "attempt-2");
}

#[test]
fn the_demo_works_in_a_folder_with_files_and_in_an_empty_one() {
    for files in [&[][..], &["a.txt", "b.txt"]] {
        let env = TestEnvironment::new();
        for file in files {
            env.write(file, "two words\n");
        }
        let shown = env.json(&["demo"]);
        let words = shown["reduce"]["result"]["ref"].as_str().unwrap();
        let counted = env.swarm(&["unwrap", "-p", words]).ok().stdout;
        if files.is_empty() {
            assert!(counted.trim().parse::<u32>().unwrap() > 100);
        } else {
            assert_eq!(counted, "4\n");
        }
    }
}

#[test]
fn a_run_is_listed_under_the_command_that_made_it() {
    for (args, op) in [
        (&["run", "a"][..], "run"),
        (&["par", "a", "b"], "par"),
        (&["map", "a", "b"], "map"),
        (&["map", "a", "--max-concurrency", "1"], "map"),
        (&["chain", "a", "b"], "chain"),
        (&["reduce", "a", "--input", "b"], "reduce"),
        (&["map-reduce", "--synthesis", "a", "b"], "map_reduce"),
        (&["race", "a", "b"], "race"),
        (&["retry", "a"], "retry"),
    ] {
        let env = TestEnvironment::new();
        drop(env.swarm(&[args, &["--", "cat"]].concat()).ok());
        let listed = env.json(&["runs", "list"]);
        assert_eq!(listed["op"], op);
        let run = listed["run_id"].as_str().unwrap();
        assert_eq!(env.json(&["runs", "show", run])["op"], op);
        // A person knows the command.
        for show in [&["runs", "list"][..], &["runs", "show", run]] {
            let shown = env.swarm(show).ok().stdout;
            assert!(
                shown.split_whitespace().any(|word| word == args[0]),
                "{shown}"
            );
        }
    }
}

#[test]
fn a_program_that_exits_like_a_killed_one_was_not_killed() {
    let env = TestEnvironment::new();
    for (script, exit) in [
        ("exit 137", json!({"kind": "failed", "code": 137})),
        (
            "kill -KILL $$; sleep 60",
            json!({"kind": "signalled", "signal": 9}),
        ),
    ] {
        let args = ["run", "x", "--json", "--", "sh", "-c", script];
        let found = env.swarm(&args).code(1).value();
        assert_eq!(found["exit"], exit);
        assert_eq!(found["exit_code"], 137, "as shells count");
    }
}
