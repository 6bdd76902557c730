//! Engines that are not there, or go away.

use std::{path::PathBuf, time::Duration};

use serde_json::json;
use swarm_core::{
    outcome::ExitReason,
    runtime::{AgentRuntime as _, Launch, RuntimeError},
};
use swarm_docker::{DockerOptions, DockerRuntime};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};

use crate::support::{Background, Bench, command, options, shell};

async fn connect(endpoint: String) -> RuntimeError {
    let options = DockerOptions {
        endpoint: Some(endpoint),
        ..options()
    };
    DockerRuntime::connect(options).await.unwrap_err()
}

fn assert_unavailable(error: &RuntimeError, endpoint: &str) {
    assert!(
        matches!(error, RuntimeError::EngineUnavailable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(endpoint), "{error}");
}

#[tokio::test]
async fn an_engine_that_is_down_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = format!("unix://{}/no.sock", dir.path().display());
    assert_unavailable(&connect(nowhere.clone()).await, &nowhere);

    // A socket that nobody listens at any more.
    let path = dir.path().join("old.sock");
    drop(UnixListener::bind(&path).unwrap());
    let old = format!("unix://{}", path.display());
    assert_unavailable(&connect(old.clone()).await, &old);

    assert_unavailable(
        &connect("tcp://127.0.0.1:1".to_owned()).await,
        "127.0.0.1:1",
    );
    assert_unavailable(&connect("ssh://host".to_owned()).await, "ssh://host");
    assert_unavailable(&connect(String::new()).await, "unix:///path");
}

#[tokio::test]
async fn an_engine_that_says_nothing_is_given_up_after_three_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("silent.sock");
    let _silent = UnixListener::bind(&path).unwrap();
    let endpoint = format!("unix://{}", path.display());
    let asked = Instant::now();
    assert_unavailable(&connect(endpoint.clone()).await, &endpoint);
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn an_engine_tells_what_it_is() {
    let bench = Bench::new().await;
    let info = bench.runtime.engine_info().await.unwrap();
    let version = bench.docker.version().await.unwrap();
    assert_eq!(Some(info.version), version.version);
    assert_eq!(Some(info.arch), version.arch);
    assert_eq!(info.os, "linux");
    assert_eq!(info.endpoint, "unix:///var/run/docker.sock");
    assert!(info.api_version.starts_with("1."), "{}", info.api_version);
}

/// A way to the engine that can be cut.
struct Proxy {
    path: PathBuf,
    connections: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl Proxy {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proxy.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                open.spawn(async move {
                    let mut engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut engine).await);
                });
            }
        });
        Self {
            path,
            connections,
            _dir: dir,
        }
    }

    /// Starts one that is cut when a client asks the engine to start a container, and only then passes that on,
    /// as if the client had been killed in that moment.
    fn cut_at_start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proxy.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            let (starts, mut start) = mpsc::channel::<Vec<u8>>(1);
            loop {
                let (client, _) = tokio::select! {
                    biased;
                    request = start.recv() => {
                        open.shutdown().await;
                        let mut engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                        engine.write_all(&request.unwrap()).await.unwrap();
                        let answer = engine.read(&mut [0; 1000]).await.unwrap();
                        assert!(answer > 0, "the engine started it");
                        return;
                    }
                    accepted = listener.accept() => accepted.unwrap(),
                };
                open.spawn(pass_until_start(client, starts.clone()));
            }
        });
        Self {
            path,
            connections,
            _dir: dir,
        }
    }

    async fn cut(mut self) {
        self.connections.shutdown().await;
    }
}

/// Passes on what goes back and forth, except the request for a start.
async fn pass_until_start(client: UnixStream, starts: mpsc::Sender<Vec<u8>>) {
    let engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    let back = async { drop(tokio::io::copy(&mut from_engine, &mut to_client).await) };
    let forth = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let (piece, _) = buffer.split_at(length);
            let line = piece.split(|byte| *byte == b'\r').next().unwrap();
            let line = String::from_utf8_lossy(line);
            if line.starts_with("POST") && line.contains("/start") {
                starts.send(piece.to_vec()).await.unwrap();
                std::future::pending::<()>().await;
            }
            if to_engine.write_all(piece).await.is_err() {
                return;
            }
        }
        drop(to_engine.shutdown().await);
    };
    tokio::join!(back, forth);
}

#[tokio::test]
async fn a_short_prompt_arrives_whole_if_its_sender_dies_when_the_agent_starts() {
    let bench = Bench::new().await;
    let proxy = Proxy::cut_at_start();
    let options = DockerOptions {
        endpoint: Some(format!("unix://{}", proxy.path.display())),
        home: bench.home.clone(),
        ..options()
    };
    let dead = DockerRuntime::connect(options).await.unwrap();
    let mut job = shell(json!({}), "echo started; wc -c");
    job.stdin = vec![b'x'; 64 * 1024].into();
    let lost = Background::start(&dead, &job).end().await;
    assert!(lost.is_err(), "{lost:?}");

    // What it read is known from the engine; the next process takes it over as it is.
    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    job.launch = Launch::TakeOver;
    job.invocation.argv = vec!["false".to_owned()];
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "started\n65536\n");
}

#[tokio::test]
async fn an_agent_whose_engine_went_away_is_left_to_be_taken_over_when_it_is_back() {
    let bench = Bench::new().await;
    let proxy = Proxy::start();
    let options = DockerOptions {
        endpoint: Some(format!("unix://{}", proxy.path.display())),
        home: bench.home.clone(),
        ..options()
    };
    let far = DockerRuntime::connect(options).await.unwrap();
    let mut job = shell(json!({}), "echo started; sleep 3; echo done");
    let cut_off = Background::start(&far, &job);
    cut_off.printed("started").await;

    proxy.cut().await;
    let cut = Instant::now();
    let error = cut_off.end().await.unwrap_err();
    assert!(
        matches!(error, RuntimeError::EngineUnavailable { .. }),
        "{error:?}"
    );
    assert!(
        cut.elapsed() < Duration::from_secs(3),
        "{:?}",
        cut.elapsed()
    );
    assert!(error.to_string().contains("stopped answering"), "{error}");
    far.shutdown().await;

    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    job.launch = Launch::TakeOver;
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "started\ndone\n");
}

#[tokio::test]
async fn an_agent_is_not_started_when_the_engine_is_gone() {
    let proxy = Proxy::start();
    let options = DockerOptions {
        endpoint: Some(format!("unix://{}", proxy.path.display())),
        ..options()
    };
    let runtime = DockerRuntime::connect(options).await.unwrap();
    proxy.cut().await;
    let error = Background::start(&runtime, &shell(json!({}), "true"))
        .end()
        .await
        .unwrap_err();
    assert!(
        matches!(error, RuntimeError::EngineUnavailable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_image_or_a_program_that_is_missing_is_named() {
    let bench = Bench::new().await;
    let (exit, _) = bench
        .run(&shell(json!({"image": "no-such-image:1"}), "true"))
        .await;
    let error = exit.unwrap_err();
    assert!(
        matches!(&error, RuntimeError::ImageMissing { image, .. } if image == "no-such-image:1"),
        "{error:?}"
    );

    for (program, problem) in [
        ("no-such-program", "in no folder of PATH"),
        ("/bin/no-such-program", "no such file"),
        ("./no-such-program", "no such file"),
        ("/etc/passwd", "not marked as a program"),
    ] {
        let (exit, _) = bench.run(&command(json!({}), &[program, "x"])).await;
        let error = exit.unwrap_err();
        assert!(
            matches!(&error, RuntimeError::ProgramMissing { program: named, .. } if named == program),
            "{error:?}"
        );
        assert!(error.to_string().contains(problem), "{error}");
    }
    // Programs that exist may end with these.
    for code in [126, 127] {
        let (exit, _) = bench.run(&shell(json!({}), &format!("exit {code}"))).await;
        assert_eq!(exit.unwrap().reason, ExitReason::Failed { code });
    }
}

#[tokio::test]
async fn a_gpu_that_the_engine_does_not_have_is_named() {
    let bench = Bench::new().await;
    let has_gpu = std::path::Path::new("/dev/nvidia0").exists();
    let (exit, _) = bench.run(&shell(json!({"gpu": true}), "true")).await;
    match exit {
        Err(error @ RuntimeError::Unsupported { .. }) => {
            assert!(error.to_string().contains("cannot honour gpu"), "{error}");
            assert_eq!(error.exit_reason(), ExitReason::NotStarted, "no control");
        }
        Ok(_) if has_gpu => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_value_of_a_variable_is_in_no_error_and_no_label() {
    let bench = Bench::new().await;
    let env = json!({"TOKEN": "canary-7f3a"});
    for sandbox in [
        json!({"env_vars": env, "image": "no-such-image:1"}),
        json!({"env_vars": env, "cpus": 1000}),
        json!({"env_vars": env, "network_mode": "no-such-network"}),
        json!({"env_vars": env, "workdir": "/bin/busybox"}),
    ] {
        let (exit, _) = bench.run(&shell(sandbox, "true")).await;
        let error = exit.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    let job = shell(json!({"env_vars": env}), "echo started; sleep 600");
    let run = Background::start(&bench.runtime, &job);
    run.printed("started").await;
    let listed = format!("{:?}", bench.containers().await);
    assert!(!listed.contains("canary"), "{listed}");
    run.stop.cancel();
    run.end().await.unwrap();
}
