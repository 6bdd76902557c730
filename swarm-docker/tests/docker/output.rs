//! What goes in and comes out, byte by byte.

use std::{io, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::json;
use swarm_core::{
    outcome::ExitReason,
    runtime::{AgentRuntime as _, OutputSink, OutputStream},
    testing::sink::VecSink,
};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, numbers, shell};

#[tokio::test]
async fn a_hundred_thousand_lines_before_the_end_are_all_there() {
    let bench = Bench::new().await;
    let expected = numbers(100_000);
    for _ in 0..3 {
        let text = bench.text(json!({}), "seq 1 100000").await;
        assert!(
            text == expected,
            "{} bytes instead of {}",
            text.len(),
            expected.len()
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_as_they_are() {
    let bench = Bench::new().await;
    let script = "head -c 5000000 /dev/urandom > f; sha256sum < f >&2; cat f";
    let (exit, sink) = bench.run(&shell(json!({}), script)).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    let stdout = sink.stdout();
    assert_eq!(stdout.len(), 5_000_000);
    let expected = format!("{}  -\n", swarm_core::hash::hex(&stdout));
    assert_eq!(String::from_utf8(sink.stderr()).unwrap(), expected);
}

#[tokio::test]
async fn a_prompt_of_many_megabytes_arrives_exactly() {
    let bench = Bench::new().await;
    let prompt: Vec<u8> = (0_u32..3_000_000).flat_map(u32::to_le_bytes).collect();
    let mut job = shell(json!({}), "sha256sum");
    job.stdin = prompt.clone().into();
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(
        sink.text(),
        format!("{}  -\n", swarm_core::hash::hex(&prompt))
    );
}

#[tokio::test]
async fn output_flows_while_the_prompt_goes_in() {
    let bench = Bench::new().await;
    // More than all buffers on the way hold: with one direction at a time this would never end.
    let prompt = vec![b'x'; 20 << 20];
    let mut job = shell(json!({}), "cat");
    job.stdin = prompt.clone().into();
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert!(sink.stdout() == prompt);
}

/// Sleeps on its first chunk, then keeps everything.
struct Stalled {
    pause: Option<Duration>,
    kept: VecSink,
}

impl OutputSink for Stalled {
    fn write<'a>(
        &'a mut self,
        stream: OutputStream,
        chunk: &'a [u8],
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            self.kept.write(stream, chunk).await
        })
    }
}

/// An engine waits two seconds for a reader after the end of a container, then it throws away what is left.
#[tokio::test]
async fn a_sink_that_stalls_loses_nothing_and_holds_nobody_up() {
    let bench = Bench::new().await;
    // Much more than the buffers on the way hold.
    let line = format!("{}\n", "x".repeat(999));
    let expected = line.repeat(20_000);
    let job = shell(
        json!({}),
        "head -c 19980000 /dev/zero | tr '\\0' x | fold -w 999; echo",
    );
    let kept = VecSink::default();
    let mut sink = Stalled {
        pause: Some(Duration::from_secs(6)),
        kept: kept.clone(),
    };
    let stop = CancellationToken::new();
    let exit = bench.runtime.run(&job, &mut sink, &stop).await.unwrap();
    assert_eq!(exit.reason, ExitReason::Completed);
    let text = kept.text();
    assert!(
        text == expected,
        "{} bytes instead of {}",
        text.len(),
        expected.len()
    );
    assert!(
        exit.duration < Duration::from_secs(5),
        "{:?}",
        exit.duration
    );
    bench.assert_nothing_left().await;
}

#[tokio::test]
async fn an_agent_that_closes_its_output_is_waited_for() {
    let bench = Bench::new().await;
    let script = "echo all; exec >&- 2>&-; sleep 3; exit 5";
    let (exit, sink) = bench.run(&shell(json!({}), script)).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::Failed { code: 5 });
    // It is measured from the answer to the start, which comes a little after the start.
    assert!(
        exit.duration >= Duration::from_millis(2500),
        "{:?}",
        exit.duration
    );
    assert_eq!(sink.text(), "all\n");
}

/// Counts, and keeps nothing.
#[derive(Default)]
struct Count(u64);

impl OutputSink for Count {
    fn write<'a>(&'a mut self, _: OutputStream, chunk: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        self.0 += chunk.len() as u64;
        Box::pin(async { Ok(()) })
    }
}

/// The most memory that this process has had, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn much_output_needs_no_memory() {
    let bench = Bench::new().await;
    bench.text(json!({}), "echo warm").await;
    let before = peak_memory();
    let job = shell(json!({}), "head -c 209715200 /dev/zero");
    let mut sink = Count::default();
    let stop = CancellationToken::new();
    let exit = bench.runtime.run(&job, &mut sink, &stop).await.unwrap();
    assert_eq!(exit.reason, ExitReason::Completed);
    assert_eq!(sink.0, 200 << 20);
    let grown = peak_memory() - before;
    println!("{grown} KiB in {:?}", exit.duration);
    assert!(grown < 16 * 1024, "{grown} KiB");
    bench.assert_nothing_left().await;
}
