//! What it is told, what it says, and what it costs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    claude::stage::{KEY, Stage},
    common::run,
    model_server::{Turn, Usage},
};

#[test]
fn the_record_has_what_it_said_and_what_that_cost() {
    let usage = Usage {
        input: 1000,
        output: 200,
        cache_read: 10_000,
        cache_write: 400,
    };
    let stage = Stage::in_container([Turn::thinking("Politely.")
        .and_text("Hello, world.")
        .usage(usage)]);
    let found = stage.run("Say hello.", &[]).ok().value();
    assert_eq!(stage.text(&found), "Hello, world.");
    let [asked] = &stage.model.requests()[..] else {
        panic!("one request is enough");
    };
    assert_eq!(asked.header("x-api-key"), KEY);
    assert_eq!(asked.model(), "claude-sonnet-5-5");
    assert!(asked.said().contains("Say hello."), "{}", asked.said());
    assert_eq!(
        found["conversation"],
        json!({
            "session_id": asked.header("x-claude-code-session-id"), "model": "claude-sonnet-5-5", "turns": 1,
            "tool_calls": 0,
            "usage": {"input": 1000, "output": 200, "cache_read": 10_000, "cache_write": 400},
        })
    );
    // Two dollars for a million, ten, a tenth, two and a half.
    assert_eq!(found["cost_usd"], json!(0.006));
    assert_eq!(found["exit"], json!({"kind": "completed"}));
}

#[test]
fn a_slow_answer_arrives_whole() {
    let text = "One piece after the other, with a pause before each of them.";
    let stage = Stage::in_container([Turn::text(text).slowly(Duration::from_millis(300))]);
    let found = stage.run("Take your time.", &[]).ok().value();
    assert_eq!(stage.text(&found), text);
}

#[test]
fn an_answer_that_is_too_long_for_one_turn_goes_on() {
    let stage = Stage::in_container([
        Turn::text("The first half, ").stop_reason("max_tokens"),
        Turn::text("and the second."),
    ]);
    let found = stage.run("Be long.", &[]).ok().value();
    assert_eq!(stage.text(&found), "The first half, and the second.");
}

#[test]
fn standing_instructions_the_system_prompt_and_the_choice_of_model_arrive() {
    let stage = Stage::in_container([Turn::text("Aye.")]);
    let options = [
        "--system-prompt=You are a pirate.",
        "--claude-md=Never mention the parrot.",
        "--model=opus",
        "--effort=high",
    ];
    drop(stage.run("Report.", &options).ok());
    let asked = &stage.model.requests()[0];
    assert!(
        asked.system().contains("You are a pirate."),
        "{}",
        asked.system()
    );
    assert!(
        asked.said().contains("Never mention the parrot."),
        "{}",
        asked.said()
    );
    assert_eq!(asked.model(), "claude-opus-5-5");
    assert_eq!(asked.body["output_config"]["effort"], "high");
}

#[test]
fn an_answer_with_a_schema_is_that_object() {
    let schema = json!({
        "type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"],
    });
    let stage = Stage::in_container([
        Turn::tool("StructuredOutput", &json!({"count": "three"})),
        Turn::tool("StructuredOutput", &json!({"count": 3})),
    ]);
    let schema = format!("--output-schema={schema}");
    let found = stage.run("Count.", &[&schema]).ok().value();
    let text = stage.text(&found);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({"count": 3})
    );
    let requests = stage.model.requests();
    assert!(requests[0].tools().contains(&"StructuredOutput"));
    let (refusal, is_error) = &requests[1].tool_results()[0];
    assert!(is_error, "{refusal}");
}

#[test]
fn an_answer_that_never_is_as_the_schema_wants_is_a_failure_and_kept() {
    // The program asks once more, and then calls it a success.
    let stage = Stage::in_container([Turn::text("Three.").times(2)]);
    let schema = r#"--output-schema={"type": "object"}"#;
    let found = stage.run("Count.", &[schema]).code(1).value();
    assert_eq!(found["exit"]["kind"], "invalid_output");
    assert!(stage.text(&found).contains("Three."));
}

#[test]
fn one_chain_may_mix_programs_and_models() {
    let stage = Stage::in_container([Turn::text("three lines")]);
    let env = json!({
        "ANTHROPIC_BASE_URL": stage.model.url(), "ANTHROPIC_API_KEY": KEY,
    });
    let stages = json!([
        {"prompt": "a\nb\nc", "agent": {"command": ["cat"]}},
        {"prompt": "How many lines are that?", "agent": "claude", "env_vars": env},
        {"prompt": "Shout.", "agent": {"command": ["tr", "a-z", "A-Z"]}},
    ]);
    let file = stage.env.write("stages.json", &stages.to_string());
    let args = ["chain", "--stages", file.to_str().unwrap(), "--text", "-q"];
    let outcome = run(&mut stage.command(&args)).ok();
    assert!(outcome.stdout.contains("THREE LINES"), "{outcome:#?}");
    let asked = stage.model.requests()[0].said();
    assert!(asked.contains("a\nb\nc"), "{asked}");
}
