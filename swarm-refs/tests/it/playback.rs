//! Recording agents takes nothing away from them, and what was recorded is told again.

use std::{fs, path::Path, sync::Arc, time::Duration};

use futures_util::future::FutureExt as _;
use swarm_core::{
    artifacts::ArtifactClaim,
    ids::RunId,
    outcome::ExitReason,
    refs::ImageStamp,
    runtime::{
        AgentExit, AgentJob, AgentRuntime, EgressDecision, RuntimeError,
        process::{ProcessOptions, ProcessRuntime},
    },
    testing::{
        runtime::{RuntimeSubject, runtime_conformance, shell_job},
        scripted::{Scripted, ScriptedRuntime},
        sink::VecSink,
    },
    time::Timestamp,
};
use swarm_refs::{RecordingRuntime, ReplayRuntime};
use tokio_util::sync::CancellationToken;

fn run_id() -> RunId {
    RunId::new("run").unwrap()
}

fn job(agent: &str, stdin: &str) -> AgentJob {
    let mut job = shell_job(format!("run/{agent}").parse().unwrap(), "");
    job.stdin = stdin.into();
    job
}

async fn recording(inner: ScriptedRuntime, tape: &Path) -> RecordingRuntime {
    let opened = RecordingRuntime::create(Arc::new(inner), tape, &run_id()).await;
    opened.unwrap()
}

async fn play(
    runtime: &dyn AgentRuntime,
    job: &AgentJob,
) -> (Result<AgentExit, RuntimeError>, VecSink) {
    let mut sink = VecSink::default();
    let exit = runtime.run(job, &mut sink, &CancellationToken::new()).await;
    (exit, sink)
}

#[tokio::test]
async fn a_runtime_that_is_recorded_keeps_every_promise() {
    let temp = tempfile::tempdir().unwrap();
    let mut options = ProcessOptions::new(temp.path().join("agents"));
    options.stop_grace = Duration::from_millis(500);
    let inner = Arc::new(ProcessRuntime::new(options));
    let tape = temp.path().join("tape");
    let runtime = RecordingRuntime::create(inner, &tape, &run_id()).await;
    let runtime = runtime.unwrap();
    let agents = temp.path().join("agents");
    let shared = temp.path().join("shared");
    fs::create_dir(&shared).unwrap();
    let subject = RuntimeSubject {
        shared,
        runtime: Arc::new(runtime.clone()),
        job: Box::new(shell_job),
        leftovers: Box::new(move || {
            let left = fs::read_dir(&agents).into_iter().flatten().flatten();
            let left: Vec<String> = left
                .flat_map(|run| fs::read_dir(run.path()).into_iter().flatten().flatten())
                .map(|agent| agent.path().display().to_string())
                .collect();
            async move { left }.boxed()
        }),
    };
    runtime_conformance(&subject).await;
    // The agents of all those runs have the same few names, but none runs beside one of its own.
    assert_eq!(runtime.unkept(), None);
    let left = fs::read_dir(tape.join("agents")).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().starts_with('.')),
        "{left:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_recorded_stops_no_agent_and_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let tape = temp.path().join("tape");
    let runtime = recording(ScriptedRuntime::echo(), &tape).await;
    fs::remove_dir(tape.join("agents")).unwrap();
    let (exit, sink) = play(&runtime, &job("a", "hello")).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "hello");
    assert!(runtime.unkept().unwrap().starts_with("a: cannot create"));
}

#[tokio::test]
async fn the_newest_end_of_an_agent_is_the_one_that_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let tape = temp.path().join("tape");
    let script = |_: &AgentJob, prompt: &str| match prompt {
        "fail" => Scripted::ends(ExitReason::Failed { code: 7 }),
        prompt => Scripted::says(prompt),
    };
    let runtime = recording(ScriptedRuntime::new(script), &tape).await;
    drop(play(&runtime, &job("a", "fail")).await);
    drop(runtime);
    let inner = Arc::new(ScriptedRuntime::new(script));
    let again = RecordingRuntime::reopen(inner, &tape, &run_id()).await;
    drop(play(&again.unwrap(), &job("a", "well")).await);

    let replay = ReplayRuntime::open(&tape).await.unwrap();
    assert!(!replay.starts_programs());
    let (exit, sink) = play(&replay, &job("a", "well")).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "well");
    let (refused, sink) = play(&replay, &job("a", "fail")).await;
    assert_eq!(refused.unwrap_err().exit_reason(), ExitReason::Refused);
    assert_eq!(sink.text(), "");
}

/// Tells everything that a runtime can.
#[derive(Debug)]
struct Talkative;

fn decision() -> EgressDecision {
    EgressDecision {
        first: Timestamp::from_millis(1_000),
        last: Timestamp::from_millis(2_000),
        host: "a.example".to_owned(),
        port: 443,
        allowed: true,
        reason: "it is listed".to_owned(),
        count: 2,
    }
}

fn claim(path: &str) -> ArtifactClaim {
    ArtifactClaim {
        at: Timestamp::from_millis(1_000),
        tool: "Write".to_owned(),
        path: Some(path.to_owned()),
    }
}

impl AgentRuntime for Talkative {
    fn name(&self) -> &'static str {
        "talkative"
    }

    fn check(&self, _: &swarm_core::spec::Sandbox) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn run<'a>(
        &'a self,
        job: &'a AgentJob,
        output: &'a mut dyn swarm_core::runtime::OutputSink,
        _: &'a CancellationToken,
    ) -> futures_util::future::BoxFuture<'a, Result<AgentExit, RuntimeError>> {
        async move {
            if job.id.agent.as_str() == "lost" {
                return Err(RuntimeError::Lost("gone".to_owned()));
            }
            output.started_in(ImageStamp {
                name: "image:1".to_owned(),
                digest: "sha256:1".to_owned(),
            });
            output.egress(&[decision()]).await.unwrap();
            output.artifacts(&[claim("C:\\users\\x")]).await.unwrap();
            Ok(AgentExit {
                reason: ExitReason::OutOfMemory,
                duration: Duration::from_millis(1234),
            })
        }
        .boxed()
    }

    fn sweep<'a>(
        &'a self,
        _: &'a (dyn Fn(&RunId) -> bool + Sync),
    ) -> futures_util::future::BoxFuture<'a, Result<Vec<swarm_core::ids::RefId>, RuntimeError>>
    {
        std::future::ready(Ok(Vec::new())).boxed()
    }
}

#[tokio::test]
async fn image_attempts_claims_duration_and_errors_are_told_again() {
    let temp = tempfile::tempdir().unwrap();
    let tape = temp.path().join("tape");
    let runtime = RecordingRuntime::create(Arc::new(Talkative), &tape, &run_id()).await;
    let runtime = runtime.unwrap();
    drop(play(&runtime, &job("a", "")).await);
    drop(play(&runtime, &job("lost", "")).await);

    let replay = ReplayRuntime::open(&tape).await.unwrap();
    let (exit, sink) = play(&replay, &job("a", "")).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::OutOfMemory);
    assert_eq!(exit.duration, Duration::from_millis(1234));
    assert_eq!(sink.image().unwrap().digest, "sha256:1");
    assert_eq!(sink.decisions(), [decision()]);
    assert_eq!(sink.claims(), [claim("C:\\users\\x")]);
    let (lost, _) = play(&replay, &job("lost", "")).await;
    let lost = lost.unwrap_err();
    assert_eq!(lost.exit_reason(), ExitReason::Lost);
    assert_eq!(lost.to_string(), "the agent vanished while it ran: gone");

    let claims = tape.join("agents/a/artifacts.jsonl");
    let hostile = fs::read_to_string(&claims)
        .unwrap()
        .replace("users", "\\u001b[2J");
    fs::write(&claims, hostile).unwrap();
    let (refused, _) = play(&replay, &job("a", "")).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("control characters"), "{refused}");
}
