//! What a definition becomes.

use serde_json::json;
use swarm_core::{
    plan::{OnFail, Patcher as _, Plan},
    spec::{Agent, AgentSpec},
    types::TypeRegistry,
};
use swarm_pipeline::PipelinePatcher;

use crate::{
    definitions::valid,
    support::{Shelf, definition, program, wrong},
};

const LOOP: &str = r#"
name = "mend"
budget = 2.5
deadline_seconds = 600
classification = "internal"
sandbox = { agent = "claude", network = true }

[[steps]]
id = "test"
prompt = "Run the tests."
agent = { command = ["cargo", "test"] }
on_fail = "fix"
retry_if = { "FLAKY" = "test", "ABC" = "fix" }

[[steps]]
id = "fix"
condition = "prev.error"
prompt = "Mend what fails."
next = "test"
max_retries = 5
"#;

#[test]
fn a_loop_of_test_and_fix_becomes_two_steps_that_lead_to_each_other() {
    let program = program(LOOP);
    assert_eq!(program.name.as_deref(), Some("mend"));
    assert_eq!(program.limits.budget, Some("2.5".parse().unwrap()));
    assert_eq!(program.limits.wall_time.unwrap().as_secs(), 600);
    let [test, fix] = &program.steps[..] else {
        panic!("{:?}", program.steps)
    };
    assert_eq!(test.on_fail, Some(OnFail::Goto(1)));
    assert_eq!(test.retry_if[0].keyword, "FLAKY");
    assert_eq!((test.retry_if[0].step, test.retry_if[1].step), (0, 1));
    assert_eq!((test.max_retries, fix.max_retries), (3, 5));
    assert!(fix.only_after_error);
    assert_eq!(fix.next, Some(0));
    let agent = |plan: &Plan| plan.agents()[0].agent.clone();
    assert_eq!(
        agent(&test.work),
        Agent::Command(vec!["cargo".to_owned(), "test".to_owned()])
    );
    assert_eq!(agent(&fix.work), Agent::Named("claude".to_owned()));
}

#[test]
fn what_is_read_is_the_same_when_its_canonical_form_is_read() {
    let first = definition(LOOP);
    let again = definition(&first.to_value().to_string());
    assert_eq!(first, again);
}

#[test]
fn an_unknown_step_is_named_with_its_line_and_what_was_meant() {
    let text = LOOP.replace("on_fail = \"fix\"", "on_fail = \"fixx\"");
    assert_eq!(
        wrong(&text),
        ["line 12, column 11: steps[0].on_fail: there is no step `fixx`; did you mean `fix`?"]
    );
}

#[test]
fn each_kind_of_work_becomes_the_plan_of_that_name() {
    let program = program(&valid()[0].to_string());
    let ops: Vec<&str> = program.steps.iter().map(|step| step.work.op()).collect();
    assert_eq!(
        ops,
        [
            "run",
            "par",
            "chain",
            "map",
            "map_reduce",
            "map_reduce",
            "retry",
            "filter",
            "validate",
            "beam",
            "iterate",
            "score_list",
            "hunt",
            "guard",
            "approve",
            "pipeline",
            "run"
        ]
    );
    let limits = |step: usize| match &program.steps[step].work {
        Plan::Limit { limits, .. } => limits.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(limits(9).budget, Some("2".parse().unwrap()));
    assert_eq!(limits(10).wall_time.unwrap().as_secs(), 60);
    let Plan::Par { limit, .. } = &program.steps[1].work else {
        panic!("{:?}", program.steps[1].work)
    };
    assert_eq!(limit.unwrap().get(), 1);
    let Plan::Map { inputs, .. } = &program.steps[3].work else {
        panic!("{:?}", program.steps[3].work)
    };
    assert_eq!(inputs, &["a", "7", "{\"b\":null}"]);
}

#[test]
fn who_judges_is_chosen_from_the_inside_out() {
    let program = program(
        r#"{"judge": {"model": "sonnet"}, "steps": [
            {"filter": {"of": "x", "evaluator": "score:a"}},
            {"filter": {"of": "x", "evaluator": "score:a", "judge": {"agent": {"command": ["judge"]}}}},
            {"filter": {"of": "x", "evaluator": "exec:make", "judge": {"model": "opus"}}, "workdir": "/w", "image": "rust"}]}"#,
    );
    let judge = |step: usize| program.steps[step].work.agents()[1];
    assert_eq!(judge(0).sandbox.model.as_deref(), Some("sonnet"));
    assert!(judge(0).sandbox.tools.is_empty());
    assert_eq!(judge(1).agent, Agent::Command(vec!["judge".to_owned()]));
    // A command runs where the work is done.
    assert_eq!(judge(2).sandbox.workdir, "/w");
    assert_eq!(judge(2).sandbox.image.as_deref(), Some("rust"));
}

#[test]
fn a_program_keeps_what_its_names_stood_for() {
    let shelf = Shelf {
        sandboxes: vec![(
            "off",
            json!({"network": false, "env_vars": {"A": "secret"}}),
        )],
        governors: vec![("boss", "Decide.")],
        pipelines: vec![(
            "inner",
            r#"{"steps": [{"prompt": "x", "sandbox": "off"}]}"#.to_owned(),
        )],
    };
    let program = shelf.program(
        r#"{"steps": [{"prompt": "x", "sandbox": "off", "on_fail": {"governor": "boss"}}, {"pipeline": "inner"}]}"#,
    );
    let kept = &program.definition;
    assert_eq!(kept["sandboxes"]["off"]["network"], false);
    assert_eq!(kept["sandboxes"]["off"]["env_vars"]["A"], "<kept 1>");
    assert_eq!(kept["governors"]["boss"]["spec"], "Decide.");
    assert_eq!(kept["agent"], "claude");
    assert_eq!(
        kept["steps"][1]["pipeline"]["sandboxes"]["off"]["network"],
        false
    );
    // Nothing has to be looked up when it is changed.
    let patcher = PipelinePatcher::new(TypeRegistry::default());
    let changed = patcher.patch(&program, &json!({"budget": 1})).unwrap();
    assert_eq!(changed.steps, program.steps);
}

#[test]
fn a_governor_has_no_tools_but_of_a_kind_that_they_cannot_be_taken_from() {
    let tools = |agent: &str| {
        let definition = json!({
            "governors": {"g": {"spec": "Decide.", "agent": agent}},
            "steps": [{"prompt": "x", "on_success": {"governor": "g"}}],
        });
        let program = program(&definition.to_string());
        program.governors["g"].agent.sandbox.tools.clone()
    };
    let all = AgentSpec::command("x", ["true"]).unwrap().sandbox.tools;
    assert_eq!(tools("claude"), [""; 0]);
    assert_eq!(tools("codex"), all);
}

#[test]
fn a_pipeline_that_is_written_within_has_the_agent_and_the_judge_of_the_one_around_it() {
    let inner = json!({"steps": [{"filter": {"of": "one", "evaluator": "score:x"}}]});
    let shelf = Shelf {
        pipelines: vec![("saved", inner.to_string())],
        ..Shelf::default()
    };
    let agents = |within: serde_json::Value| {
        let definition = json!({
            "agent": {"command": ["cat"]},
            "judge": {"agent": {"command": ["rate"]}},
            "steps": [{"pipeline": within}],
        });
        let program = shelf.program(&definition.to_string());
        let agents = program.steps[0].work.agents().into_iter();
        agents.map(|agent| agent.agent.clone()).collect::<Vec<_>>()
    };
    let command = |word: &str| Agent::Command(vec![word.to_owned()]);
    assert_eq!(agents(inner), [command("cat"), command("rate")]);
    // A saved one is the same wherever it is named.
    let claude = Agent::Named("claude".to_owned());
    assert_eq!(agents(json!("saved")), [claude.clone(), claude]);
}
