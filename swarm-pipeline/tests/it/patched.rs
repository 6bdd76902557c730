//! What governors may change, and what they may not.

use serde_json::{Value, json};
use swarm_core::{
    plan::{Patcher as _, Plan, Program},
    types::TypeRegistry,
};
use swarm_pipeline::PipelinePatcher;

use crate::support::program;

fn patch(program: &Program, patch: &Value) -> Result<Program, String> {
    PipelinePatcher::new(TypeRegistry::default()).patch(program, patch)
}

/// The steps of a program, as a patch has to repeat them.
fn steps(program: &Program) -> Vec<Value> {
    program.definition["steps"].as_array().unwrap().clone()
}

const BASE: &str = r#"{
    "name": "base", "budget": 5, "deadline_seconds": 600, "classification": "internal",
    "governors": {"boss": {"spec": "Decide."}, "other": {"spec": "Decide, too."}},
    "sandboxes": {"tight": {
        "agent": {"command": ["cargo", "test"]}, "network": {"allow": ["crates.io", "docs.rs"]},
        "mounts": [{"host_path": "/src", "container_path": "/workspace"}],
        "env_vars": {"TOKEN": "canary-1", "MODE": "a"}, "memory": "1g", "cpus": 1, "pids": 50,
        "timeout": 60, "tools": ["Read"], "resources": ["db"], "image": "rust", "max_budget": 1
    }},
    "steps": [
        {"id": "build", "sandbox": "tight", "prompt": "Build.",
         "on_success": {"governor": "boss"}, "on_fail": {"governor": "boss"}},
        {"id": "write", "prompt": "Write it.", "model": "haiku", "tools": "Read, Edit", "max_budget": 1,
         "mcps": ["files"], "network": false, "timeout": 30},
        {"id": "last", "sandbox": "tight", "prompt": "Check it.", "env_vars": {"TOKEN": "canary-2"}}
    ]
}"#;

/// Why a step that is added at the end is refused.
fn refused(step: Value) -> String {
    let program = program(BASE);
    let mut steps = steps(&program);
    steps.push(step);
    patch(&program, &json!({ "steps": steps })).unwrap_err()
}

#[test]
fn a_patch_that_changes_words_and_order_is_taken() {
    let program = program(BASE);
    let mut steps = steps(&program);
    steps[1]["prompt"] = json!("Write it better.");
    steps.push(
        json!({"id": "more", "sandbox": "tight", "prompt": "Once more.", "timeout": 10,
        "env_vars": {"TOKEN": "<kept 2>"}, "network": {"allow": ["docs.rs"]}}),
    );
    let changed = patch(&program, &json!({ "steps": steps, "budget": 4 })).unwrap();
    assert_eq!(changed.steps.len(), 4);
    assert_ne!(changed.digest, program.digest);
    let vars = &changed.steps[3].work.agents()[0].sandbox.env_vars;
    assert_eq!(vars.iter().collect::<Vec<_>>(), [("TOKEN", "canary-2")]);
}

#[test]
fn a_patch_that_changes_nothing_leaves_the_same_program() {
    let program = program(BASE);
    let changed = patch(&program, &json!({"description": "Said better."})).unwrap();
    assert_eq!(changed.steps, program.steps);
    assert_eq!(changed.digest, program.digest);
}

#[test]
fn a_governor_never_sees_the_value_of_a_variable() {
    let program = program(BASE);
    assert!(!program.definition.to_string().contains("canary"));
    let agents = program.steps[0].work.agents();
    assert!(
        agents[0]
            .sandbox
            .env_vars
            .iter()
            .any(|(_, value)| value == "canary-1")
    );
    let text = BASE
        .replace(
            "\"sandboxes\": {\"tight\": {",
            "\"sandboxes\": {\"tight\": {\"output_schema\": {\"env_vars\": {\"A\": \"b\"}},",
        )
        .replace(
            "\"agent\": {\"command\": [\"cargo\", \"test\"]}",
            "\"agent\": \"claude\"",
        );
    let program = crate::support::program(&text);
    assert!(!program.definition.to_string().contains("canary"));
    assert!(
        program
            .definition
            .to_string()
            .contains(r#"{"env_vars":{"A":"b"}}"#)
    );
}

#[test]
fn a_governor_cannot_mount_the_root_of_the_host_read_only_into_the_next_step() {
    let program = program(BASE);
    let mut steps = steps(&program);
    steps[1]["mounts"] = json!([{"host_path": "/", "container_path": "/host", "readonly": true}]);
    let error = patch(&program, &json!({ "steps": steps })).unwrap_err();
    assert!(
        error.contains("`write` mounts / at /host (read-only)"),
        "{error}"
    );
}

#[test]
fn each_way_to_widen_a_sandbox_is_refused_by_its_name() {
    for (field, value, expected) in [
        (
            "mounts",
            json!([{"host_path": "/src", "container_path": "/workspace", "readonly": false}]),
            "(writable)",
        ),
        (
            "mounts",
            json!([{"host_path": "/src/..", "container_path": "/workspace"}]),
            "mounts /src/..",
        ),
        ("network", json!(true), "is on a network without limits"),
        (
            "network",
            json!({"allow": ["crates.io", "evil.example"]}),
            "evil.example",
        ),
        (
            "network",
            json!({"allow": ["crates.io:8443"]}),
            "crates.io:8443",
        ),
        ("network_mode", json!("lab"), "is on the network \"lab\""),
        ("tools", json!(["Read", "Bash"]), "has the tool Bash"),
        (
            "env_vars",
            json!({"TOKEN": "guess"}),
            "another value of the variable TOKEN",
        ),
        (
            "env_vars",
            json!({"LD_PRELOAD": "/x.so"}),
            "another value of the variable LD_PRELOAD",
        ),
        ("image", json!("evil"), "is in the image evil"),
        (
            "agent",
            json!({"command": ["sh", "-c", "evil"]}),
            "runs the program `sh -c evil`",
        ),
        (
            "agent",
            json!({"command": ["cargo", "test", "--evil"]}),
            "runs the program",
        ),
        ("gpu", json!(true), "has the GPU"),
        ("resources", json!([]), "waits for other pools"),
        ("resources", json!(["db", "more"]), "waits for other pools"),
        ("max_budget", json!(1.01), "may cost $1.01"),
        ("timeout", json!(61), "may run 61 s"),
        ("memory", json!("2g"), "has more memory"),
        ("cpus", json!(2), "has more processors"),
        ("pids", json!(51), "has more processes"),
        ("model", json!("opus"), "asks the model opus"),
        (
            "input_files",
            json!({"/workspace/x": "evil"}),
            "has another file /workspace/x",
        ),
    ] {
        let mut step = json!({"id": "more", "sandbox": "tight", "prompt": "More."});
        // Without it, the step is one that may be there.
        let program = program(BASE);
        let mut with = steps(&program);
        with.push(step.clone());
        patch(&program, &json!({ "steps": with })).unwrap();
        step[field] = value.clone();
        if field == "network_mode" {
            step = json!({"id": "more", "agent": {"command": ["cargo", "test"]}, "prompt": "x", field: value.clone(), "timeout": 1});
        }
        let error = refused(step);
        assert!(error.contains(expected), "{field}: {value}: {error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

const SCRIPTS: &str = r#"{"steps": [
    {"id": "test", "prompt": "x", "agent": {"command": ["sh", "test.sh"]}, "timeout": 20, "max_budget": 0.1,
     "env_vars": {"TOKEN": "canary"}, "input_files": {"test.sh": "make test", "lib.sh": "true"},
     "mounts": [{"host_path": "/src", "container_path": "/src", "readonly": false},
                {"host_path": "/src/conf", "container_path": "/src/conf"}]},
    {"id": "plain", "prompt": "x", "agent": {"command": ["sh", "test.sh"]}, "timeout": 20, "max_budget": 0.1,
     "input_files": {"test.sh": "echo other"}, "workdir": "/opt"},
    {"id": "ask", "prompt": "x", "model": "haiku", "tools": "Read", "timeout": 20, "max_budget": 1,
     "env_vars": {"KEY": "canary"}}
]}"#;

// `sh test.sh` with the token of the step, and a file or a folder that the governor chose, ran what the governor wrote.
#[test]
fn a_program_with_secrets_has_the_files_and_the_folder_that_it_had_with_them() {
    let program = program(SCRIPTS);
    let change = |at: usize, field: &str, value: Value| {
        let mut steps = steps(&program);
        match value {
            Value::Null => drop(steps[at].as_object_mut().unwrap().remove(field)),
            value => steps[at][field] = value,
        }
        patch(&program, &json!({ "steps": steps }))
    };
    let files = |test: &str| json!({"test.sh": test, "lib.sh": "true"});
    let mount = json!([{"host_path": "/src", "container_path": "/src", "readonly": false}]);
    for (at, field, value, expected) in [
        (
            0,
            "input_files",
            files("evil"),
            "has another file /workspace/test.sh",
        ),
        // Those of the other step, which has no token.
        (
            0,
            "input_files",
            json!({"test.sh": "echo other"}),
            "has another",
        ),
        (
            0,
            "input_files",
            json!({"test.sh": "make test"}),
            "lacks the file /workspace/lib.sh",
        ),
        (0, "input_files", Value::Null, "lacks the file"),
        (0, "workdir", json!("/opt"), "works in the folder /opt"),
        (0, "mounts", mount, "lacks the mount at /src/conf"),
        (1, "workdir", Value::Null, "works in the folder /workspace"),
        (0, "max_budget", Value::Null, "counts as $0.00"),
        (0, "max_budget", json!(0), "counts as $0.00"),
        // Such a file may be the settings of the program behind a model, with commands in it.
        (
            2,
            "input_files",
            json!({".claude/settings.json": "{}"}),
            "has another file",
        ),
    ] {
        let error = change(at, field, value.clone()).unwrap_err();
        assert!(error.contains(expected), "{field}: {value}: {error}");
        assert!(!error.contains("canary"), "{error}");
    }
    // What it is told is what a governor may change, and a model may be given less to spend.
    change(0, "input_files", files("make test")).unwrap();
    change(2, "system_prompt", json!("Be brief.")).unwrap();
    change(2, "claude_md", json!("Be kind.")).unwrap();
    change(2, "effort", json!("low")).unwrap();
    change(2, "max_budget", json!(0.5)).unwrap();
}

#[test]
fn a_patch_cannot_reach_more_by_leaving_the_sandbox_out() {
    let error =
        refused(json!({"id": "more", "prompt": "x", "agent": {"command": ["cargo", "test"]}}));
    assert!(error.contains("is on a network without limits"), "{error}");
    let error = refused(
        json!({"id": "more", "prompt": "x", "model": "haiku", "tools": "", "network": false,
        "timeout": 30, "max_budget": 1, "mcps": ["mail"]}),
    );
    assert!(error.contains("has the MCP server mail"), "{error}");
}

#[test]
fn a_patch_cannot_mix_what_two_agents_may() {
    // `write` may use the tool Edit, and `build` may reach hosts; nobody may do both.
    let error = refused(
        json!({"id": "more", "prompt": "x", "model": "haiku", "tools": "Edit", "timeout": 30,
        "max_budget": 1, "network": {"allow": ["docs.rs"]}}),
    );
    assert!(error.contains("docs.rs"), "{error}");
}

#[test]
fn limits_only_become_tighter() {
    let program = program(BASE);
    for (change, expected) in [
        (json!({"budget": 6}), "the budget would be raised"),
        (
            json!({"budget": null}),
            "the budget would be raised or removed",
        ),
        (
            json!({"deadline_seconds": 601}),
            "the deadline would be put off",
        ),
        (
            json!({"deadline_seconds": null}),
            "the deadline would be put off",
        ),
        (
            json!({"classification": "public"}),
            "the classification would be lowered",
        ),
        (
            json!({"classification": null}),
            "the classification would be lowered",
        ),
    ] {
        let error = patch(&program, &change).unwrap_err();
        assert!(error.contains(expected), "{change}: {error}");
    }
    let tighter = json!({"budget": 1, "deadline_seconds": 10,
        "classification": {"level": "restricted", "denied_mcps": ["files"]}});
    patch(&program, &tighter).unwrap();
}

#[test]
fn governors_stay_as_they_are() {
    let program = program(BASE);
    for change in [
        json!({"governors": {"boss": {"spec": "Do what I say."}}}),
        json!({"governors": {"boss": {"model": "opus"}}}),
        json!({"governors": {"boss": {"agent": {"command": ["evil"]}}}}),
        json!({"governors": {"third": {"spec": "x"}}}),
    ] {
        let error = patch(&program, &change).unwrap_err();
        assert!(
            error.contains("would be new or changed"),
            "{change}: {error}"
        );
    }
    patch(&program, &json!({"governors": {"other": null}})).unwrap();
}

#[test]
fn a_patch_names_nothing_from_outside() {
    let error = refused(json!({"id": "more", "pipeline": "release"}));
    assert!(error.contains("there is no pipeline `release`"), "{error}");
    let error = refused(json!({"id": "more", "prompt": "x", "sandbox": "wide"}));
    assert!(error.contains("there is no sandbox `wide`"), "{error}");
    let error = refused(
        json!({"id": "more", "reduce": {"synthesis": {"sandbox": "tight", "prompt": "x"},
        "inputs": [{"ref": "other/agent-0"}]}}),
    );
    assert!(error.contains("reads other/agent-0"), "{error}");
    let error =
        refused(json!({"id": "more", "guard": {"checks": ["exists"], "refs": ["other/agent-0"]}}));
    assert!(error.contains("reads other/agent-0"), "{error}");
}

#[test]
fn a_patch_starts_no_command_by_an_evaluator_or_by_an_input() {
    let error = refused(
        json!({"id": "more", "iterate": {"of": {"sandbox": "tight", "prompt": "x"},
        "evaluator": "exec:curl evil"}, "sandbox": "tight"}),
    );
    assert!(error.contains("runs the program `/bin/sh"), "{error}");
    let program = program(
        r#"{"steps": [{"id": "each", "map": {"inputs": ["a", "b"],
        "template": {"prompt": "x", "agent": {"command": ["make", "{input}"]}}}}]}"#,
    );
    let each = |inputs: Value| {
        let mut steps = steps(&program);
        steps[0]["map"]["inputs"] = inputs;
        patch(&program, &json!({ "steps": steps }))
    };
    each(json!(["b"])).unwrap();
    let error = each(json!(["a", "--eval=evil"])).unwrap_err();
    assert!(error.contains("runs the program `make {input}`"), "{error}");
}

// Such a command finds the seed in `$INPUT`, and may execute it.
#[test]
fn a_seed_that_a_command_is_told_cannot_be_chosen_by_a_governor() {
    let of = |rubric: &str| {
        let strategy =
            json!({"name": "s", "seeds": ["a", "b"], "planner_template": "x", "rubric": rubric});
        let step = json!({"id": "look", "hunt": {"strategies": [strategy]}, "agent": {"command": ["cat"]}});
        program(&json!({"steps": [step]}).to_string())
    };
    let seeds = |program: &Program, seeds: Value| {
        objection(program, &|s| {
            s[0]["hunt"]["strategies"][0]["seeds"] = seeds.clone();
        })
    };
    let command = of("exec:sh -c \"$INPUT\"");
    let error = seeds(&command, json!(["curl evil"])).unwrap_err();
    assert!(error.contains("runs the program `/bin/sh"), "{error}");
    seeds(&command, json!(["b"])).unwrap();
    seeds(&of("score:x"), json!(["c"])).unwrap();
}

#[test]
fn an_agent_stays_within_the_budget_that_it_had_inside() {
    let program = program(
        r#"{"steps": [{"id": "inner", "pipeline": {"budget": 1, "steps": [
        {"id": "a", "prompt": "x", "agent": {"command": ["a"]}}]}}, {"id": "b", "prompt": "x", "agent": {"command": ["b"]}}]}"#,
    );
    let mut steps = steps(&program);
    steps[0]["pipeline"]["budget"] = json!(2);
    let error = patch(&program, &json!({ "steps": steps })).unwrap_err();
    assert!(error.contains("outside of the budget"), "{error}");
    steps[0] = json!({"id": "inner", "prompt": "x", "agent": {"command": ["a"]}});
    let error = patch(&program, &json!({ "steps": steps })).unwrap_err();
    assert!(error.contains("outside of the budget"), "{error}");
}

const GATED: &str = r#"{"agent": {"command": ["make"]}, "steps": [
    {"id": "build", "prompt": "x"},
    {"id": "ask", "approve": "Release?"},
    {"id": "check", "guard": ["exists"]},
    {"id": "release", "prompt": "x", "agent": {"command": ["publish"]}},
    {"id": "tell", "prompt": "x"}
]}"#;

#[test]
fn what_a_person_has_to_approve_stays_behind_that() {
    let program = program(GATED);
    let change = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut steps = steps(&program);
        change(&mut steps);
        patch(&program, &json!({ "steps": steps }))
    };
    let refused = |how: &dyn Fn(&mut Vec<Value>), expected: &str| {
        let error = change(how).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    };
    refused(
        &|s| drop(s.remove(1)),
        "`ask`, which checks or asks, would be gone",
    );
    refused(
        &|s| drop(s.remove(2)),
        "`check`, which checks or asks, would be gone",
    );
    refused(
        &|s| s[1]["approve"] = json!("Fine?"),
        "`ask`, which checks or asks, would be changed",
    );
    refused(
        &|s| {
            s[0]["on_fail"] = json!("ask");
            s[1]["condition"] = json!("prev.error");
        },
        "`ask`, which checks or asks, would be changed",
    );
    refused(
        &|s| s[1]["on_fail"] = json!("release"),
        "`ask`, which checks or asks, would be changed",
    );
    refused(
        &|s| s[2]["guard"] = json!(["integrity"]),
        "`check`, which checks or asks, would be changed",
    );
    refused(&|s| s.swap(1, 2), "would be moved");
    refused(
        &|s| s[0]["retry_if"] = json!({"NOW": "release"}),
        "past the step `ask`",
    );
    refused(
        &|s| s[0]["on_fail"] = json!("tell"),
        "past the step `check`",
    );
    refused(
        &|s| s[0]["agent"] = json!({"command": ["publish"]}),
        "runs the program `publish`",
    );
    refused(
        &|s| {
            let release = s.remove(3);
            s.insert(0, release);
        },
        "runs the program `publish`",
    );
    // What comes before and after may change.
    change(&|s| s.insert(0, json!({"id": "more", "prompt": "x"}))).unwrap();
    change(&|s| s.push(json!({"id": "again", "prompt": "x", "agent": {"command": ["publish"]}})))
        .unwrap();
    change(&|s| s[3]["next"] = json!("release")).unwrap_err();
    change(&|s| s[4]["retry_if"] = json!({"again": "build"})).unwrap();
}

const LOCKED: &str = r#"{"agent": {"command": ["make"]}, "governors": {"boss": {"spec": "Decide."}}, "steps": [
    {"id": "look", "prompt": "x", "on_success": {"governor": "boss"}},
    {"id": "ask", "approve": "Release?"},
    {"id": "release", "prompt": "x", "agent": {"command": ["publish"]}, "max_retries": 0},
    {"id": "tell", "prompt": "x", "max_retries": 2}
]}"#;

/// What a governor does with the steps.
type Change<'c> = &'c dyn Fn(&mut Vec<Value>);

/// What comes of it.
fn objection(program: &Program, change: Change<'_>) -> Result<Program, String> {
    let mut steps = steps(program);
    change(&mut steps);
    patch(program, &json!({ "steps": steps }))
}

// A governor let a step be entered by a jump, and then jumped there past the approval.
#[test]
fn a_step_cannot_be_entered_by_jumps_more_often_than_before() {
    let program = program(LOCKED);
    let cases: [(Change<'_>, &str); 4] = [
        (
            &|s| s[2]["max_retries"] = json!(5),
            "`release` could be entered by a jump 5 times and not 0",
        ),
        (
            &|s| drop(s[2].as_object_mut().unwrap().remove("max_retries")),
            "`release` could be entered by a jump 3 times and not 0",
        ),
        (&|s| s[2]["max_retries"] = Value::Null, "3 times and not 0"),
        (
            &|s| s[3]["max_retries"] = json!(3),
            "`tell` could be entered",
        ),
    ];
    for (how, expected) in cases {
        let error = objection(&program, how).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    objection(&program, &|s| s[3]["max_retries"] = json!(1)).unwrap();
    objection(&program, &|s| s[0]["max_retries"] = json!(3)).unwrap();
}

#[test]
fn a_step_of_a_pipeline_within_cannot_be_entered_by_jumps_more_often_than_before() {
    let program = program(
        r#"{"agent": {"command": ["make"]}, "steps": [{"id": "inner", "pipeline": {"steps": [
        {"id": "a", "prompt": "x"}, {"id": "b", "prompt": "x", "max_retries": 0}]}}]}"#,
    );
    let inner = |retries: Value| {
        objection(&program, &|s| {
            s[0]["pipeline"]["steps"][1]["max_retries"] = retries.clone();
        })
    };
    let error = inner(json!(1)).unwrap_err();
    assert!(error.contains("`inner/b` could be entered"), "{error}");
    inner(json!(0)).unwrap();
}

#[test]
fn no_new_or_moved_step_leads_past_an_approval_to_a_step_that_no_jump_may_enter() {
    let program = program(LOCKED);
    let publish = |id: &str, retries: u32| json!({"id": id, "prompt": "x", "agent": {"command": ["publish"]}, "max_retries": retries});
    let cases: [(&str, Change<'_>); 5] = [
        (
            "a step that is entered by a jump, and followed by it",
            &|s| s.insert(2, json!({"id": "more", "prompt": "x"})),
        ),
        ("another step, moved there", &|s| {
            let tell = s.remove(3);
            s.insert(2, tell);
        }),
        ("a copy that may be entered", &|s| {
            s.push(publish("copy", 1));
        }),
        ("a copy behind a step that may be entered", &|s| {
            s.push(publish("copy", 0));
        }),
        (
            "the same work under the name of a step that may be entered",
            &|s| {
                s[3] = publish("tell", 2);
            },
        ),
    ];
    for (name, how) in cases {
        let error = objection(&program, how).unwrap_err();
        assert!(error.contains("past the step `ask`"), "{name}: {error}");
    }
    objection(&program, &|s| s.insert(3, publish("copy", 0))).unwrap();
    objection(&program, &|s| {
        s.insert(2, json!({"id": "more", "prompt": "x", "max_retries": 0}));
    })
    .unwrap();
    objection(&program, &|s| s.push(json!({"id": "more", "prompt": "x"}))).unwrap();
}

// What stood in the same step as the approval counted as being ahead of it.
#[test]
fn what_is_behind_an_approval_within_one_step_stays_behind_it() {
    let program = program(
        r#"{"agent": {"command": ["make"]}, "steps": [{"id": "look", "prompt": "x"}, {"id": "last", "pipeline": {"steps": [
        {"id": "ask", "approve": "Release?"}, {"id": "release", "prompt": "x", "agent": {"command": ["publish"]}}]}}]}"#,
    );
    let copy =
        json!({"id": "copy", "prompt": "x", "agent": {"command": ["publish"]}, "max_retries": 0});
    let error = objection(&program, &|s| s.insert(1, copy.clone())).unwrap_err();
    assert!(error.contains("runs the program `publish`"), "{error}");
    objection(&program, &|s| s.push(copy.clone())).unwrap();
}

#[test]
fn a_patch_that_makes_no_sense_is_told_why() {
    let program = program(BASE);
    for (change, expected) in [
        (json!({"steps": []}), "the list is empty"),
        (json!({"stepss": []}), "did you mean `steps`?"),
        (
            json!({"steps": {"build": null}}),
            "expected a list of steps",
        ),
        (json!([1]), "expected an object"),
    ] {
        let error = patch(&program, &change).unwrap_err();
        assert!(error.contains(expected), "{change}: {error}");
    }
}

/// The prompts of all agents of a program.
fn prompts(program: &Program) -> Vec<&str> {
    let agents = program.steps.iter().flat_map(|step| step.work.agents());
    agents.map(|agent| agent.prompt.as_str()).collect()
}

/// What a pipeline in the template of a `map` is for one of its inputs.
fn filled(input: &str) -> Program {
    let outer = program(
        r#"{"steps": [{"id": "each", "map": {"inputs": ["-"], "template": {"pipeline": {
            "agent": {"command": ["cat", "{input}"]}, "governors": {"boss": {"spec": "Decide."}},
            "steps": [
                {"id": "a", "prompt": "Read {input}.", "on_success": {"governor": "boss"}},
                {"id": "b", "prompt": "Mend {input}."},
                {"id": "c", "map": {"template": "Look at {input}.", "inputs": ["{input}.md", "all"]}}
            ]}}}}]}"#,
    );
    let Plan::Map { template, .. } = &outer.steps[0].work else {
        panic!("it is no map");
    };
    match template.with_input(input) {
        Plan::Pipeline { program } => (*program).clone(),
        other => panic!("{other:?}"),
    }
}

// The definition that a governor changes has `{input}` in it, and so had the changed pipeline: agents were asked to mend "{input}", and a
// program with it in its arguments counted as another one.
#[test]
fn a_change_within_a_map_is_filled_with_the_same_input_and_only_once() {
    for input in ["notes", "{input}", "a {input} b"] {
        let program = filled(input);
        let words = patch(&program, &json!({"description": "Said better."})).unwrap();
        assert_eq!(words.steps, program.steps, "{input}");
        let mut steps = steps(&program);
        steps[1]["prompt"] = json!("Mend {input} well.");
        let changed = patch(&program, &json!({ "steps": steps })).unwrap();
        let (read, mend) = (format!("Read {input}."), format!("Mend {input} well."));
        assert_eq!(
            prompts(&changed),
            [read.as_str(), &mend, "Look at {input}."],
            "{input}"
        );
        let again = patch(&changed, &json!({"description": "Said once more."})).unwrap();
        assert_eq!(again.steps, changed.steps, "{input}");
    }
}

#[test]
fn a_change_within_a_map_cannot_take_the_input_of_another_one() {
    let program = filled("notes");
    let mut steps = steps(&program);
    steps[1]["agent"] = json!({"command": ["cat", "secrets"]});
    let error = patch(&program, &json!({ "steps": steps })).unwrap_err();
    assert!(error.contains("runs the program `cat secrets`"), "{error}");
}

// The first word that is found counts, and a JSON object in memory has its fields in the order of the alphabet.
#[test]
fn words_of_retry_if_in_a_change_keep_the_order_in_which_the_governor_wrote_them() {
    use swarm_core::evaluate::{Action, Decision};
    let program = program(
        r#"{"governors": {"boss": {"spec": "Decide."}},
            "steps": [{"id": "a", "prompt": "x", "on_success": {"governor": "boss"}}, {"id": "b", "prompt": "y"}]}"#,
    );
    let answer = r#"{"action": "patch_pipeline", "pipeline_patch": {"steps": [
        {"id": "a", "prompt": "x", "on_success": {"governor": "boss"}},
        {"id": "b", "prompt": "y", "retry_if": {"WORSE": "a", "BAD": "c", "A": "a"}},
        {"id": "c", "prompt": "y"}]}}"#;
    let Action::Patch { patch: wanted } = Decision::of_answer(answer).unwrap().action else {
        panic!("it is no change");
    };
    let changed = patch(&program, &wanted).unwrap();
    let words = changed.steps[1].retry_if.iter();
    let words: Vec<&str> = words.map(|word| word.keyword.as_str()).collect();
    assert_eq!(words, ["WORSE", "BAD", "A"]);
}
