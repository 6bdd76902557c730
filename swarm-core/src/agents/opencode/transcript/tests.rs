use super::*;
use crate::agents::golden::{self, called, recorded, told};

fn read(lines: impl AsRef<[u8]>) -> (Conclusion, Vec<AgentEvent>) {
    golden::read(Box::<RunEvents>::default(), lines.as_ref())
}

fn usd(dollars: &str) -> Usd {
    dollars.parse().unwrap()
}

#[test]
fn a_run_that_succeeds_has_its_text_cost_and_usage() {
    let (end, events) = read(recorded!("opencode", "hello"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "Hello from the script.");
    // 700 at 2, 400 at 0.2 and 50 at 10 dollars per million.
    assert_eq!(end.cost, Some(usd("0.00198")));
    let conversation = end.conversation;
    assert!(conversation.session_id.is_some());
    assert_eq!(conversation.turns, Some(1));
    let usage = Usage {
        input: 700,
        output: 50,
        cache_read: 400,
        cache_write: 0,
    };
    assert_eq!(conversation.usage, usage);
    assert_eq!(told(&events), "Hello from the script.");
    assert!(
        events.iter().any(
            |event| matches!(event, AgentEvent::Request { usage: used, .. } if *used == usage)
        )
    );
}

#[test]
fn tools_are_counted_and_only_the_last_message_is_the_answer() {
    let (end, events) = read(recorded!("opencode", "tools"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "All done.");
    let mut names = called(&events);
    names.sort_unstable();
    assert_eq!(names, ["bash", "bash", "read", "write"]);
    assert_eq!(end.conversation.tool_calls, 4);
    assert_eq!(end.conversation.turns, Some(4));
    assert_eq!(told(&events), "Writing.All done.");
    assert_eq!(end.cost, Some(usd("0.00622")));
    let usage = end.conversation.usage;
    assert_eq!(
        (usage.input, usage.cache_read, usage.output),
        (1800, 3100, 200)
    );
}

#[test]
fn tools_that_are_not_allowed_are_named() {
    let (end, _) = read(recorded!("opencode", "denied"));
    let mut denied = end.conversation.denied_tools;
    denied.sort_unstable();
    assert_eq!(denied, ["bash", "write"]);
}

#[test]
fn an_error_is_a_failure_and_a_429_is_a_rate_limit() {
    let (end, _) = read(recorded!("opencode", "api_error"));
    assert_eq!(
        end.verdict,
        Verdict::Failed {
            message: "The model does not exist".to_owned()
        }
    );
    assert_eq!(end.cost, Some(Usd::ZERO));
    let limited =
        recorded!("opencode", "api_error").replace("\"statusCode\":400", "\"statusCode\":429");
    let (end, _) = read(limited);
    assert!(matches!(end.verdict, Verdict::RateLimited { .. }));
    let (end, _) = read(recorded!("opencode", "unknown_model"));
    assert!(matches!(end.verdict, Verdict::Failed { .. }));
}

#[test]
fn an_answer_that_reached_the_limit_of_the_model_is_no_success() {
    let (end, _) = read(recorded!("opencode", "length"));
    assert_eq!(
        end.verdict,
        Verdict::Failed {
            message: "the model stopped with \"length\"".to_owned()
        }
    );
    assert_eq!(end.text, "Half of");
}

#[test]
fn a_stream_that_was_cut_between_steps_is_unfinished_and_keeps_its_text() {
    let (end, _) = read(recorded!("opencode", "cut"));
    assert_eq!(end.verdict, Verdict::Unfinished);
    assert_eq!(end.text, "Half of it\n\nHalf of it");
    assert_eq!(end.cost, None);
}

#[test]
fn a_cost_of_nothing_for_something_is_not_believed() {
    let line = r#"{"type":"step_finish","part":{"reason":"stop","tokens":{"input":5},"cost":0}}"#;
    let (end, _) = read(line);
    assert_eq!((end.verdict, end.cost), (Verdict::Succeeded, None));
}

#[test]
fn an_error_is_never_a_success_whatever_comes_after_it() {
    for line in [r#"{"type":"error"}"#, r#"{"type":"error","error":"x"}"#] {
        let (end, _) = read(format!("{line}\n{}", recorded!("opencode", "hello")));
        assert!(matches!(end.verdict, Verdict::Failed { .. }), "{line}");
    }
}

#[test]
fn a_field_of_another_type_costs_nothing_but_itself() {
    let lines = r#"{"type":"text","sessionID":7,"part":{"text":["x"]}}
{"type":"tool_use","part":[]}
{"type":"step_finish","part":{"reason":"stop","tokens":{"input":-5,"output":"x","cache":7},"cost":"free"}}"#;
    let (end, events) = read(lines);
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.conversation.usage, Usage::default());
    assert_eq!(called(&events), [""]);
    let (end, _) = read(r#"{"type":"step_finish","part":{"reason":["stop"]}}"#);
    assert!(matches!(end.verdict, Verdict::Failed { .. }));
}
