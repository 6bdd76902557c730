//! Agents that print a transcript, played by a script with the real output of their program.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use swarm_core::{
    Swarm,
    machine::End,
    money::Usd,
    outcome::ExitReason,
    plan::{chain, run},
    refs::Ref,
    runtime::process::{DEFAULT_PATH, ProcessOptions, ProcessRuntime},
    spec::{AgentSpec, SandboxSpec},
};
use tempfile::TempDir;

use crate::fixtures::{ref_of, text};

/// A folder with a program `claude` that runs `script`; `$RECORDED/NAME.jsonl` is what the real one printed.
struct Stage {
    folder: TempDir,
    swarm: Swarm,
}

impl Stage {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("claude");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let options = ProcessOptions::new(folder.path().join("agents"));
        let swarm = Swarm::builder(Arc::new(ProcessRuntime::new(options))).build();
        Self { folder, swarm }
    }

    fn agent(&self, mut sandbox: Value) -> AgentSpec {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/claude");
        sandbox["agent"] = json!("claude");
        sandbox["env_vars"] = json!({
            "PATH": format!("{}:{DEFAULT_PATH}", self.folder.path().display()),
            "RECORDED": recorded,
        });
        let sandbox = SandboxSpec::from_json(sandbox, "sandbox").unwrap();
        AgentSpec::new("Do it.", sandbox).unwrap()
    }

    /// Runs one agent, and returns its record and its text.
    async fn play(&self, sandbox: Value) -> (Ref, String) {
        let view = self.swarm.execute(self.agent(sandbox)).await.unwrap();
        let id = ref_of(&view.run, "agent-0");
        let found = self.swarm.store().get(&id).await.unwrap();
        (found, text(&**self.swarm.store(), &id).await)
    }
}

fn usd(dollars: &str) -> Usd {
    dollars.parse().unwrap()
}

#[tokio::test]
async fn the_answer_is_taken_out_of_the_transcript_with_cost_and_conversation() {
    let stage = Stage::new(r#"cat "$RECORDED/tools.jsonl""#);
    let (found, text) = stage.play(json!({"max_budget": 1})).await;
    assert_eq!(found.exit, ExitReason::Completed);
    assert_eq!(text, "All done.");
    assert_eq!(found.cost_usd, Some(usd("0.0166")));
    assert_eq!(found.model.as_deref(), Some("sonnet"));
    let budget = found.stamps.budget.unwrap();
    assert_eq!(budget.step_cost, usd("0.0166"));
    let conversation = found.stamps.conversation.unwrap();
    assert_eq!(conversation.model.as_deref(), Some("claude-sonnet-5-5"));
    assert_eq!(conversation.tool_calls, 5);
}

#[tokio::test]
async fn the_next_stage_is_told_the_answer_and_not_the_transcript() {
    let stage = Stage::new(r#"cat "$RECORDED/tools.jsonl""#);
    let count = AgentSpec::command("Repeat.", ["cat"]).unwrap();
    let plan = chain([run(stage.agent(json!({}))), run(count)]);
    let view = stage.swarm.execute(plan).await.unwrap();
    let told = text(&**stage.swarm.store(), &ref_of(&view.run, "stage-1")).await;
    assert!(told.ends_with("\nAll done."), "{told}");
    assert!(!told.contains("tool_use"), "{told}");
}

#[tokio::test]
async fn the_program_gets_the_prompt_on_stdin_and_what_its_kind_needs() {
    let script = r#"cat > prompt; printf '{"type":"result","subtype":"success","is_error":false,"result":"%s"}\n' \
        "$(cat prompt) $(cat "$HOME/.claude/CLAUDE.md") $CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC $# $1""#;
    let (_, text) = Stage::new(script)
        .play(json!({"claude_md": "Be kind."}))
        .await;
    assert!(text.starts_with("Do it. Be kind. 1 "), "{text}");
    assert!(text.ends_with(" --print"), "{text}");
}

#[tokio::test]
async fn an_error_that_the_program_reports_is_never_a_success_and_keeps_the_text() {
    for (status, exit) in [
        (1, ExitReason::Failed { code: 1 }),
        (0, ExitReason::ReportedFailure),
    ] {
        let stage = Stage::new(&format!(
            r#"cat "$RECORDED/api_error.jsonl"; exit {status}"#
        ));
        let (found, text) = stage.play(json!({})).await;
        assert_eq!(found.exit, exit);
        let error = found.error.unwrap();
        assert!(error.contains("selected model"), "{error}");
        assert_eq!(text, "First part.");
        assert_eq!(found.cost_usd, Some(usd("0.0004")));
    }
}

#[tokio::test]
async fn an_agent_whose_program_is_missing_costs_nothing() {
    let stage = Stage::new("");
    fs::remove_file(stage.folder.path().join("claude")).unwrap();
    let view = stage.swarm.execute(stage.agent(json!({}))).await.unwrap();
    assert_eq!(view.spent, Usd::ZERO);
    let Some(End::Failed { failures, .. }) = view.end() else {
        panic!("{:?}", view.end())
    };
    assert_eq!(failures[0].exit, ExitReason::NotStarted);
}

#[tokio::test]
async fn a_program_that_says_nothing_of_its_end_is_described_by_what_it_said_otherwise() {
    let stage = Stage::new("echo garbage; echo 'TypeError: boom' >&2");
    let (found, _) = stage.play(json!({})).await;
    assert_eq!(found.exit, ExitReason::ReportedFailure);
    let error = found.error.unwrap();
    assert!(error.contains("TypeError: boom"), "{error}");
}

#[tokio::test]
async fn limits_of_the_program_and_of_its_provider_are_recorded_as_such() {
    for (recorded, exit) in [
        ("budget", ExitReason::OverBudget),
        ("rate_limit", ExitReason::RateLimited),
    ] {
        let stage = Stage::new(&format!(r#"cat "$RECORDED/{recorded}.jsonl"; exit 1"#));
        let (found, _) = stage.play(json!({})).await;
        assert_eq!(found.exit, exit, "{recorded}");
        // Whoever spent its budget would again; requests that are refused now may be taken later.
        assert_eq!(exit.is_worth_a_retry(), exit == ExitReason::RateLimited);
    }
}

#[tokio::test]
async fn a_program_that_stops_in_the_middle_has_not_finished_whatever_its_status() {
    let stage = Stage::new(r#"head -n 16 "$RECORDED/tools.jsonl""#);
    let (found, text) = stage.play(json!({"max_budget": 1})).await;
    assert_eq!(found.exit, ExitReason::ReportedFailure);
    assert!(text.contains("Writing."), "{text}");
    // Nobody knows what it had spent when it stopped, so all that it may cost counts.
    assert_eq!(found.cost_usd, None);
    assert_eq!(found.stamps.budget.unwrap().step_cost, usd("1"));
}

#[tokio::test]
async fn an_agent_that_crosses_its_budget_is_stopped_there_and_then() {
    // All but the end, and then it would go on for a long time.
    let script = r#"head -n -1 "$RECORDED/turns.jsonl"; sleep 600"#;
    let stage = Stage::new(script);
    let played = stage.play(json!({"max_budget": 0.05}));
    let (found, _) = tokio::time::timeout(Duration::from_mins(1), played)
        .await
        .expect("it was stopped");
    assert_eq!(found.exit, ExitReason::OverBudget);
    // Depends on how much of its output came at once.
    let spent = found.cost_usd.unwrap();
    assert!(usd("0.07") <= spent && spent <= usd("0.14"), "{spent}");
    let error = found.error.unwrap();
    let said = format!("spent {spent} of $0.0500");
    assert!(error.contains(&said), "{error}");
}

#[tokio::test]
async fn what_an_agent_spends_counts_against_the_budget_of_its_run() {
    use swarm_core::{Control, NewRun, journal::RunLimits};
    let stage = Stage::new(r#"cat "$RECORDED/tools.jsonl""#);
    let agent = || run(stage.agent(json!({"max_budget": 1})));
    let new = NewRun {
        limits: RunLimits {
            budget: Some(usd("1.01")),
            deadline: None,
        },
        ..NewRun::from(chain([agent(), agent()]))
    };
    let view = stage.swarm.run(new, Control::default()).await.unwrap();
    assert_eq!(view.spent, usd("0.0166"));
    let Some(End::Failed { failures, .. }) = view.end() else {
        panic!("{:?}", view.end())
    };
    assert_eq!(failures[0].exit, ExitReason::BudgetExhausted);
}

/// A result as the program prints it, with the structured output that it says its model has given.
fn result_with(structured: &Value) -> String {
    let result = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": "", "num_turns": 1,
        "total_cost_usd": 0.25, "structured_output": structured,
    });
    format!("cat > /dev/null; echo '{result}'")
}

fn score_schema() -> Value {
    json!({"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]})
}

#[tokio::test]
async fn an_answer_is_held_to_its_schema_whatever_the_program_says() {
    let schema = json!({"output_schema": score_schema()});
    let right = Stage::new(&result_with(&json!({"score": 7})));
    let (found, text) = right.play(schema.clone()).await;
    assert_eq!(
        (found.exit, text.as_str()),
        (ExitReason::Completed, r#"{"score":7}"#)
    );

    let wrong = Stage::new(&result_with(&json!({"score": "seven"})));
    let (found, text) = wrong.play(schema).await;
    assert_eq!(found.exit, ExitReason::InvalidOutput);
    assert_eq!(text, r#"{"score":"seven"}"#, "what it did say is kept");
    assert_eq!(found.cost_usd, Some(usd("0.25")));
    let error = found.error.unwrap();
    assert!(
        error.contains("/score: \"seven\" is not of type \"number\""),
        "{error}"
    );
}

#[tokio::test]
async fn what_an_agent_says_in_a_wrong_answer_is_in_its_record_and_not_in_the_log() {
    let stage = Stage::new(&result_with(&json!({"score": "canary"})));
    let spec = stage.agent(json!({"output_schema": score_schema()}));
    let view = stage.swarm.execute(spec).await.unwrap();
    assert!(!format!("{view:?}").contains("canary"), "{view:?}");
}

#[tokio::test]
async fn the_output_of_a_command_can_be_held_to_a_schema() {
    let stage = Stage::new("");
    for (script, exit) in [
        (r#"echo '{"score": 7}'"#, ExitReason::Completed),
        (r"echo '{}'", ExitReason::InvalidOutput),
        ("echo seven", ExitReason::InvalidOutput),
        (r"printf '\377'", ExitReason::InvalidOutput),
        ("yes 1234567 | head -c 9000000", ExitReason::InvalidOutput),
        (r"echo '{}'; exit 3", ExitReason::Failed { code: 3 }),
    ] {
        let sandbox =
            json!({"agent": {"command": ["sh", "-c", script]}, "output_schema": score_schema()});
        let sandbox = SandboxSpec::from_json(sandbox, "sandbox").unwrap();
        let spec = AgentSpec::new("Do it.", sandbox).unwrap();
        let view = stage.swarm.execute(spec).await.unwrap();
        let found = stage.swarm.store().get(&ref_of(&view.run, "agent-0")).await;
        assert_eq!(found.unwrap().exit, exit, "{script}");
    }
}
