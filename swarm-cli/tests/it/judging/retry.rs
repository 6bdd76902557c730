//! `swarm retry --type`

use super::{COUNT, Jury, get, refused};

#[test]
fn a_retry_with_a_type_goes_on_until_somebody_else_is_content() {
    let env = Jury::new();
    let counter = env.work().display().to_string();
    let agent = format!("{COUNT} cat; echo good 0.$((i*6+3))9");
    let args = env.judged(&[
        "retry",
        "Do it.",
        "--type",
        "something good",
        "--",
        "sh",
        "-c",
        &agent,
        &counter,
    ]);
    let found = env.json(&args);
    assert_eq!(found["agent_id"], "attempt-2");
    assert_eq!(found["validation_verdict"], "VALID");
    assert_eq!(found["retry"]["attempt"], 2);
    let error = get(&found, "/retry/prior_errors/0").as_str().unwrap();
    assert!(
        error.contains("PARTIAL") && error.contains("more than 0.39"),
        "{error}"
    );
    let text = env
        .swarm(&["unwrap", "-p", found["ref"].as_str().unwrap()])
        .ok()
        .stdout;
    assert!(
        text.contains("says PARTIAL, score=0.39\n- more than 0.39\n"),
        "{text}"
    );
    let never = env.judged(&[
        "retry",
        "x",
        "--attempts",
        "2",
        "--type",
        "something good",
        "--json",
        "--",
        "echo",
        "good 0.5",
    ]);
    let failed = env.swarm(&never).code(1).value();
    assert_eq!(failed["error"], "All 2 attempts failed");
    assert_eq!(
        failed["prior_errors"][1],
        "Type validation failed (PARTIAL, score=0.50): more than 0.5"
    );
    assert_eq!(failed["last_ref"]["agent_id"], "attempt-2");
}

#[test]
fn a_retry_without_its_type_is_refused_before_anything_is_paid() {
    refused(&[(
        &["retry", "x", "--type", "no-such-type", "--", "cat"],
        "there is no type",
    )]);
}

#[test]
fn a_retry_that_nobody_can_judge_stops_and_names_the_judge() {
    let env = Jury::of_program(&["./no-such-judge"]);
    let args = env.judged(&[
        "retry",
        "x",
        "--attempts",
        "3",
        "--type",
        "a note",
        "--json",
        "--",
        "echo",
        "done",
    ]);
    let failed = env.swarm(&args).code(1).value();
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("Stopped after attempt 1: "), "{error}");
    assert!(
        error.contains("attempt-1.validator could not be started"),
        "{error}"
    );
    assert_eq!(failed["prior_errors"].as_array().unwrap().len(), 1);
}
