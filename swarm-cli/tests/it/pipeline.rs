//! `swarm pipeline`, and how runs of pipelines are continued, forked, approved and killed.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::common::{TestEnvironment, eventually, is_running};

mod classification;
mod governors;
pub(crate) mod kill;
mod saved;

/// Finds the tests broken, mends them twice, and is done.
const LOOP: &str = r#"
name = "loop"

[[steps]]
id = "test"
agent = { command = ["sh", "-c", "test -e /shared/fixed || { echo 'it is broken' >&2; exit 1; }"] }
prompt = "Run the tests."
on_fail = "fix"
next = "report"

[[steps]]
id = "fix"
condition = "prev.error"
agent = { command = ["sh", "-c", "cat; echo x >> $SWARM_SHARED/tries; test $(wc -l < /shared/tries) -lt 2 || touch /shared/fixed"] }
prompt = "Mend it."
next = "test"

[[steps]]
id = "report"
agent = { command = ["cat"] }
prompt = "Say what was done."
"#;

const GATE: &str = r#"
[[steps]]
id = "draft"
agent = { command = ["echo", "the draft"] }
prompt = "-"

[[steps]]
id = "gate"
approve = "Publish it?"

[[steps]]
id = "publish"
agent = { command = ["cat"] }
prompt = "Publish it."
"#;

fn steps(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .map(|step| format!("{}.{}", step["step_id"].as_str().unwrap(), step["visit"]))
        .collect()
}

/// The run that was begun last.
fn newest(env: &TestEnvironment) -> String {
    let list = env.swarm(&["runs", "list", "--json"]).ok().stdout;
    let newest: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    newest["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_failure_is_mended_and_what_the_steps_share_is_seen_by_all_of_them() {
    let env = TestEnvironment::new();
    env.write("loop.toml", LOOP);
    let report = env.json(&["pipeline", "run", "loop.toml"]);
    assert_eq!(report["status"], "done", "{report}");
    assert_eq!(
        steps(&report),
        ["test.1", "fix.1", "test.2", "fix.2", "test.3", "report.1"]
    );
    let run = report["run_id"].as_str().unwrap();
    let told = env
        .swarm(&["unwrap", "-p", &format!("{run}/fix")])
        .ok()
        .stdout;
    assert!(told.starts_with("Mend it.\n"), "{told}");
    assert!(told.contains("# Error from previous step (test):\nit is broken"));
    let shared = env.swarm_home().join("runs").join(run).join("shared");
    assert_eq!(fs::read_to_string(shared.join("tries")).unwrap(), "x\nx\n");
    assert_eq!(report["total_steps"], 3);
    assert_eq!(report["steps_executed"], 6);
    assert_eq!(report["all_results"].as_array().unwrap().len(), 6);
    assert_eq!(report["final"]["ref"], format!("{run}/report"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place_and_nothing_runs() {
    let env = TestEnvironment::new();
    let wrong = LOOP
        .replace("on_fail = \"fix\"", "on_fail = \"fixx\"")
        .replace("next = \"report\"", "next = \"reprt\"")
        .replace("condition = \"prev.error\"", "conditon = \"prev.error\"");
    env.write("wrong.toml", &wrong);
    for command in ["check", "run"] {
        let said = env.swarm(&["pipeline", command, "wrong.toml"]).code(2);
        drop(said.says(&["`fix`?", "`report`?", "`condition`?", "line 8", "line 13"]));
    }
    let checked = env
        .swarm(&["pipeline", "check", "--json", "wrong.toml"])
        .code(2)
        .value();
    assert_eq!(checked["valid"], false);
    assert!(checked["diagnostics"].as_array().unwrap().len() >= 3);
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
}

#[test]
fn a_definition_may_be_json_on_the_command_line_or_come_from_stdin() {
    let env = TestEnvironment::new();
    let agent = json!({"command": ["cat"]});
    let text = json!({"steps": [{"prompt": "hello", "agent": agent}]}).to_string();
    let report = env.json(&["pipeline", "run", &format!("\n {text}")]);
    assert_eq!(steps(&report), ["step-0.1"]);
    let list = format!("[{text}]");
    drop(env.swarm(&["pipeline", "check", &list]).code(2));
    drop(
        env.swarm(&["pipeline", "check", "nowhere.toml"])
            .code(1)
            .says(&["nowhere.toml"]),
    );
}

#[test]
fn a_definition_that_is_too_large_is_refused_without_being_read() {
    let env = TestEnvironment::new();
    let file = fs::File::create(env.work().join("large.json")).unwrap();
    // Nobody could read that.
    file.set_len(1 << 40).unwrap();
    for args in [
        &["pipeline", "run", "large.json"][..],
        &["pipeline", "check", "large.json"],
    ] {
        let refused = env.swarm(args).code(2);
        drop(refused.says(&["large.json is larger than 16 MiB"]));
    }
}

#[test]
fn the_schema_that_is_printed_is_json_that_knows_the_fields_of_steps() {
    let env = TestEnvironment::new();
    let schema = env.swarm(&["pipeline", "schema"]).ok().value();
    let step = &schema["$defs"]["pipeline"]["properties"]["steps"];
    assert!(step.is_object(), "there are no steps");
    assert!(schema.to_string().contains("max_retries"));
}

#[test]
fn a_run_waits_for_an_answer_that_any_other_process_may_give() {
    let env = TestEnvironment::new();
    env.write("gate.toml", GATE);
    let run_it = || env.start(&["pipeline", "run", "gate.toml", "--text"]);
    let asked = |run: &str| {
        let shown = env.json(&["runs", "show", run]);
        shown["report"]["approvals"][0]["question"] == "Publish it?"
    };
    let waits = || {
        let begun = env.swarm(&["runs", "list", "--json"]).ok().stdout;
        !begun.is_empty() && asked(&newest(&env))
    };
    let child = run_it();
    eventually("it asks", waits);
    let run = newest(&env);
    let refused = env.swarm(&["runs", "approve", &run, "gat"]).code(2);
    drop(refused.says(&["`gate`?"]));
    drop(
        env.swarm(&["runs", "approve", &run, "--note", "looks fine"])
            .ok(),
    );
    let published = child.wait_with_output().unwrap();
    assert!(published.status.success());
    let shown = env.json(&["runs", "show", &run]);
    assert_eq!(shown["report"]["answers"][0]["note"], "looks fine");
    let shown = env.swarm(&["runs", "show", &run]).ok().stdout;
    assert!(
        shown.contains("gate was answered with yes: looks fine"),
        "{shown}"
    );
    assert!(String::from_utf8_lossy(&published.stdout).contains("the draft"));
    // What is answered is answered, and what is over does not ask.
    drop(env.swarm(&["runs", "reject", &run]).code(1));

    let child = run_it();
    eventually("it asks again", || newest(&env) != run && waits());
    let second = newest(&env);
    drop(
        env.swarm(&["runs", "reject", &second, "gate", "--note", "too early"])
            .ok(),
    );
    assert!(!child.wait_with_output().unwrap().status.success());
    let report = env.json(&["runs", "show", &second]);
    let reason = report["report"]["broken_reason"].as_str().unwrap();
    assert!(reason.contains("too early"), "{reason}");
}

#[test]
fn an_answer_that_comes_while_nobody_drives_the_run_counts_when_it_goes_on() {
    let env = TestEnvironment::new();
    env.write("gate.toml", GATE);
    let mut child = env.start(&["pipeline", "run", "gate.toml"]);
    eventually("it asks", || {
        let begun = env.swarm(&["runs", "list", "--json"]).ok().stdout;
        !begun.is_empty()
            && env.json(&["runs", "show", &newest(&env)])["report"]["approvals"][0].is_object()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let run = newest(&env);
    let answered = env.json(&["runs", "approve", &run]);
    assert_eq!(answered["is_driven"], false);
    let report = env.json(&["runs", "resume", &run]);
    assert_eq!(report["status"], "done", "{report}");
    assert_eq!(steps(&report), ["draft.1", "gate.1", "publish.1"]);
}

/// A pipeline whose second step fails, or not if it is mended.
fn fragile(second: &str) -> String {
    format!(
        r#"
[[steps]]
id = "first"
agent = {{ command = ["sh", "-c", "echo ran >> '{}'; echo one"] }}
prompt = "-"

[[steps]]
id = "second"
agent = {{ command = {second} }}
prompt = "Go on."
"#,
        "LOG"
    )
}

#[test]
fn a_broken_pipeline_goes_on_from_its_failed_step_and_an_edited_one_from_a_named_step() {
    let env = TestEnvironment::new();
    let log = env.work().join("log");
    let fragile = |second: &str| fragile(second).replace("LOG", log.to_str().unwrap());
    env.write("p.toml", &fragile(r#"["sh", "-c", "test -e ok && cat"]"#));
    env.write("edited.toml", &fragile(r#"["cat"]"#));
    let broken = env.swarm(&["pipeline", "run", "p.toml", "--json"]).code(1);
    let run = broken.value()["run_id"].as_str().unwrap().to_owned();
    let again = env
        .swarm(&["runs", "resume", &run, "--json"])
        .code(1)
        .value();
    assert_eq!(steps(&again), ["first.1", "second.1", "second.2"]);
    // The same definition may be given; another one needs a step.
    let from = |resume: &str, file: &str| {
        env.swarm(&["pipeline", "run", file, "--json", "--resume", resume])
    };
    assert_eq!(
        steps(&from(&run, "p.toml").code(1).value()).last().unwrap(),
        "second.3"
    );
    let edited = from(&run, "edited.toml").code(2);
    drop(edited.says(&[&format!(
        "`swarm pipeline run DEFINITION --resume {run}/STEP`"
    )]));
    drop(from(&format!("{run}/secnd"), "edited.toml").code(2));
    let done = from(&format!("{run}/second"), "edited.toml").ok().value();
    assert_eq!(done["status"], "done", "{done}");
    assert_eq!(
        fs::read_to_string(&log).unwrap(),
        "ran\n",
        "the first step is not run again"
    );
    let text = format!("{run}/second.4");
    let text = env.swarm(&["unwrap", "-p", &text]).ok().stdout;
    assert_eq!(
        text,
        "Go on.\n\n# Context from previous step (first):\none\n"
    );
    // It is over now, and killing it changes nothing.
    drop(
        env.swarm(&["runs", "resume", &run])
            .code(1)
            .says(&["has ended"]),
    );
    drop(env.swarm(&["runs", "kill", &run]).code(1));
    assert_eq!(
        env.json(&["runs", "show", &run])["report"]["status"],
        "done"
    );
}

#[test]
fn a_pipeline_that_was_left_behind_goes_on_within_the_deadline_that_is_asked_for() {
    let env = TestEnvironment::new();
    let definition =
        json!({"deadline_seconds": 3600, "steps": [{"id": "ask", "approve": "Go on?"}]});
    env.write("p.json", &definition.to_string());
    let mut child = env.start(&["pipeline", "run", "p.json"]);
    let mut run = String::new();
    eventually("it waits for an answer", || {
        let list = env.swarm(&["runs", "list", "--json"]).ok().stdout;
        let listed: Option<Value> = list
            .lines()
            .next()
            .map(|l| serde_json::from_str(l).unwrap());
        let id = listed.and_then(|listed| listed["run_id"].as_str().map(str::to_owned));
        run = id.unwrap_or_default();
        !run.is_empty() && env.swarm(&["runs", "show", &run]).stdout.contains("Go on?")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let args = [
        "pipeline",
        "run",
        "p.json",
        "--resume",
        &run,
        "--deadline",
        "1ms",
    ];
    let late = env.swarm(&args);
    assert_ne!(late.code, 0);
    let report = env.json(&["runs", "show", &run]);
    assert_eq!(report["report"]["deadline_met"], false, "{report:#}");
}

#[test]
fn a_fork_begins_with_what_its_step_was_given_and_pays_for_nothing_before_it() {
    let env = TestEnvironment::new();
    let log = env.work().join("log");
    let text = fragile(r#"["cat"]"#).replace("LOG", log.to_str().unwrap());
    env.write("p.toml", &text);
    let first = env.json(&["pipeline", "run", "p.toml"]);
    let run = first["run_id"].as_str().unwrap();
    let step = format!("{run}/second");
    let fork = env.json(&["runs", "fork", &step, "--prompt", "Do it otherwise."]);
    assert_ne!(fork["run_id"], run);
    assert_eq!(steps(&fork), ["second.1"]);
    let result = fork["final"]["ref"].as_str().unwrap();
    let text = env.swarm(&["unwrap", "-p", result]).ok().stdout;
    assert!(text.starts_with("Do it otherwise.\n"), "{text}");
    assert!(text.ends_with("\none\n"), "{text}");
    assert_eq!(fs::read_to_string(&log).unwrap(), "ran\n");
    drop(env.swarm(&["runs", "fork", run]).code(2));
    drop(
        env.swarm(&["runs", "fork", &format!("{run}/third")])
            .code(2),
    );
}

// `--prompt` of a step that asks a person was left out without a word, and the person was asked again.
#[test]
fn an_option_that_cannot_apply_to_the_step_of_a_fork_is_refused_before_anything_starts() {
    let env = TestEnvironment::new();
    let cat = json!({"command": ["cat"]});
    let text = json!({
        "agent": cat,
        "steps": [
            {"id": "one", "prompt": "x"},
            {"id": "check", "guard": ["exists"]},
            {"id": "many", "par": ["x", "y"]},
            {"id": "gate", "approve": "Publish it?"},
            {"id": "best", "beam": {"of": "x", "width": 2, "evaluator": "exec:true"}},
        ],
    });
    let mut run = env.start(&["pipeline", "run", &text.to_string()]);
    eventually("somebody is asked", || {
        let list = env.swarm(&["runs", "list", "--json"]).stdout;
        let id = list.lines().next().and_then(|line| {
            let run: Value = serde_json::from_str(line).ok()?;
            Some(run["run_id"].as_str()?.to_owned())
        });
        id.is_some_and(|id| {
            let shown = env.swarm(&["runs", "show", "--json", &id]).value();
            !shown["report"]["approvals"].is_null()
        })
    });
    let id = newest(&env);
    drop(env.swarm(&["runs", "approve", &id]).ok());
    assert!(run.wait().unwrap().success());
    let before = env.swarm(&["runs", "list", "--json"]).ok().stdout;
    for (step, option, problem) in [
        ("gate", "--prompt", "asks a person"),
        ("gate", "--model", "asks a person"),
        ("check", "--prompt", "checks results"),
        ("many", "--prompt", "several agents"),
        ("one", "--model", "programs, which have no model"),
    ] {
        let step = format!("{id}/{step}");
        let refused = env.swarm(&["runs", "fork", &step, option, "opus"]).code(2);
        drop(refused.says(&[option, "cannot apply", problem, "leave it out"]));
    }
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, before);
    // Who judges is no agent of the step that a prompt could be meant for.
    let best = format!("{id}/best");
    let forked = env.json(&["runs", "fork", &best, "--prompt", "y"]);
    assert_eq!(forked["steps"][0]["end"], "succeeded", "{forked}");
}

#[test]
fn killing_a_pipeline_stops_what_is_under_way_and_it_can_go_on_from_there() {
    let env = TestEnvironment::new();
    let marker = env.work().join("waiting-for-nothing");
    crate::common::fifo(&marker);
    let text = json!({"steps": [
        {"id": "a", "prompt": "x", "agent": {"command": ["echo", "a"]}},
        {"id": "b", "prompt": "x", "agent": {"command": ["cat", marker]}},
        {"id": "c", "prompt": "x", "agent": {"command": ["echo", "c"]}},
    ]});
    let child = env.start(&["pipeline", "run", &text.to_string()]);
    let is_waiting = || is_running(&format!("cat\0{}", marker.display()));
    eventually("the second step runs", is_waiting);
    let run = newest(&env);
    drop(env.swarm(&["runs", "kill", &run]).ok());
    let code = child.wait_with_output().unwrap().status.code();
    assert_eq!(code, Some(130));
    assert!(!is_waiting(), "it is still there");
    let report = env.json(&["runs", "show", &run]);
    assert_eq!(report["report"]["status"], "killed", "{report}");
    fs::remove_file(&marker).unwrap();
    fs::write(&marker, "mended").unwrap();
    let report = env.json(&["runs", "resume", &run]);
    assert_eq!(steps(&report), ["a.1", "b.1", "b.2", "c.1"]);
    assert_eq!(report["status"], "done");
}

#[test]
fn values_of_variables_are_in_no_log_also_when_a_pipeline_was_edited() {
    let env = TestEnvironment::new();
    let text = |value: &str, second: &str| {
        json!({"steps": [
            {"id": "a", "prompt": "x", "agent": {"command": ["true"]}, "env_vars": {"KEY": value}},
            {"id": "b", "prompt": "x", "agent": {"command": [second]}},
        ]})
        .to_string()
    };
    let first = env
        .swarm(&["pipeline", "run", "--json", &text("canary-one", "false")])
        .code(1);
    let run = first.value()["run_id"].as_str().unwrap().to_owned();
    let from = format!("{run}/b");
    let args = [
        "pipeline",
        "run",
        "--resume",
        &from,
        &text("canary-two", "true"),
    ];
    drop(env.swarm(&args).ok());
    let mut files = vec![env.swarm_home()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            assert_no_canary(&path);
        }
    }
}

fn assert_no_canary(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("canary-"), "{}", path.display());
}

// Work within work multiplies: a short definition must not need all memory of the machine.
#[test]
fn a_definition_of_too_many_agents_is_refused_before_it_is_unfolded() {
    let env = TestEnvironment::new();
    let beam = |of: Value| json!({"beam": {"width": 1000, "evaluator": "exec:true", "of": of}});
    let bomb = beam(beam(beam(json!("x"))));
    let agent = json!({"command": ["true"]});
    let text = json!({"agent": agent, "steps": [bomb]}).to_string();
    let refused = env.swarm(&["pipeline", "check", &text]).code(2);
    drop(refused.says(&["at the same time"]));
    let map = |of: Value| json!({"map": {"template": of, "inputs": vec!["x"; 1000]}});
    let text = json!({"agent": agent, "steps": [map(map(json!("x")))]}).to_string();
    drop(env.swarm(&["pipeline", "run", &text]).code(2));
    let beam = [
        "beam",
        "x",
        "--width",
        "100000000",
        "--agent",
        "command",
        "--",
        "cat",
    ];
    drop(env.swarm(&beam).code(2));
}

#[test]
fn the_concurrency_of_a_run_holds_for_all_that_its_steps_do() {
    let env = TestEnvironment::new();
    let log = env.work().join("log");
    let script = format!(
        "echo start >> {0}; sleep 0.05; echo end >> {0}",
        log.display()
    );
    let text = json!({
        "agent": {"command": ["sh", "-c", script]},
        "steps": [{"id": "many", "par": ["a", "b", "c"]}],
    });
    let text = text.to_string();
    let args = ["pipeline", "run", "--max-concurrency", "1", &text];
    drop(env.swarm(&args).ok());
    let order = fs::read_to_string(&log).unwrap();
    assert_eq!(order, "start\nend\n".repeat(3));
}

#[test]
fn a_pipeline_without_budget_or_time_has_their_exit_codes_and_is_not_gone_on_with_in_vain() {
    let env = TestEnvironment::new();
    let step = |id: &str, command: &[&str], cost: f64| json!({"id": id, "prompt": "x", "agent": {"command": command}, "max_budget": cost});
    let text =
        json!({"budget": 0.15, "steps": [step("a", &["true"], 0.1), step("b", &["true"], 0.1)]});
    let outcome = env
        .swarm(&["pipeline", "run", "--json", &text.to_string()])
        .code(4);
    let run = outcome.value()["run_id"].as_str().unwrap().to_owned();
    let before = env.json(&["runs", "show", &run]);
    let refused = env.swarm(&["runs", "resume", &run]).code(4);
    drop(refused.says(&["--budget 0.2"]));
    assert_eq!(env.json(&["runs", "show", &run]), before);
    drop(env.swarm(&["runs", "resume", &run, "--budget", "0.2"]).ok());

    // A step that costs nothing needs no more than what is spent, and no advice could help it to more.
    let text = json!({"budget": 0.1, "steps": [step("a", &["true"], 0.1), step("b", &["true"], 0.0), step("c", &["false"], 0.0)]});
    let broken = env
        .swarm(&["pipeline", "run", "--json", &text.to_string()])
        .code(1);
    let run = broken.value()["run_id"].as_str().unwrap().to_owned();
    let again = env.swarm(&["runs", "resume", &run, "--json"]).code(1);
    assert_eq!(steps(&again.value()), ["a.1", "b.1", "c.1", "c.2"]);

    let ready = env.work().join("ready");
    let script = format!("test -e '{}' || exec sleep 30", ready.display());
    let text = json!({"deadline_seconds": 0.5, "steps": [step("a", &["sh", "-c", &script], 0.0)]});
    let late = env
        .swarm(&["pipeline", "run", "--json", &text.to_string()])
        .code(3);
    let run = late.value()["run_id"].as_str().unwrap().to_owned();
    env.write("ready", "");
    drop(env.swarm(&["runs", "resume", &run]).code(3));
    drop(
        env.swarm(&["runs", "resume", &run, "--deadline", "1h"])
            .ok(),
    );
}

#[test]
fn a_definition_that_is_no_text_of_its_notation_is_wrong_usage_in_each() {
    let env = TestEnvironment::new();
    env.write("bad.toml", "steps = [");
    env.write("bad.json", "{\"steps\": [");
    for file in ["bad.toml", "bad.json"] {
        for command in ["check", "run"] {
            drop(env.swarm(&["pipeline", command, file]).code(2));
        }
    }
}

#[test]
fn a_definition_in_yaml_is_refused_with_what_to_write() {
    let env = TestEnvironment::new();
    drop(env.write("p.yaml", "steps: [a]"));
    let refused = env.swarm(&["pipeline", "check", "p.yaml"]).code(2);
    drop(refused.says(&["YAML is not read; write JSON or TOML"]));
}
