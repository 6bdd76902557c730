//! Runs agents somewhere of your own: here within this process, as a function of the prompt.
//!
//! ```console
//! $ cargo run -p swarm-examples --example own_runtime
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use swarm_core::{
    Swarm,
    ids::{RefId, RunId},
    machine::End,
    outcome::ExitReason,
    plan::{self, run},
    runtime::{AgentExit, AgentJob, AgentRuntime, OutputSink, OutputStream, RuntimeError},
    spec::{AgentSpec, Sandbox},
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Answers with the prompt in capitals, or backwards.
#[derive(Debug)]
struct Functions;

impl AgentRuntime for Functions {
    fn name(&self) -> &'static str {
        "functions"
    }

    /// Called before anything of a plan starts. What cannot be honoured is refused, not ignored.
    fn check(&self, sandbox: &Sandbox) -> Result<(), RuntimeError> {
        if sandbox.gpu {
            return Err(RuntimeError::Unsupported {
                runtime: self.name(),
                field: "gpu = true".to_owned(),
                hint: "use another runtime",
            });
        }
        Ok(())
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn OutputSink,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        async move {
            let started = Instant::now();
            // A prompt may be a large file; a runtime for such prompts reads it bit by bit, off the async threads.
            let prompt = job
                .stdin
                .read()
                .map_err(|e| RuntimeError::Start(e.to_string()))?;
            let prompt = String::from_utf8_lossy(&prompt);
            let answer: String = match job.invocation.argv.first().map(String::as_str) {
                Some("capitals") => prompt.to_uppercase(),
                Some("backwards") => prompt.chars().rev().collect(),
                other => return Err(RuntimeError::Start(format!("no function {other:?}"))),
            };
            output
                .write(OutputStream::Stdout, answer.as_bytes())
                .await
                .map_err(RuntimeError::Output)?;
            // Whatever takes time must also listen to the stop and to the clock.
            let reason = tokio::select! {
                () = stop.cancelled() => ExitReason::Cancelled,
                () = sleep(job.timeout) => ExitReason::TimedOut { after: job.timeout },
                () = std::future::ready(()) => ExitReason::Completed,
            };
            let duration = started.elapsed();
            Ok(AgentExit { reason, duration })
        }
        .boxed()
    }

    /// There is nothing that a dead process could leave behind.
    fn sweep<'a>(
        &'a self,
        _: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> BoxFuture<'a, Result<Vec<RefId>, RuntimeError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let swarm = Swarm::builder(Arc::new(Functions)).build();
    let capitals = AgentSpec::command("hello", ["capitals"])?;
    let backwards = AgentSpec::command("swarm", ["backwards"])?;
    let unknown = AgentSpec::command("?", ["sideways"])?;
    let view = swarm
        .execute(plan::par([run(capitals), run(backwards), run(unknown)]))
        .await?;
    let Some(End::Failed {
        succeeded,
        failures,
    }) = view.end()
    else {
        return Err(format!("sideways cannot work: {:?}", view.end()).into());
    };
    let mut answers = Vec::new();
    for id in succeeded {
        answers.push(String::from_utf8(swarm.store().text(id).await?.read()?)?);
    }
    println!("{answers:?}");
    assert_eq!(answers, ["HELLO", "mraws"]);
    for failure in failures {
        println!("{}: {}", failure.agent, failure.error);
    }
    assert_eq!(failures.len(), 1);
    Ok(())
}
