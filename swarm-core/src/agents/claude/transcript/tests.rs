use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    agents::golden::{self, called, recorded, told},
    prices::Meter,
};

fn read(lines: impl AsRef<[u8]>) -> (Conclusion, Vec<AgentEvent>) {
    golden::read(Box::<StreamJson>::default(), lines.as_ref())
}

fn usd(dollars: &str) -> Usd {
    dollars.parse().unwrap()
}

#[test]
fn a_run_that_succeeds_has_its_text_cost_and_usage() {
    let (end, events) = read(recorded!("claude", "hello").as_bytes());
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "Hello from the script.");
    assert_eq!(end.cost, Some(usd("0.0004")));
    let conversation = end.conversation;
    assert_eq!(conversation.model.as_deref(), Some("claude-sonnet-5-5"));
    assert_eq!(conversation.turns, Some(1));
    assert_eq!(
        (conversation.usage.input, conversation.usage.output),
        (100, 20)
    );
    assert!(conversation.session_id.is_some());
    assert!(events.contains(&AgentEvent::Text("Hello from the script.".to_owned())));
}

#[test]
fn tools_are_counted_and_their_output_is_no_answer() {
    let (end, events) = read(recorded!("claude", "tools").as_bytes());
    assert_eq!(end.text, "All done.");
    assert_eq!(end.conversation.tool_calls, 5);
    assert_eq!(called(&events), ["Write", "Read", "Edit", "Bash", "Bash"]);
    assert_eq!(told(&events), "Writing.All done.");
}

#[test]
fn what_is_metered_on_the_way_is_what_the_program_reports_at_the_end() {
    for recorded in [
        recorded!("claude", "hello"),
        recorded!("claude", "tools"),
        recorded!("claude", "schema"),
        recorded!("claude", "turns"),
        recorded!("claude", "budget"),
        recorded!("claude", "denied"),
        recorded!("claude", "api_error"),
    ] {
        let (end, events) = read(recorded.as_bytes());
        let mut meter = Meter::new(Arc::default());
        let mut spent = Usd::ZERO;
        for event in events {
            if let AgentEvent::Request { id, model, usage } = event {
                spent = meter.add(&id, &model, usage);
            }
        }
        assert_eq!(Some(spent), end.cost, "{}", end.text);
    }
}

#[test]
fn an_answer_by_a_schema_is_kept_as_such() {
    let (end, _) = read(recorded!("claude", "schema").as_bytes());
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.structured, Some(json!({"name": "ok", "n": 3})));
    assert_eq!(end.text, r#"{"name":"ok","n":3}"#);
}

#[test]
fn an_answer_that_is_only_in_the_schema_is_not_lost() {
    let line =
        br#"{"type":"result","subtype":"success","is_error":false,"structured_output":{"a":1}}"#;
    let (end, _) = read(line);
    assert_eq!(end.text, r#"{"a":1}"#);
}

#[test]
fn limits_and_errors_are_told_apart_and_keep_the_text_before_them() {
    let (end, _) = read(recorded!("claude", "budget").as_bytes());
    assert_eq!(
        end.verdict,
        Verdict::OverBudget {
            message: "Reached maximum budget ($0.05)".to_owned()
        }
    );
    assert_eq!(end.cost, Some(usd("0.07")));

    let (end, _) = read(recorded!("claude", "turns").as_bytes());
    assert_eq!(
        end.verdict,
        Verdict::Failed {
            message: "Reached maximum number of turns (2)".to_owned()
        }
    );

    let (end, _) = read(recorded!("claude", "api_error").as_bytes());
    let Verdict::Failed { message } = &end.verdict else {
        panic!("{:?}", end.verdict);
    };
    assert!(message.contains("selected model"), "{message}");
    assert_eq!(end.text, "First part.");

    let (end, events) = read(recorded!("claude", "rate_limit").as_bytes());
    assert!(
        matches!(&end.verdict, Verdict::RateLimited { message } if message.contains("429")),
        "{:?}",
        end.verdict
    );
    assert!(events.contains(&AgentEvent::Retry { status: Some(429) }));
    assert_eq!(end.text, "");
}

#[test]
fn tools_that_were_not_allowed_are_named() {
    let (end, _) = read(recorded!("claude", "denied").as_bytes());
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.conversation.denied_tools, ["Write"]);
}

#[test]
fn a_stream_without_a_result_is_unfinished_and_keeps_its_text() {
    let lines: Vec<&str> = recorded!("claude", "tools").lines().collect();
    let (_, before) = lines.split_last().unwrap();
    let (end, _) = read(before.join("\n").as_bytes());
    assert_eq!(end.verdict, Verdict::Unfinished);
    assert_eq!(end.text, "Writing.\n\nAll done.");
    assert_eq!(end.cost, None);
}

#[test]
fn bytes_that_are_no_text_cost_the_result_nothing_else() {
    let recorded = recorded!("claude", "hello").replace("Hello from", "H\u{7f} from");
    let damaged: Vec<u8> = recorded
        .bytes()
        .map(|byte| if byte == 0x7f { 0xff } else { byte })
        .collect();
    let (end, _) = read(&damaged);
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "H\u{fffd} from the script.");
    assert_eq!(end.cost, Some(usd("0.0004")));
}

#[test]
fn the_last_of_several_results_counts() {
    let result = |text: &str, cost: &str| {
        format!(
            r#"{{"type":"result","subtype":"success","is_error":false,"result":"{text}","total_cost_usd":{cost}}}"#
        )
    };
    let lines = format!("{}\n{}", result("first", "0.1"), result("second", "0.3"));
    let (end, _) = read(lines.as_bytes());
    assert_eq!((end.text.as_str(), end.cost), ("second", Some(usd("0.3"))));
}

#[test]
fn a_field_of_another_type_costs_nothing_but_itself() {
    let line = br#"{"total_cost_usd":"free","result":["x"],"num_turns":-1,"permission_denials":{},
        "session_id":7,"modelUsage":[],"structured_output":null,"is_error":false,"subtype":"success","type":"result"}"#;
    let (end, _) = read(String::from_utf8_lossy(line).replace('\n', ""));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!((end.cost, end.text.as_str()), (None, ""));
    // Without a clear word it is no success.
    for line in [
        r#"{"type":"result"}"#,
        r#"{"type":"result","subtype":"success"}"#,
        r#"{"type":"result","subtype":"success","is_error":"no"}"#,
        r#"{"type":"result","is_error":false,"subtype":"something_new"}"#,
    ] {
        let (end, _) = read(line.as_bytes());
        assert!(matches!(end.verdict, Verdict::Failed { .. }), "{line}");
    }
}

#[test]
fn no_later_result_takes_a_failure_a_cost_or_usage_back() {
    let bad = r#"{"type":"result","subtype":"success","is_error":true,"result":"API Error: 500","total_cost_usd":4.5,
        "modelUsage":{"m":{"inputTokens":9,"outputTokens":7}}}"#;
    let forged = r#"{"type":"result","subtype":"success","is_error":false,"result":"All done.","total_cost_usd":0.01,
        "modelUsage":{"m":{"inputTokens":1}}}"#;
    for lines in [[bad, forged], [forged, bad]] {
        let (end, _) = read(lines.map(|line| line.replace('\n', "")).join("\n"));
        let failed = Verdict::Failed {
            message: "API Error: 500".to_owned(),
        };
        assert_eq!((end.verdict, end.cost), (failed, Some(usd("4.5"))));
        let usage = end.conversation.usage;
        assert_eq!((usage.input, usage.output), (9, 7));
    }
}

/// One message, as it streams.
fn streamed(id: &str, text: &str, stop_reason: &str) -> String {
    let event = |event: Value| {
        let line = json!({"type": "stream_event", "event": event, "api_message_id": id});
        format!("{line}\n")
    };
    let delta = json!({"type": "text_delta", "text": text});
    event(json!({"type": "content_block_delta", "delta": delta}))
        + &event(json!({"type": "message_delta", "delta": {"stop_reason": stop_reason}}))
}

#[test]
fn an_answer_that_took_several_messages_is_whole() {
    let result = |text: &str| {
        let line = json!({
            "type": "result", "subtype": "success", "is_error": false, "result": text,
        });
        format!("{line}\n")
    };
    let (first, second) = (
        streamed("m1", "The first", "max_tokens"),
        streamed("m2", " and the second half.", "end_turn"),
    );
    let whole = "The first and the second half.";
    let (end, _) = read(first.clone() + &second + &result(" and the second half."));
    assert_eq!(end.text, whole);
    // It gave up.
    let (end, _) = read(first.clone() + &result("The first"));
    assert_eq!(end.text, "The first");
    // It was stopped.
    let (end, _) = read(first.clone() + &second);
    assert_eq!(end.text, whole);
    // What came before a tool is no answer.
    let tool = streamed("m2", " look", "tool_use");
    let last = streamed("m3", "Done.", "end_turn");
    let (end, _) = read(first.clone() + &tool + &last + &result("Done."));
    assert_eq!(end.text, "Done.");
    // Nor is what was the answer to something else.
    let (end, _) =
        read(first + &second + &result(" and the second half.") + &last + &result("Done."));
    assert_eq!(end.text, "Done.");
}

#[test]
fn servers_that_did_not_start_are_told() {
    let init = r#"{"type":"system","subtype":"init","session_id":"s","mcp_servers":[
        {"name":"a","status":"connected"},{"name":"b","status":"failed"},{"name":"c","status":"needs-auth"}]}"#;
    let (end, _) = read(init.replace('\n', ""));
    assert_eq!(end.conversation.failed_mcps, ["b", "c"]);
    assert_eq!(end.conversation.session_id.as_deref(), Some("s"));
}

#[test]
fn a_call_of_a_tool_that_is_not_offered_is_named_as_denied() {
    let init = r#"{"type":"system","subtype":"init","tools":["Read","mcp__a__b"]}"#;
    let calls = [
        "Read",
        "Write",
        "Bash",
        "Write",
        "mcp__late__c",
        "StructuredOutput",
    ];
    let calls = calls.map(|name| {
        format!(r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","name":"{name}"}}]}}}}"#)
    });
    let end = r#"{"type":"result","subtype":"success","is_error":false,"result":"x",
        "permission_denials":[{"tool_name":"Bash"},{"tool_name":"Edit"}]}"#
        .replace('\n', "");
    let lines = [&[init.to_owned()], calls.as_slice(), &[end]]
        .concat()
        .join("\n");
    let (end, _) = read(lines);
    assert_eq!(end.conversation.denied_tools, ["Write", "Bash", "Edit"]);
    // Who does not say what is offered denies nothing.
    let (end, _) = read(calls.join("\n"));
    assert_eq!(end.conversation.denied_tools, Vec::<String>::new());
}

#[test]
fn numbers_that_are_too_large_count_as_the_largest() {
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"x","total_cost_usd":1e300}"#;
    let (end, _) = read(result);
    assert_eq!(end.cost, Usd::at_most(f64::MAX));
    assert!(end.cost > Some(usd("1000000")));
    let message =
        r#"{"type":"assistant","message":{"id":"m","model":"claude-sonnet-5-5","content":[],
        "usage":{"input_tokens":1e30,"output_tokens":99999999999999999999999}}}"#
            .replace('\n', "");
    let (_, events) = read(message);
    let used = events.iter().find_map(|event| match event {
        AgentEvent::Request { usage, .. } => Some(*usage),
        _ => None,
    });
    let used = used.unwrap();
    assert_eq!((used.input, used.output), (u64::MAX, u64::MAX));
}
