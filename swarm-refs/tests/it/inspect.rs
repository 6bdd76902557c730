//! What an agent did can be seen, however it ended.

use std::fs;

use swarm_core::{
    hash,
    outcome::ExitReason,
    refs::{RefError, RefStore as _},
    runtime::OutputStream::{Stderr, Stdout},
};

use crate::support::{TestStore, ended, header, id, tried, wrote};

const STREAM: &str = r#"{"type":"system"}
{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"Let me\nsee"},{"type":"text","text":"I look."}]}}
not json
{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Read","input":{}}]}}
{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash","input":{}},{"type":"text","text":"Done."}]}}
{"type":"result"
"#;

#[tokio::test]
async fn the_stream_of_an_agent_is_summed_up() {
    let store = TestStore::new();
    store.record("run/a", &[], STREAM).await;
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    assert_eq!(inspection.tool_calls, ["Read", "Bash"]);
    assert!(inspection.has_partial_output);
    assert_eq!(inspection.file, store.file(&id("run/a"), "inspect.md"));
    let report = fs::read_to_string(inspection.file).unwrap();
    for line in [
        "# Inspection: run/a",
        "- exit_code: 0 (completed)",
        "- error: none",
        "- cost: unknown",
        &format!("## Stream Log ({} bytes)", STREAM.len()),
        "- Tool calls: Read, Bash",
        "- Thinking steps: 1",
        "  - Let me see",
        "- Text chunks: 2",
        "- result.json (",
        "- stream.jsonl (",
    ] {
        assert!(report.contains(line), "no {line:?} in:\n{report}");
    }
}

#[tokio::test]
async fn what_an_agent_tried_to_reach_is_kept_and_shown() {
    let store = TestStore::new();
    let decision = tried("evil.example");
    let mut recording = store.begin("run/a", &[]).await.unwrap();
    recording.egress(&[]).await.unwrap();
    assert!(!store.file(&id("run/a"), "egress.jsonl").exists());
    recording
        .egress(std::slice::from_ref(&decision))
        .await
        .unwrap();
    recording
        .finish(ended(ExitReason::Completed))
        .await
        .unwrap();
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    assert_eq!(inspection.egress, [decision]);
    let report = fs::read_to_string(inspection.file).unwrap();
    assert!(
        report.contains(
            "## Network\n- 1970-01-01T00:00:01Z denied evil.example:443 3x (not listed)\n"
        ),
        "{report}"
    );
}

#[tokio::test]
async fn what_an_agent_claims_to_have_written_is_shown_as_its_claim() {
    let store = TestStore::new();
    let mut recording = store.begin("run/a", &[]).await.unwrap();
    let claims = [wrote("/a\n## Result"), wrote("/b")];
    recording.artifacts(&claims).await.unwrap();
    recording
        .finish(ended(ExitReason::Completed))
        .await
        .unwrap();
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    assert_eq!(inspection.claimed_artifacts, claims);
    let report = fs::read_to_string(inspection.file).unwrap();
    assert!(
        report.contains(
            "## Artifacts (2 claimed by the agent, unverified)\n\
             - 1970-01-01T00:00:01Z \"Write\" \"/a\\n## Result\"\n"
        ),
        "{report}"
    );
}

#[tokio::test]
async fn what_an_interrupted_agent_had_done_is_shown_until_it_begins_again() {
    let store = TestStore::new();
    let mut recording = store.begin("run/a", &[]).await.unwrap();
    recording.write(Stdout, b"transcript").await.unwrap();
    let mut end = ended(ExitReason::Cancelled);
    end.text = Some("so far".to_owned());
    recording.suspend(end).await.unwrap();
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    let report = fs::read_to_string(inspection.file).unwrap();
    for part in [
        "the agent was interrupted",
        "so far",
        "text length: 6 bytes",
    ] {
        assert!(report.contains(part), "{report}");
    }
    assert!(store.get(&id("run/a")).await.is_err());
    drop(store.begin("run/a", &[]).await.unwrap());
    assert!(!store.file(&id("run/a"), "interrupted.json").exists());
}

#[tokio::test]
async fn what_a_dead_process_had_written_of_a_record_is_recovered() {
    let store = TestStore::new();
    let long = "0123456789".repeat(20_000);
    for (name, text) in [("short", "so far"), ("long", long.as_str())] {
        let id = id(&format!("run/{name}"));
        let mut died = store.begin(&id.to_string(), &[]).await.unwrap();
        died.write(Stdout, text.as_bytes()).await.unwrap();
        died.write(Stderr, b"talk").await.unwrap();
        let header = header(&id);
        let running = store.recover(header.clone()).await;
        assert!(matches!(running, Err(RefError::Busy { .. })), "{running:?}");
        drop(died);
        let recovered = store.recover(header).await.unwrap().unwrap();
        assert_eq!(recovered.stdout.read().unwrap(), text.as_bytes());
        assert_eq!(recovered.recording.stderr_tail(), "talk");
        let end = ended(ExitReason::Cancelled);
        let found = recovered.recording.finish(end).await.unwrap();
        assert_eq!(found.size, text.len() as u64);
        let kept = store.text(&id).await.unwrap();
        assert_eq!(kept.read().unwrap(), text.as_bytes());
        let hash = hash::hex(text.as_bytes());
        let known = found.stamps.provenance.unwrap().content_hash.unwrap();
        assert!(hash.starts_with(&known), "{known} is not of {hash}");
    }
}

#[tokio::test]
async fn an_agent_that_is_running_or_died_can_be_inspected() {
    let store = TestStore::new();
    let mut running = store.begin("run/a", &[]).await.unwrap();
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    assert!(!inspection.has_partial_output);
    running.write(Stdout, b"so far").await.unwrap();
    running.write(Stderr, b"talk").await.unwrap();
    for _ in ["running", "dead"] {
        let inspection = store.inspect(&id("run/a")).await.unwrap();
        assert!(inspection.has_partial_output);
        let report = fs::read_to_string(inspection.file).unwrap();
        assert!(
            report.contains("so far") && report.contains("- none: "),
            "{report}"
        );
        drop(std::mem::replace(
            &mut running,
            store.begin("run/b", &[]).await.unwrap(),
        ));
        drop(std::mem::replace(
            &mut running,
            store.begin("run/c", &[]).await.unwrap(),
        ));
    }
    let error = store.inspect(&id("run/nobody")).await.unwrap_err();
    assert!(matches!(error, RefError::NotFound(_)), "{error}");
}

#[tokio::test]
async fn a_failure_says_why() {
    let store = TestStore::new();
    let recording = store.begin("run/a", &[]).await.unwrap();
    recording
        .finish(ended(ExitReason::OutOfMemory))
        .await
        .unwrap();
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    assert!(!inspection.has_partial_output);
    let report = fs::read_to_string(inspection.file).unwrap();
    assert!(
        report.contains("- exit_code: 137 (out of memory)"),
        "{report}"
    );
    assert!(report.contains("- error: out of memory"), "{report}");
}

#[tokio::test]
async fn a_report_stays_small_and_whole_whatever_the_text() {
    let store = TestStore::new();
    let hostile = format!("```\n# Not a heading\n{}\n", "ü".repeat(3_000_000));
    store.record("run/a", &[], &hostile).await;
    let inspection = store.inspect(&id("run/a")).await.unwrap();
    let report = fs::read_to_string(inspection.file).unwrap();
    assert!(report.len() < 10_000, "{} bytes", report.len());
    assert!(
        report.contains("\n````\n```\n# Not a heading\n"),
        "{report}"
    );
    assert_eq!(
        report.matches('ü').count(),
        2000 - "```\n# Not a heading\n".len()
    );
    let binary: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    store.record("run/b", &[], &binary).await;
    store.inspect(&id("run/b")).await.unwrap();
}
