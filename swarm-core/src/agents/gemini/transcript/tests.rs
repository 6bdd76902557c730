use super::*;
use crate::agents::golden::{self, called, recorded, told};

fn read(lines: impl AsRef<[u8]>) -> (Conclusion, Vec<AgentEvent>) {
    golden::read(Box::<StreamJson>::default(), lines.as_ref())
}

#[test]
fn a_run_that_succeeds_has_its_text_model_and_usage() {
    let (end, events) = read(recorded!("gemini", "hello"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "Hello from the script.");
    assert_eq!(end.cost, None);
    assert!(end.conversation.session_id.is_some());
    // The one that the provider names, not the one that was asked for.
    assert_eq!(end.conversation.model.as_deref(), Some("fake"));
    // 1100 were read, 400 of them from the cache; 50 were written and 20 thought.
    let usage = Usage {
        input: 700,
        output: 70,
        cache_read: 400,
        cache_write: 0,
    };
    assert_eq!(end.conversation.usage, usage);
    assert_eq!(told(&events), "Hello from the script.");
    assert!(events.contains(&AgentEvent::Request {
        id: "fake".to_owned(),
        model: "fake".to_owned(),
        usage,
    }));
}

#[test]
fn tools_are_counted_and_only_what_follows_them_is_the_answer() {
    let (end, events) = read(recorded!("gemini", "tools"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "All done.");
    assert_eq!(
        called(&events),
        ["run_shell_command", "write_file", "read_file", "replace"]
    );
    assert_eq!(end.conversation.tool_calls, 4);
    assert_eq!(told(&events), "Writing.All done.");
    let usage = end.conversation.usage;
    assert_eq!(
        (usage.input, usage.cache_read, usage.output),
        (1800, 3100, 230)
    );
}

#[test]
fn a_tool_that_is_not_among_those_allowed_is_named() {
    let (end, _) = read(recorded!("gemini", "tools"));
    assert_eq!(end.conversation.denied_tools, ["replace"]);
}

#[test]
fn errors_and_rate_limits_are_told_apart() {
    let (end, _) = read(recorded!("gemini", "api_error"));
    assert!(
        matches!(&end.verdict, Verdict::Failed { message } if message.contains("API key not valid")),
        "{:?}",
        end.verdict
    );
    let (end, _) = read(recorded!("gemini", "rate_limit"));
    assert!(
        matches!(&end.verdict, Verdict::RateLimited { message } if message.contains("exhausted")),
        "{:?}",
        end.verdict
    );
}

#[test]
fn an_answer_that_is_cut_off_fails_although_the_program_exits_with_zero() {
    let (end, events) = read(recorded!("gemini", "cut"));
    assert_eq!(
        end.verdict,
        Verdict::Failed {
            message: "Model stream ended without a finish reason.".to_owned()
        }
    );
    assert_eq!(end.text, told(&events));
}

#[test]
fn a_stream_without_a_result_is_unfinished_and_keeps_its_text() {
    let lines: Vec<&str> = recorded!("gemini", "tools").lines().collect();
    let (_, before) = lines.split_last().unwrap();
    let (end, _) = read(before.join("\n"));
    assert_eq!(end.verdict, Verdict::Unfinished);
    assert_eq!(end.text, "Writing.\n\nAll done.");
}

#[test]
fn an_error_is_never_a_success_whatever_the_result_says() {
    for line in [
        r#"{"type":"error","severity":"warning","message":"Loop detected, stopping execution"}"#,
        r#"{"type":"error","severity":"error"}"#,
        r#"{"type":"result","status":"success","error":{}}"#,
    ] {
        let lines = format!("{line}\n{}", recorded!("gemini", "hello"));
        let (end, _) = read(lines);
        assert!(matches!(end.verdict, Verdict::Failed { .. }), "{line}");
    }
    for line in [
        r#"{"type":"result"}"#,
        r#"{"type":"result","status":"error"}"#,
        r#"{"type":"result","status":["success"]}"#,
    ] {
        let (end, _) = read(line);
        assert!(matches!(end.verdict, Verdict::Failed { .. }), "{line}");
    }
}

#[test]
fn a_field_of_another_type_costs_nothing_but_itself() {
    let lines = r#"{"type":"init","session_id":7,"model":null}
{"type":"message","role":"assistant","content":{}}
{"type":"tool_use","tool_name":3,"tool_id":4}
{"type":"result","status":"success","error":null,"stats":{"models":{"m":{"input_tokens":5,"cached":9,"total_tokens":"x"},"n":7}}}"#;
    let (end, events) = read(lines);
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.conversation.tool_calls, 1);
    assert_eq!(called(&events), [""]);
    assert_eq!(end.conversation.usage.input, 0);
}
