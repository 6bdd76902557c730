//! A model that does not answer.

use serde_json::json;

use crate::{claude::stage::Stage, model_server::Turn};

#[test]
fn an_error_of_the_api_is_never_a_success() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let error = Turn::error(status, kind, "Not today.").for_ever();
        let stage = Stage::in_container([error]);
        let found = stage.run("Hello?", &[]).code(1).value();
        assert_eq!(
            found["exit"],
            json!({"kind": "failed", "code": 1}),
            "{status}"
        );
        let error = found["error"].as_str().unwrap();
        assert!(error.contains("Not today."), "{status}: {error}");
        assert_eq!(found["cost_usd"], json!(0.0), "{status}");
    }
}

#[test]
fn a_quota_that_is_used_up_is_told_from_a_failure() {
    let error = Turn::error(429, "rate_limit_error", "Your limit will reset at noon.");
    let stage = Stage::in_container([error.header("retry-after", "3600").for_ever()]);
    let found = stage.run("Hello?", &[]).code(1).value();
    assert_eq!(found["exit"], json!({"kind": "rate_limited"}));
    let error = found["error"].as_str().unwrap();
    assert!(error.contains("Your limit will reset at noon."), "{error}");
}

#[test]
fn what_it_had_said_before_an_error_is_kept() {
    let stage = Stage::in_container([
        Turn::text("First.").and_tool("Read", &json!({"file_path": "/etc/passwd"})),
        Turn::error(500, "api_error", "Not today.").for_ever(),
    ]);
    let found = stage.run("Go on.", &[]).code(1).value();
    assert_eq!(stage.text(&found), "First.");
    assert!(found["cost_usd"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_provider_that_is_busy_once_is_asked_again() {
    let busy = Turn::error(529, "overloaded_error", "Busy.").header("retry-after", "0");
    let stage = Stage::in_container([busy, Turn::text("Here I am.")]);
    let options = ["--env", "CLAUDE_CODE_MAX_RETRIES=1"];
    let found = stage.run("Hello?", &options).ok().value();
    assert_eq!(stage.text(&found), "Here I am.");
}

#[test]
fn an_answer_that_is_cut_and_comes_again_is_in_the_result_once() {
    let stage = Stage::in_container([
        Turn::text("Half a thou").cut(),
        Turn::text("Half a thought."),
    ]);
    let options = ["--env", "CLAUDE_CODE_MAX_RETRIES=3"];
    let found = stage
        .run_and_cut("Half a thou", "Think.", &options)
        .ok()
        .value();
    assert_eq!(stage.text(&found), "Half a thought.");
}

#[test]
fn an_answer_that_is_always_cut_is_a_failure_that_keeps_what_came() {
    let stage = Stage::in_container([Turn::text("Half a thou").cut().for_ever()]);
    let found = stage
        .run_and_cut("Half a thou", "Think.", &[])
        .code(1)
        .value();
    assert_ne!(found["exit"], json!({"kind": "completed"}));
    assert!(stage.text(&found).starts_with("Half a thou"), "{found:#}");
}

#[test]
fn an_error_in_mid_stream_is_a_failure_that_keeps_what_came() {
    let stage = Stage::in_container([Turn::text("Half a thou")
        .broken("overloaded_error")
        .for_ever()]);
    let found = stage.run("Think.", &[]).code(1).value();
    assert_ne!(found["exit"], json!({"kind": "completed"}));
    assert!(stage.text(&found).starts_with("Half a thou"), "{found:#}");
}
