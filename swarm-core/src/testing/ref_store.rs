//! What every ref store must do, as checks that any of them can be put through.
//!
//! ```
//! use std::sync::Arc;
//! use swarm_core::{refs::MemoryRefStore, testing::ref_store::ref_store_conformance};
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! ref_store_conformance(|| Arc::new(MemoryRefStore::default())).await;
//! # });
//! ```
#![expect(
    clippy::expect_used,
    reason = "a conformance suite reports by panicking, as a test does"
)]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;

use crate::{
    content::Content,
    hash,
    ids::RefId,
    money::Usd,
    outcome::ExitReason,
    prompt::{Piece, PriorError, parents},
    refs::{
        BudgetStamp, DeadlineStamp, Provenance, RecordEnd, RecordHeader, Recording, Ref, RefError,
        RefStore, RetryStamp, Stamps,
    },
    runtime::OutputStream::{Stderr, Stdout},
};

/// Puts the store through every promise of [`RefStore`] and [`Recording`]; each gets a store of its own.
///
/// # Panics
///
/// At the first promise that is broken.
pub async fn ref_store_conformance(make: impl Fn() -> Arc<dyn RefStore>) {
    a_result_exists_only_once_it_is_finished(make()).await;
    a_result_is_found_as_it_was_returned(make()).await;
    the_text_is_what_came_on_stdout(make()).await;
    a_text_may_be_empty(make()).await;
    a_text_may_be_large_and_binary(make()).await;
    a_prompt_is_written_down_as_it_was_composed(make()).await;
    a_large_prompt_is_complete(make()).await;
    a_prompt_quotes_the_error_of_a_result(make()).await;
    a_text_that_is_not_what_was_printed_is_the_text(make()).await;
    a_missing_parent_is_refused(make()).await;
    a_finished_record_is_never_begun_again(make()).await;
    an_unfinished_attempt_is_dropped(make()).await;
    an_interrupted_attempt_is_no_result_and_can_be_begun_again(make()).await;
    a_finished_record_is_not_recovered(make()).await;
    the_end_of_stderr_is_kept(make()).await;
    provenance_covers_the_spec_the_parents_and_the_text(make()).await;
    stamps_given_at_the_end_are_kept(make()).await;
    a_failure_keeps_its_output_and_its_reason(make()).await;
    many_agents_record_at_the_same_time(make()).await;
}

/// The header of an agent of run `run` that quotes `parents`.
pub fn header(agent: &str, parents: Vec<RefId>) -> RecordHeader {
    RecordHeader {
        id: id(agent),
        agent: "command".to_owned(),
        model: Some("sonnet".to_owned()),
        spec_hash: hash::hex(agent.as_bytes()),
        parents,
        classification: None,
    }
}

/// The end of an agent that did its task for 0.25 dollars in a second and a half.
pub fn success() -> RecordEnd {
    RecordEnd {
        exit: ExitReason::Completed,
        error: None,
        cost: Some(Usd::from_micros(250_000)),
        duration: Duration::from_millis(1_500),
        text: None,
        stamps: Stamps::default(),
    }
}

/// Records one agent that is told `prompt` and answers `text`.
pub async fn recorded(
    store: &dyn RefStore,
    agent: &str,
    prompt: Vec<Piece>,
    text: &[u8],
) -> Result<Ref, RefError> {
    let header = header(agent, parents(&prompt));
    let mut recording = store.begin(header, prompt).await?;
    print(recording.as_mut(), text).await;
    recording.finish(success()).await
}

fn id(agent: &str) -> RefId {
    format!("run/{agent}").parse().expect("the name is valid")
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

async fn begun(store: &dyn RefStore, agent: &str) -> Box<dyn Recording> {
    let begun = store.begin(header(agent, Vec::new()), vec![text("x")]);
    begun.await.expect("the record is begun")
}

async fn print(recording: &mut dyn Recording, text: &[u8]) {
    for chunk in text.chunks(50_000) {
        let written = recording.write(Stdout, chunk).await;
        written.expect("the chunk is taken");
    }
}

/// Reads off the async threads, as everybody should.
async fn read(content: Content) -> Vec<u8> {
    let read = tokio::task::spawn_blocking(move || content.read()).await;
    read.expect("the reader does not panic")
        .expect("the content can be read")
}

async fn text_of(store: &dyn RefStore, id: &RefId) -> Vec<u8> {
    read(store.text(id).await.expect("the text is there")).await
}

/// A result is not found while its agent runs, nor if the recording is given up.
pub async fn a_result_exists_only_once_it_is_finished(store: Arc<dyn RefStore>) {
    let missing = |found: Result<Ref, RefError>| matches!(found, Err(RefError::NotFound(at)) if at == id("a"));
    assert!(missing(store.get(&id("a")).await));
    let mut recording = begun(store.as_ref(), "a").await;
    print(recording.as_mut(), b"half").await;
    assert!(missing(store.get(&id("a")).await), "found while it ran");
    let text = store.text(&id("a")).await;
    assert!(matches!(text, Err(RefError::NotFound(_))), "{text:?}");
    drop(recording);
    assert!(
        missing(store.get(&id("a")).await),
        "found after it was given up"
    );
}

/// What [`Recording::finish`] returned is what [`RefStore::get`] finds.
pub async fn a_result_is_found_as_it_was_returned(store: Arc<dyn RefStore>) {
    let made = recorded(store.as_ref(), "a", vec![text("x")], b"answer").await;
    let made = made.expect("it is recorded");
    assert_eq!(store.get(&id("a")).await.expect("it is found"), made);
    assert_eq!(made.id, id("a"));
    assert_eq!(made.agent_id.as_str(), "a");
    assert_eq!(made.agent, "command");
    assert_eq!(made.model.as_deref(), Some("sonnet"));
    assert_eq!((made.exit_code, made.size), (0, 6));
    assert!(made.is_success());
    assert_eq!(made.cost_usd, Some(Usd::from_micros(250_000)));
    assert!((made.duration_seconds - 1.5).abs() < 1e-9);
}

/// The text is stdout in the order in which it came, without stderr.
pub async fn the_text_is_what_came_on_stdout(store: Arc<dyn RefStore>) {
    let mut recording = begun(store.as_ref(), "a").await;
    for (stream, chunk) in [
        (Stdout, "one "),
        (Stderr, "talk"),
        (Stdout, ""),
        (Stdout, "two"),
    ] {
        let written = recording.write(stream, chunk.as_bytes()).await;
        written.expect("the chunk is taken");
    }
    recording.finish(success()).await.expect("it is finished");
    assert_eq!(text_of(store.as_ref(), &id("a")).await, b"one two");
}

/// An agent that prints nothing has an empty text and no content hash.
pub async fn a_text_may_be_empty(store: Arc<dyn RefStore>) {
    let made = recorded(store.as_ref(), "a", vec![text("x")], b"").await;
    let made = made.expect("it is recorded");
    assert_eq!(made.size, 0);
    let provenance = made.stamps.provenance.expect("it has provenance");
    assert_eq!(provenance.content_hash, None);
    assert_eq!(text_of(store.as_ref(), &id("a")).await, b"");
}

/// Every byte of a text comes back, however many there are and whatever they mean.
pub async fn a_text_may_be_large_and_binary(store: Arc<dyn RefStore>) {
    let binary: Vec<u8> = (0..=255).cycle().take(300).collect();
    let large = "many wörds\n".repeat(20_000).into_bytes();
    let edge = vec![b'a'; 64 * 1024];
    let over = vec![b'a'; 64 * 1024 + 1];
    let cases = [
        ("binary", binary),
        ("large", large),
        ("edge", edge),
        ("over", over),
    ];
    for (agent, bytes) in cases {
        let made = recorded(store.as_ref(), agent, vec![text("x")], &bytes).await;
        let made = made.expect("it is recorded");
        assert_eq!(made.size, bytes.len() as u64, "{agent}");
        let kept = text_of(store.as_ref(), &id(agent)).await;
        assert!(kept == bytes, "the text of {agent} came back changed");
        let provenance = made.stamps.provenance.expect("it has provenance");
        let hash: String = hash::hex(&bytes).chars().take(16).collect();
        assert_eq!(provenance.content_hash, Some(hash), "{agent}");
    }
}

/// The prompt is its pieces one after the other, with the texts of results in their places.
pub async fn a_prompt_is_written_down_as_it_was_composed(store: Arc<dyn RefStore>) {
    let first = recorded(store.as_ref(), "first", vec![text("x")], b"FIRST\xff").await;
    first.expect("it is recorded");
    let second = recorded(store.as_ref(), "second", vec![text("x")], b"").await;
    second.expect("it is recorded");
    let prompt = vec![
        text("Compare "),
        Piece::Result(id("first")),
        text(" and "),
        Piece::Result(id("second")),
        text("."),
        Piece::Result(id("first")),
    ];
    let begun = store.begin(header("a", parents(&prompt)), prompt).await;
    let recording = begun.expect("the record is begun");
    let written = read(recording.prompt()).await;
    assert_eq!(written, b"Compare FIRST\xff and .FIRST\xff");
}

/// The text of an agent that prints a transcript is what was taken out of it, short or long.
pub async fn a_text_that_is_not_what_was_printed_is_the_text(store: Arc<dyn RefStore>) {
    for (agent, answer) in [
        ("none", String::new()),
        ("short", "forty-two".to_owned()),
        ("long", "0123456789".repeat(30_000)),
    ] {
        let mut recording = begun(store.as_ref(), agent).await;
        let printed = recording.write(Stdout, b"{\"type\":\"result\"}\n").await;
        printed.expect("it is written");
        let mut end = success();
        end.text = Some(answer.clone());
        let made = recording.finish(end).await.expect("it is finished");
        assert_eq!(made.size, answer.len() as u64, "{agent}");
        let kept = text_of(store.as_ref(), &id(agent)).await;
        assert!(kept == answer.as_bytes(), "{agent}");
        let hash: String = hash::hex(answer.as_bytes()).chars().take(16).collect();
        let provenance = made.stamps.provenance.expect("it has provenance");
        let expected = (!answer.is_empty()).then_some(hash);
        assert_eq!(provenance.content_hash, expected, "{agent}");
    }
}

/// A prompt can quote why an agent failed; nothing stands for an error that there is not.
pub async fn a_prompt_quotes_the_error_of_a_result(store: Arc<dyn RefStore>) {
    for (agent, error) in [("failed", Some("it said no")), ("silent", None)] {
        let mut end = success();
        end.exit = ExitReason::Failed { code: 3 };
        end.error = error.map(str::to_owned);
        let made = begun(store.as_ref(), agent).await.finish(end).await;
        made.expect("it is finished");
    }
    let prompt = vec![
        text("First: "),
        Piece::Error(id("failed")),
        text(", then: "),
        Piece::Error(id("silent")),
        text("."),
    ];
    let begun = store.begin(header("a", parents(&prompt)), prompt).await;
    let recording = begun.expect("the record is begun");
    let written = read(recording.prompt()).await;
    assert_eq!(written, b"First: it said no, then: .");
}

/// A prompt may quote more than anybody wants in memory.
pub async fn a_large_prompt_is_complete(store: Arc<dyn RefStore>) {
    let large = "0123456789".repeat(30_000);
    let made = recorded(store.as_ref(), "large", vec![text("x")], large.as_bytes()).await;
    made.expect("it is recorded");
    let prompt = vec![text("["), Piece::Result(id("large")), text("]")];
    let begun = store.begin(header("a", parents(&prompt)), prompt).await;
    let recording = begun.expect("the record is begun");
    let written = read(recording.prompt()).await;
    assert!(written == format!("[{large}]").into_bytes());
}

/// A prompt cannot quote what is not there, and nothing is begun.
pub async fn a_missing_parent_is_refused(store: Arc<dyn RefStore>) {
    let quoted = vec![text("Go on:"), Piece::Result(id("nobody"))];
    let blamed = vec![text("Go on:"), Piece::Error(id("nobody"))];
    for (parents, prompt) in [
        (vec![id("nobody")], quoted),
        (Vec::new(), blamed),
        (vec![id("nobody")], vec![text("x")]),
    ] {
        let begun = store.begin(header("a", parents), prompt).await;
        let refused = begun.map(drop);
        assert!(
            matches!(&refused, Err(RefError::NotFound(at)) if *at == id("nobody")),
            "{refused:?}"
        );
        let found = store.get(&id("a")).await;
        assert!(matches!(found, Err(RefError::NotFound(_))), "{found:?}");
    }
    let retried = recorded(store.as_ref(), "a", vec![text("x")], b"y").await;
    retried.expect("a refusal leaves nothing in the way");
}

/// A finished result stays as it is.
pub async fn a_finished_record_is_never_begun_again(store: Arc<dyn RefStore>) {
    let made = recorded(store.as_ref(), "a", vec![text("x")], b"answer").await;
    made.expect("it is recorded");
    let again = store.begin(header("a", Vec::new()), vec![text("x")]).await;
    let refused = again.map(drop);
    assert!(
        matches!(&refused, Err(RefError::Exists(at)) if *at == id("a")),
        "{refused:?}"
    );
    assert_eq!(text_of(store.as_ref(), &id("a")).await, b"answer");
}

/// What an earlier attempt printed before it was given up is not in the result.
pub async fn an_unfinished_attempt_is_dropped(store: Arc<dyn RefStore>) {
    let mut given_up = begun(store.as_ref(), "a").await;
    print(given_up.as_mut(), "old".repeat(40_000).as_bytes()).await;
    let written = given_up.write(Stderr, b"old").await;
    written.expect("the chunk is taken");
    drop(given_up);
    let begun = store
        .begin(header("a", Vec::new()), vec![text("new")])
        .await;
    let mut recording = begun.expect("the record is begun again");
    assert_eq!(read(recording.prompt()).await, b"new");
    assert_eq!(recording.stderr_tail(), "");
    print(recording.as_mut(), b"new").await;
    let made = recording.finish(success()).await.expect("it is finished");
    assert_eq!(made.size, 3);
    assert_eq!(text_of(store.as_ref(), &id("a")).await, b"new");
}

/// What an interrupted agent had done is no result, and in nobody's way.
pub async fn an_interrupted_attempt_is_no_result_and_can_be_begun_again(store: Arc<dyn RefStore>) {
    let mut interrupted = begun(store.as_ref(), "a").await;
    print(interrupted.as_mut(), b"so far").await;
    let end = RecordEnd {
        exit: ExitReason::Cancelled,
        ..success()
    };
    let suspended = interrupted.suspend(end).await;
    suspended.expect("what it had done is kept, or not");
    let found = store.get(&id("a")).await;
    assert!(matches!(found, Err(RefError::NotFound(_))), "{found:?}");
    let mut again = begun(store.as_ref(), "a").await;
    print(again.as_mut(), b"all").await;
    again.finish(success()).await.expect("it is finished");
    assert_eq!(text_of(store.as_ref(), &id("a")).await, b"all");
}

/// There is nothing to recover of an agent that never ran, nor of one that has ended.
pub async fn a_finished_record_is_not_recovered(store: Arc<dyn RefStore>) {
    let none = store.recover(header("a", Vec::new())).await;
    assert!(matches!(none, Ok(None)), "{none:?}");
    let recording = begun(store.as_ref(), "a").await;
    recording.finish(success()).await.expect("it is finished");
    let recovered = store.recover(header("a", Vec::new())).await;
    assert!(
        matches!(recovered, Ok(None) | Err(RefError::Exists(_))),
        "{recovered:?}"
    );
}

/// The tail of stderr is its last 4 KiB.
pub async fn the_end_of_stderr_is_kept(store: Arc<dyn RefStore>) {
    let mut recording = begun(store.as_ref(), "a").await;
    assert_eq!(recording.stderr_tail(), "");
    let written = recording.write(Stderr, b"not found").await;
    written.expect("the chunk is taken");
    assert_eq!(recording.stderr_tail(), "not found");
    for chunk in ["x".repeat(3_000), "y".repeat(3_000), "the end".to_owned()] {
        let written = recording.write(Stderr, chunk.as_bytes()).await;
        written.expect("the chunk is taken");
    }
    let all = format!("{}{}the end", "x".repeat(3_000), "y".repeat(3_000));
    let tail: String = all.chars().skip(all.len() - 4096).collect();
    assert_eq!(recording.stderr_tail(), tail);
    let written = recording.write(Stderr, "z".repeat(10_000).as_bytes()).await;
    written.expect("the chunk is taken");
    assert_eq!(recording.stderr_tail(), "z".repeat(4096));
}

/// A change of the spec, of any ancestor or of the text would change the provenance.
pub async fn provenance_covers_the_spec_the_parents_and_the_text(store: Arc<dyn RefStore>) {
    let first = recorded(store.as_ref(), "first", vec![text("x")], b"FIRST").await;
    let first = first.expect("it is recorded").stamps.provenance;
    let first = first.expect("it has provenance");
    let alone = Provenance::new(
        hash::hex(b"first"),
        Vec::new(),
        Some(&hash::hex(b"FIRST")),
        first.timestamp.clone(),
    );
    assert_eq!(first, alone);
    let prompt = vec![Piece::Result(id("first"))];
    let second = recorded(store.as_ref(), "second", prompt, b"SECOND").await;
    let second = second.expect("it is recorded").stamps.provenance;
    let second = second.expect("it has provenance");
    let child = Provenance::new(
        hash::hex(b"second"),
        vec![(id("first"), first.hash)],
        Some(&hash::hex(b"SECOND")),
        second.timestamp.clone(),
    );
    assert_eq!(second, child);
    assert_eq!(second.parent_refs, [id("first")]);
}

/// Attempt, budget and deadline are kept as they were given.
pub async fn stamps_given_at_the_end_are_kept(store: Arc<dyn RefStore>) {
    let given = Stamps {
        budget: Some(BudgetStamp {
            step_cost: Usd::from_micros(1),
            spent_so_far: Usd::from_micros(3),
            remaining: Some(Usd::from_micros(2_500_000)),
            limit: Some(Usd::from_micros(2_500_003)),
        }),
        deadline: Some(DeadlineStamp {
            deadline: 1_795_253_400,
            time_remaining: -2.25,
        }),
        retry: Some(RetryStamp {
            attempt: 2,
            max_retries: 3,
            prior_errors: vec![
                PriorError::Message("exit code 1".to_owned()),
                PriorError::Recorded { id: id("b") },
            ],
        }),
        ..Stamps::default()
    };
    let mut end = success();
    end.stamps = given.clone();
    let made = begun(store.as_ref(), "a").await.finish(end).await;
    let made = made.expect("it is finished");
    let found = store.get(&id("a")).await.expect("it is found");
    assert_eq!(found, made);
    assert_eq!(found.stamps.budget, given.budget);
    assert_eq!(found.stamps.deadline, given.deadline);
    assert_eq!(found.stamps.retry, given.retry);
}

/// An agent that failed leaves a result, too: what it printed, and why it ended.
pub async fn a_failure_keeps_its_output_and_its_reason(store: Arc<dyn RefStore>) {
    let endings = [
        ("failed", ExitReason::Failed { code: 3 }, 3),
        ("signalled", ExitReason::Signalled { signal: 9 }, 137),
        (
            "late",
            ExitReason::TimedOut {
                after: Duration::from_millis(1_250),
            },
            -1,
        ),
        ("lost", ExitReason::Lost, -1),
    ];
    for (agent, exit, code) in endings {
        let mut recording = begun(store.as_ref(), agent).await;
        print(recording.as_mut(), b"partial").await;
        let end = RecordEnd {
            exit: exit.clone(),
            error: Some("why".to_owned()),
            cost: None,
            ..success()
        };
        let made = recording.finish(end).await.expect("it is finished");
        let found = store.get(&id(agent)).await.expect("it is found");
        assert_eq!(found, made);
        assert_eq!((found.exit, found.exit_code), (exit, code));
        assert_eq!(found.error.as_deref(), Some("why"));
        assert_eq!(found.cost_usd, None);
        assert_eq!(text_of(store.as_ref(), &id(agent)).await, b"partial");
    }
}

/// Agents that run side by side do not get into each other's records.
pub async fn many_agents_record_at_the_same_time(store: Arc<dyn RefStore>) {
    let agents: Vec<String> = (0..40).map(|i| format!("agent-{i}")).collect();
    let made = join_all(
        agents
            .iter()
            .map(|agent| recorded(store.as_ref(), agent, vec![text("x")], agent.as_bytes())),
    )
    .await;
    let ids: BTreeSet<RefId> = made
        .into_iter()
        .map(|made| made.expect("it is recorded").id)
        .collect();
    assert_eq!(ids.len(), agents.len());
    for agent in &agents {
        assert_eq!(text_of(store.as_ref(), &id(agent)).await, agent.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::MemoryRefStore;

    #[tokio::test]
    async fn the_memory_store_keeps_every_promise() {
        ref_store_conformance(|| Arc::new(MemoryRefStore::default())).await;
    }
}
