//! What a definition becomes.

use swarm_core::{
    plan::{OnFail, Plan},
    spec::Agent,
};

use crate::support::{definition, program, wrong};

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
