//! Many at once.

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use swarm_core::{
    ids::{AgentId, RunId},
    outcome::ExitReason,
    runtime::AgentRuntime as _,
    testing::sink::VecSink,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_and_thirty_agents_ten_at_a_time_all_succeed() {
    let bench = Bench::new().await;
    let run = RunId::random();
    let started = Instant::now();
    let ends: Vec<_> = stream::iter(0..130)
        .map(|i| {
            let (bench, run) = (&bench, run.clone());
            async move {
                let mut job = shell(json!({}), "cat; echo $NUMBER");
                job.id.run = run;
                job.id.agent = AgentId::new(format!("agent-{i}")).unwrap();
                job.stdin = format!("prompt {i}\n").as_str().into();
                job.sandbox.env_vars = [("NUMBER".to_owned(), i.to_string())].into_iter().collect();
                let mut sink = VecSink::default();
                let stop = CancellationToken::new();
                let exit = bench.runtime.run(&job, &mut sink, &stop).await;
                (i, exit, sink.text())
            }
        })
        .buffer_unordered(10)
        .collect()
        .await;
    println!("130 agents in {:?}", started.elapsed());
    assert_eq!(ends.len(), 130);
    for (i, exit, text) in ends {
        assert_eq!(exit.unwrap().reason, ExitReason::Completed, "agent-{i}");
        assert_eq!(text, format!("prompt {i}\n{i}\n"));
    }
    bench.assert_nothing_left().await;
}
