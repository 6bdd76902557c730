use proptest::prelude::*;

use super::*;
use crate::agents::golden::{self, called, recorded, told};

fn read(lines: impl AsRef<[u8]>) -> (Conclusion, Vec<AgentEvent>) {
    golden::read(Box::<ExecEvents>::default(), lines.as_ref())
}

fn failure(lines: &str) -> String {
    match read(lines).0.verdict {
        Verdict::Failed { message } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_succeeds_has_its_text_and_usage() {
    let (end, events) = read(recorded!("codex", "hello"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "Hello from the script.");
    assert_eq!(end.cost, None);
    assert!(end.conversation.session_id.is_some());
    // 1100 were read, 400 of them from the cache; 50 were written, 20 of them thoughts.
    let usage = Usage {
        input: 700,
        output: 50,
        cache_read: 400,
        cache_write: 0,
    };
    assert_eq!(end.conversation.usage, usage);
    assert_eq!(told(&events), "Hello from the script.");
    let requests = events.iter().filter_map(|event| match event {
        AgentEvent::Request { id, usage, .. } => Some((Some(id.clone()), *usage)),
        _ => None,
    });
    let all: Vec<_> = requests.collect();
    assert_eq!(all, [(end.conversation.session_id, usage)]);
}

#[test]
fn tools_are_counted_once_and_only_the_last_message_is_the_answer() {
    let (end, events) = read(recorded!("codex", "tools"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.text, "All done.");
    assert_eq!(
        called(&events),
        ["command_execution", "file_change", "command_execution"]
    );
    assert_eq!(end.conversation.tool_calls, 3);
    assert_eq!(told(&events), "Writing.All done.");
    let usage = end.conversation.usage;
    assert_eq!(
        (usage.input, usage.cache_read, usage.output),
        (1700, 3200, 200)
    );
}

#[test]
fn errors_and_rate_limits_are_told_apart() {
    assert_eq!(
        failure(recorded!("codex", "api_error")),
        "The model does not exist"
    );
    assert!(failure(recorded!("codex", "server_error")).contains("high demand"));
    assert!(failure(recorded!("codex", "quota")).contains("Quota exceeded"));
    for limited in [
        recorded!("codex", "rate_limit"),
        recorded!("codex", "rate_limit_stream"),
    ] {
        let (end, _) = read(limited);
        assert!(
            matches!(end.verdict, Verdict::RateLimited { .. }),
            "{:?}",
            end.verdict
        );
    }
}

#[test]
fn a_request_that_is_made_again_is_no_failure() {
    let (end, _) = read(recorded!("codex", "recovered"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    // Here there was a notice too.
    let (end, events) = read(recorded!("codex", "fallback"));
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert!(events.contains(&AgentEvent::Retry { status: Some(200) }));
    let (_, events) = read(recorded!("codex", "rate_limit_stream"));
    assert!(events.contains(&AgentEvent::Retry { status: Some(429) }));
    let (_, events) = read(recorded!("codex", "server_error"));
    assert!(events.contains(&AgentEvent::Retry { status: None }));
}

#[test]
fn an_answer_that_is_cut_off_again_and_again_is_kept() {
    let (end, events) = read(recorded!("codex", "cut"));
    assert!(matches!(end.verdict, Verdict::Failed { .. }));
    assert!(end.text.starts_with("Half of it"));
    assert_eq!(end.text.replace("\n\n", ""), told(&events));
}

#[test]
fn a_stream_without_an_end_is_unfinished_and_keeps_its_text() {
    let lines: Vec<&str> = recorded!("codex", "tools").lines().collect();
    let (_, before) = lines.split_last().unwrap();
    let (end, _) = read(before.join("\n"));
    assert_eq!(end.verdict, Verdict::Unfinished);
    assert_eq!(end.text, "Writing.\n\nAll done.");
}

#[test]
fn an_error_is_never_a_success_whatever_comes_after_it() {
    for line in [
        r#"{"type":"error","message":"no"}"#,
        r#"{"type":"error"}"#,
        r#"{"type":"turn.failed","error":{"message":7}}"#,
        r#"{"type":"turn.failed"}"#,
    ] {
        let lines = format!("{line}\n{}", recorded!("codex", "hello"));
        let (end, _) = read(lines);
        assert!(matches!(end.verdict, Verdict::Failed { .. }), "{line}");
    }
    // A turn that follows must end too.
    let lines = format!(
        "{}\n{}",
        recorded!("codex", "hello"),
        r#"{"type":"turn.started"}"#
    );
    assert_eq!(read(lines).0.verdict, Verdict::Unfinished);
}

#[test]
fn a_field_of_another_type_costs_nothing_but_itself() {
    let lines = r#"{"type":"thread.started","thread_id":7}
{"type":"item.completed","item":{"type":"agent_message","text":["x"]}}
{"type":"item.completed","item":{"type":"mcp_tool_call","id":3,"tool":"search"}}
{"type":"item.completed","item":"x"}
{"type":"turn.completed","usage":{"input_tokens":5,"cached_input_tokens":9,"output_tokens":"many"}}"#;
    let (end, events) = read(lines);
    assert_eq!(end.verdict, Verdict::Succeeded);
    assert_eq!(end.conversation.session_id, None);
    assert_eq!(called(&events), ["search"]);
    assert_eq!(
        (end.conversation.usage.input, end.conversation.usage.output),
        (0, 0)
    );
}

proptest! {
    #[test]
    fn a_status_is_found_in_any_text_or_not(message in ".*") {
        for text in [format!("status{message}"), message] {
            prop_assert!(status_in(&text).is_none_or(|code| (100..600).contains(&code)));
        }
    }
}
