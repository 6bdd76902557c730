//! Nothing is left behind, however an agent ends.

use std::time::Duration;

use bollard::{
    models::{ContainerCreateBody, NetworkCreateRequest},
    query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use serde_json::json;
use swarm_core::{
    ids::RunId,
    outcome::ExitReason,
    runtime::{AgentRuntime as _, RuntimeError},
    testing::sink::VecSink,
};
use swarm_docker::DockerRuntime;
use tokio_util::sync::CancellationToken;

use crate::{
    adoption::Owner,
    support::{Background, Bench, IMAGE, command, eventually, options, shell},
};

#[tokio::test]
async fn nothing_is_left_after_any_end() {
    let bench = Bench::new().await;
    let (exit, _) = bench.run(&shell(json!({}), "true")).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);

    let (exit, _) = bench.run(&shell(json!({}), "exit 3")).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Failed { code: 3 });

    let mut job = shell(json!({"input_files": {"a": "text"}}), "sleep 600");
    job.timeout = Duration::from_millis(300);
    let (exit, _) = bench.run(&job).await;
    assert_eq!(
        exit.unwrap().reason,
        ExitReason::TimedOut { after: job.timeout }
    );

    let (exit, _) = bench.run(&command(json!({}), &["/no/such/program"])).await;
    assert!(
        matches!(exit, Err(RuntimeError::ProgramMissing { .. })),
        "{exit:?}"
    );
}

#[tokio::test]
async fn a_cancelled_agent_is_gone_when_its_run_returns() {
    let bench = Bench::new().await;
    let job = shell(
        json!({"input_files": {"a": "text"}}),
        "echo started; sleep 600",
    );
    let run = Background::start(&bench.runtime, &job);
    run.printed("started").await;
    run.stop.cancel();
    assert_eq!(run.end().await.unwrap().reason, ExitReason::Cancelled);
    bench.assert_nothing_left().await;
}

/// A run is dropped at many moments of its start, and when it runs.
#[tokio::test]
async fn a_dropped_run_leaves_nothing_whenever_it_is_dropped() {
    let bench = Bench::new().await;
    for millis in [0, 1, 3, 8, 12, 20, 40, 80, 150, 250, 400, 800] {
        let mut job = shell(json!({"input_files": {"a": "text"}}), "sleep 600");
        job.stdin = "prompt".into();
        let mut sink = VecSink::default();
        let stop = CancellationToken::new();
        let run = bench.runtime.run(&job, &mut sink, &stop);
        let dropped = tokio::time::timeout(Duration::from_millis(millis), run).await;
        assert!(dropped.is_err(), "it ended before {millis} ms");
        bench.runtime.shutdown().await;
        assert_eq!(
            bench.leftovers().await,
            Vec::<String>::new(),
            "after {millis} ms"
        );
    }
}

/// The same for a stop, after which nothing may be left even before a shutdown.
#[tokio::test]
async fn a_run_that_is_stopped_while_it_starts_is_cancelled_and_gone() {
    let bench = Bench::new().await;
    for millis in [0, 5, 15, 30, 80, 150, 250] {
        let job = shell(json!({}), "sleep 600");
        let run = Background::start(&bench.runtime, &job);
        let stop = run.stop.clone();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        stop.cancel();
        let exit = run.end().await.unwrap();
        assert_eq!(exit.reason, ExitReason::Cancelled, "after {millis} ms");
        assert_eq!(
            bench.leftovers().await,
            Vec::<String>::new(),
            "after {millis} ms"
        );
    }
}

/// What `main` does when it returns early: the async runtime goes first, the containers must go, too.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_the_async_runtime_that_its_run_was_on() {
    let bench = Bench::new().await;
    let options = swarm_docker::DockerOptions {
        home: bench.home.clone(),
        ..options()
    };
    let own = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (ready, started) = tokio::sync::oneshot::channel();
    own.spawn(async move {
        let runtime = DockerRuntime::connect(options).await.unwrap();
        let run = Background::start(&runtime, &shell(json!({}), "echo started; sleep 600"));
        run.printed("started").await;
        ready.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    started.await.unwrap();
    assert_eq!(bench.containers().await.len(), 1);
    tokio::task::spawn_blocking(move || drop(own))
        .await
        .unwrap();
    bench.assert_nothing_left().await;
}

#[tokio::test]
async fn a_sweep_removes_what_a_killed_process_left_and_nothing_else() {
    let bench = Bench::new().await;
    let dead = shell(json!({"input_files": {"a": "text"}}), "sleep 600");
    let live = shell(json!({}), "sleep 600");
    for job in [&dead, &live] {
        let owner = Owner::start(&bench.home, job, "sleep 600");
        bench.running(job).await;
        owner.kill().await;
    }
    let other = Bench::new().await;
    let stranger = Background::start(&other.runtime, &shell(json!({}), "echo started; sleep 600"));
    stranger.printed("started").await;

    let is_live = |run: &RunId| *run == live.id.run;
    let swept = bench.runtime.sweep(&is_live).await.unwrap();
    assert_eq!(swept, std::slice::from_ref(&dead.id));
    assert_eq!(bench.containers().await.len(), 1);

    let swept = bench.runtime.sweep(&|_: &RunId| false).await.unwrap();
    assert_eq!(swept, std::slice::from_ref(&live.id));
    bench.assert_nothing_left().await;

    assert_eq!(other.containers().await.len(), 1);
    stranger.stop.cancel();
    stranger.end().await.unwrap();
}

#[tokio::test]
async fn an_agent_whose_container_somebody_removes_is_lost_and_the_others_are_not() {
    let bench = Bench::new().await;
    let victim = shell(json!({}), "echo started; sleep 600");
    let witness = shell(json!({}), "echo started; sleep 3; echo done");
    let lost = Background::start(&bench.runtime, &victim);
    let kept = Background::start(&bench.runtime, &witness);
    lost.printed("started").await;
    kept.printed("started").await;
    let name = format!("swarm-{}-agent-0", victim.id.run);
    let force = RemoveContainerOptionsBuilder::new().force(true).build();
    bench
        .docker
        .remove_container(&name, Some(force))
        .await
        .unwrap();
    let error = lost.end().await.unwrap_err();
    assert!(matches!(error, RuntimeError::Lost(_)), "{error:?}");
    assert!(
        error.to_string().contains("removed by somebody else"),
        "{error}"
    );
    let sink = kept.sink.clone();
    assert_eq!(kept.end().await.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "started\ndone\n");
    bench.assert_nothing_left().await;
}

#[tokio::test]
async fn an_agent_that_somebody_kills_was_signalled() {
    let bench = Bench::new().await;
    let job = shell(json!({}), "echo started; sleep 600");
    let run = Background::start(&bench.runtime, &job);
    run.printed("started").await;
    let name = format!("swarm-{}-agent-0", job.id.run);
    bench.docker.kill_container(&name, None).await.unwrap();
    assert_eq!(
        run.end().await.unwrap().reason,
        ExitReason::Signalled { signal: 9 }
    );
    bench.assert_nothing_left().await;
}

#[tokio::test]
async fn an_earlier_container_of_the_same_agent_gives_up_its_name() {
    let bench = Bench::new().await;
    let job = shell(json!({}), "echo second");
    let owner = Owner::start(&bench.home, &job, "sleep 600");
    bench.running(&job).await;
    owner.kill().await;
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "second\n");
}

#[tokio::test]
async fn a_container_of_somebody_else_keeps_its_name() {
    let bench = Bench::new().await;
    let job = shell(json!({}), "true");
    let name = format!("swarm-{}-agent-0", job.id.run);
    let foreign = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let foreign = bench
        .docker
        .create_container(Some(options), foreign)
        .await
        .unwrap();
    let (exit, _) = bench.run(&job).await;
    let error = exit.unwrap_err();
    assert!(matches!(error, RuntimeError::Engine { .. }), "{error:?}");
    assert!(error.to_string().contains(&name), "{error}");
    bench
        .docker
        .remove_container(&foreign.id, None)
        .await
        .expect("the foreign container is still there");
}

#[tokio::test]
async fn a_network_that_somebody_removed_is_made_again() {
    let options = swarm_docker::DockerOptions {
        network: format!("swarm-test-{}", RunId::random()),
        ..options()
    };
    let network = options.network.clone();
    let bench = Bench::with(options).await;
    assert_eq!(
        bench.text(json!({"network": true}), "echo once").await,
        "once\n"
    );
    bench.docker.remove_network(&network).await.unwrap();
    assert_eq!(
        bench.text(json!({"network": true}), "echo again").await,
        "again\n"
    );
    eventually("the network is free", async || {
        bench.docker.remove_network(&network).await.ok()
    })
    .await;
}

/// Engines of this age make a second network of the same name without a word, and then can use neither.
#[tokio::test]
async fn processes_that_make_the_network_at_the_same_time_share_one() {
    let options = swarm_docker::DockerOptions {
        network: format!("swarm-test-{}", RunId::random()),
        ..options()
    };
    let mut benches = Vec::new();
    for _ in 0..5 {
        benches.push(Bench::with(options.clone()).await);
    }
    let jobs: Vec<_> = (0..5)
        .map(|_| shell(json!({"network": true}), "echo on it"))
        .collect();
    let runs: Vec<_> = benches
        .iter()
        .zip(&jobs)
        .map(|(bench, job)| Background::start(&bench.runtime, job))
        .collect();
    for run in runs {
        assert_eq!(run.end().await.unwrap().reason, ExitReason::Completed);
    }
    benches[0].assert_nothing_left().await;
    only_one_is_left(&benches[0], &options.network).await;
}

/// What another process leaves that made the network at the same time, where the engine allows that.
#[tokio::test]
async fn a_second_network_of_the_name_is_removed_while_agents_are_on_the_first() {
    let options = swarm_docker::DockerOptions {
        network: format!("swarm-test-{}", RunId::random()),
        ..options()
    };
    let first = Bench::with(options.clone()).await;
    let job = shell(json!({"network": true}), "echo started; sleep 600");
    let run = Background::start(&first.runtime, &job);
    run.printed("started").await;
    let closed = ("com.docker.network.bridge.enable_icc", "false");
    let request = NetworkCreateRequest {
        name: options.network.clone(),
        labels: Some([("swarm.home".to_owned(), options.home.clone())].into()),
        options: Some([(closed.0.to_owned(), closed.1.to_owned())].into()),
        ..NetworkCreateRequest::default()
    };
    // Newer engines refuse; then there is one, and that is used.
    drop(first.docker.create_network(request).await);

    let late = Bench::with(options.clone()).await;
    let late_job = shell(json!({"network": true}), "echo late");
    let late_run = Background::start(&late.runtime, &late_job);
    assert_eq!(late_run.end().await.unwrap().reason, ExitReason::Completed);

    run.stop.cancel();
    assert_eq!(run.end().await.unwrap().reason, ExitReason::Cancelled);
    only_one_is_left(&late, &options.network).await;
}

async fn only_one_is_left(bench: &Bench, network: &str) {
    // Fails if there are two, and while the engine takes the last container off it.
    eventually("the one network is free", async || {
        bench.docker.remove_network(network).await.ok()
    })
    .await;
}

#[tokio::test]
async fn the_longest_names_work() {
    let bench = Bench::new().await;
    let mut job = shell(json!({"network": true}), "echo named");
    job.id.run = RunId::new("r".repeat(128)).unwrap();
    job.id.agent = swarm_core::ids::AgentId::new("a".repeat(128)).unwrap();
    job.stdin = "prompt".into();
    job.timeout = Duration::MAX;
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "named\n");
}
