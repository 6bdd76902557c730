//! Containers that are started ahead of their agents.

use std::{collections::HashMap, time::Duration};

use bollard::query_parameters::{LogsOptionsBuilder, RemoveContainerOptionsBuilder};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use swarm_core::{
    content::Content,
    ids::RunId,
    outcome::ExitReason,
    runtime::{AgentJob, AgentRuntime as _, Launch},
    testing::sink::VecSink,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    adoption::Owner,
    support::{Bench, IMAGE, eventually, shell},
};

/// The containers of `run` that wait for an agent.
async fn waiting(bench: &Bench, run: &RunId) -> Vec<String> {
    let containers = bench.containers().await.into_iter();
    containers
        .filter(|container| {
            let is_of =
                |labels: &HashMap<String, String>| labels.get("swarm.run").unwrap() == run.as_str();
            let waits = |name: &String| name.starts_with("/swarm-warm..");
            container.labels.as_ref().is_some_and(is_of)
                && container
                    .names
                    .as_ref()
                    .is_some_and(|names| names.iter().any(waits))
                && container
                    .state
                    .as_ref()
                    .is_some_and(|state| state.to_string() == "running")
        })
        .map(|container| container.id.unwrap())
        .collect()
}

/// Keeps `ahead` containers for `agents` agents that are like `job`, and waits until they wait.
async fn warmed(bench: &Bench, job: &AgentJob, ahead: usize, agents: usize) -> Vec<String> {
    let run = &job.id.run;
    assert!(
        bench
            .runtime
            .keep_warm(run, &job.sandbox, job.max_output, ahead, agents)
    );
    eventually("containers wait", async || {
        let waiting = waiting(bench, run).await;
        (waiting.len() == ahead.min(agents)).then_some(waiting)
    })
    .await
}

async fn run(bench: &Bench, job: &AgentJob) -> (ExitReason, VecSink) {
    let mut sink = VecSink::default();
    let stop = CancellationToken::new();
    let exit = bench.runtime.run(job, &mut sink, &stop).await.unwrap();
    (exit.reason, sink)
}

/// The id that a container has as the name of its host.
fn host(sink: &VecSink) -> String {
    sink.text().lines().next().unwrap_or_default().to_owned()
}

async fn end(bench: &Bench) {
    bench.runtime.shutdown().await;
    bench.assert_nothing_left().await;
}

/// Everything that an agent can tell of itself, in which containers differ by no more than their id.
const TELL: &str = "hostname; id; pwd; env | grep -v '^HOSTNAME\\|^SHLVL\\|^PWD' | sort; wc -c; ls -la . /tmp; \
                    echo \"$0\" \"$@\"; echo oops >&2; exit 7";

#[tokio::test]
async fn an_agent_in_a_warm_container_is_as_in_a_fresh_one() {
    let bench = Bench::new().await;
    let sandbox = json!({
        "env_vars": {"KEY": "it's\n\"$(quoted)\"", "PATH": "/bin:/usr/bin"}, "workdir": "/srv/x", "memory": "64m",
    });
    let mut job = shell(sandbox, TELL);
    job.invocation
        .argv
        .extend(["sh".to_owned(), "a b\nc'd".to_owned()]);
    job.stdin = Content::from(vec![b'x'; 60_000]);
    let (reason, fresh) = run(&bench, &job).await;
    assert_eq!(reason, ExitReason::Failed { code: 7 });
    let ids = warmed(&bench, &job, 1, 1).await;
    let (reason, warm) = run(&bench, &job).await;
    assert_eq!(reason, ExitReason::Failed { code: 7 });
    assert!(ids[0].starts_with(&host(&warm)), "{warm:?}");
    let (fresh_host, warm_host) = (host(&fresh), host(&warm));
    assert_ne!(fresh_host, warm_host);
    assert_eq!(
        warm.text().replace(&warm_host, ""),
        fresh.text().replace(&fresh_host, "")
    );
    assert!(fresh.text().contains("\n60000\n") && fresh.text().contains("KEY=it's"));
    assert_eq!(warm.stderr(), fresh.stderr());
    assert_eq!(warm.image(), fresh.image());
    end(&bench).await;
}

#[tokio::test]
async fn a_container_becomes_one_agent_of_its_run_and_no_other() {
    let bench = Bench::new().await;
    let of = |run: &RunId, sandbox: Value| {
        let mut job = shell(sandbox, "hostname; ls /tmp; touch /tmp/left");
        job.id.run = run.clone();
        job
    };
    let (ours, other) = (RunId::random(), RunId::random());
    let first = of(&ours, json!({}));
    let ids = warmed(&bench, &first, 1, 2).await;
    // Another run, and other limits, are none of its business.
    for job in [of(&other, json!({})), of(&ours, json!({"memory": "32m"}))] {
        let (_, sink) = run(&bench, &job).await;
        assert!(!ids[0].starts_with(&host(&sink)), "{sink:?}");
    }
    assert_eq!(waiting(&bench, &ours).await, ids);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (_, sink) = run(&bench, &first).await;
        assert_eq!(sink.text().lines().count(), 1, "a fresh folder: {sink:?}");
        seen.push(host(&sink));
    }
    assert!(ids[0].starts_with(&seen[0]));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    // Two were asked for, and two were made.
    assert_eq!(waiting(&bench, &ours).await, Vec::<String>::new());
    end(&bench).await;
}

#[tokio::test]
async fn what_nobody_claimed_goes_with_the_runtime() {
    let bench = Bench::new().await;
    warmed(&bench, &shell(json!({}), "true"), 3, 5).await;
    end(&bench).await;
    // What is on its way goes, too.
    let job = shell(json!({}), "true");
    assert!(
        bench
            .runtime
            .keep_warm(&job.id.run, &job.sandbox, job.max_output, 3, 3)
    );
    end(&bench).await;
}

#[tokio::test]
async fn what_cannot_wait_gets_a_fresh_container() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    for sandbox in [
        json!({"mounts": [{"host_path": folder.path(), "container_path": "/x"}]}),
        json!({"input_files": {"a": "text"}}),
        json!({"network": {"allow": ["example.com"]}}),
        json!({"gpu": true}),
    ] {
        let mut job = shell(json!({}), "true");
        job.sandbox = swarm_core::spec::SandboxSpec::from_json(sandbox, "sandbox")
            .unwrap()
            .resolve()
            .unwrap();
        assert!(
            !bench
                .runtime
                .keep_warm(&job.id.run, &job.sandbox, job.max_output, 1, 1)
        );
    }
    // Prompts that are too long to be there at once, and variables that a shell does not pass on.
    let mut long = shell(json!({}), "hostname; wc -c");
    long.stdin = Content::from(vec![b'x'; 100_000]);
    // A shell does not keep it.
    let mut odd = shell(json!({"env_vars": {"A.B": "c"}}), "");
    odd.invocation.argv = vec!["env".to_owned()];
    for (job, text) in [(long, "100000"), (odd, "A.B=c")] {
        let ids = warmed(&bench, &job, 1, 1).await;
        let (reason, sink) = run(&bench, &job).await;
        assert_eq!(reason, ExitReason::Completed);
        assert!(
            !ids.iter()
                .any(|id| sink.text().contains(id.get(..12).unwrap())),
            "{sink:?}"
        );
        assert!(sink.text().lines().any(|line| line == text), "{sink:?}");
    }
    end(&bench).await;
}

#[tokio::test]
async fn a_container_that_waits_no_more_is_replaced() {
    let bench = Bench::new().await;
    let job = shell(json!({}), "echo done");
    let remove = RemoveContainerOptionsBuilder::new().force(true).build();
    for id in warmed(&bench, &job, 1, 1).await {
        bench
            .docker
            .remove_container(&id, Some(remove.clone()))
            .await
            .unwrap();
    }
    let (reason, sink) = run(&bench, &job).await;
    assert_eq!(
        (reason, sink.text()),
        (ExitReason::Completed, "done\n".to_owned())
    );

    for id in warmed(&bench, &job, 1, 1).await {
        bench.docker.kill_container(&id, None).await.unwrap();
    }
    let (reason, sink) = run(&bench, &job).await;
    assert_eq!(
        (reason, sink.text()),
        (ExitReason::Completed, "done\n".to_owned())
    );
    end(&bench).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_as_in_a_fresh_container() {
    let bench = Bench::new().await;
    let mut job = shell(json!({}), "");
    job.invocation.argv = vec!["no-such-program".to_owned()];
    let stop = CancellationToken::new();
    let fresh = bench
        .runtime
        .run(&job, &mut VecSink::default(), &stop)
        .await;
    warmed(&bench, &job, 1, 1).await;
    let warm = bench
        .runtime
        .run(&job, &mut VecSink::default(), &stop)
        .await;
    assert_eq!(
        warm.unwrap_err().to_string(),
        fresh.unwrap_err().to_string()
    );
    end(&bench).await;
}

#[tokio::test]
async fn limits_hold_in_a_warm_container_from_when_its_agent_begins() {
    let bench = Bench::new().await;
    let mut job = shell(json!({}), "echo started; sleep 600");
    job.timeout = Duration::from_secs(2);
    warmed(&bench, &job, 1, 1).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let start = Instant::now();
    let (reason, sink) = run(&bench, &job).await;
    assert_eq!(reason, ExitReason::TimedOut { after: job.timeout });
    assert!(start.elapsed() >= job.timeout);
    assert_eq!(sink.text(), "started\n");
    end(&bench).await;
}

#[tokio::test]
async fn a_killed_process_leaves_its_agent_to_be_taken_over_and_those_that_wait_end() {
    let bench = Bench::new().await;
    let mut job = shell(json!({}), "exit 99");
    job.launch = Launch::TakeOver;
    let script = "echo before; sleep 4; echo after; exit 7";
    let owner = Owner::start_warm(&bench.home, &job, script);
    let container = bench.running(&job).await;
    // It has its name before it is the agent.
    eventually("the agent is there", async || {
        let options = LogsOptionsBuilder::new().stdout(true).build();
        let mut log = bench.docker.logs(&container, Some(options));
        log.next().await.map(Result::unwrap)
    })
    .await;
    eventually("another one waits", async || {
        (waiting(&bench, &job.id.run).await.len() == 1).then_some(())
    })
    .await;
    owner.kill().await;
    eventually("it waits no more", async || {
        waiting(&bench, &job.id.run).await.is_empty().then_some(())
    })
    .await;
    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    let mut sink = VecSink::default();
    let stop = CancellationToken::new();
    let exit = bench.runtime.run(&job, &mut sink, &stop).await.unwrap();
    assert_eq!(exit.reason, ExitReason::Failed { code: 7 });
    assert_eq!(sink.text(), "before\nafter\n");
    let image = bench.runtime.show_image(IMAGE).await.unwrap().unwrap();
    assert_eq!(sink.image().unwrap().digest, image.id);
    // It waited for about five seconds before it became the agent.
    let took = exit.duration;
    assert!(
        took >= Duration::from_secs(4) && took < Duration::from_secs(8),
        "{took:?}"
    );
    // The sweep finds what waited.
    let swept = bench.runtime.sweep(&|_| false).await.unwrap();
    assert_eq!(swept.len(), 1, "{swept:?}");
    bench.assert_nothing_left().await;
}
