//! What a killed process of ours started is taken over by the next.

use std::{process::Stdio, time::Duration};

use bollard::{models::ContainerCreateBody, query_parameters::CreateContainerOptionsBuilder};
use serde_json::json;
use swarm_core::{
    content::Content,
    outcome::ExitReason,
    runtime::{AgentJob, AgentRuntime as _, DEFAULT_MAX_OUTPUT, Launch, Leftovers, RuntimeError},
    spec::ByteSize,
    testing::sink::VecSink,
};
use swarm_docker::{DockerOptions, DockerRuntime};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, IMAGE, eventually, options, shell};

/// Another process that runs an agent, to be killed.
pub(crate) struct Owner(Child);

impl Owner {
    /// Starts it. The agent has the id of `job` and runs `script`.
    pub(crate) fn start(home: &str, job: &AgentJob, script: &str) -> Self {
        Self::start_with_prompt(home, job, script, "")
    }

    /// The same in a container that has waited for some seconds, while another one waits.
    pub(crate) fn start_warm(home: &str, job: &AgentJob, script: &str) -> Self {
        Self::spawn(Self::command(home, job, script, "").env("SWARM_TEST_WARM", "1"))
    }

    /// The same with a prompt from a file; an empty name stands for no prompt.
    pub(crate) fn start_with_prompt(
        home: &str,
        job: &AgentJob,
        script: &str,
        prompt: &str,
    ) -> Self {
        Self::spawn(&mut Self::command(home, job, script, prompt))
    }

    fn command(home: &str, job: &AgentJob, script: &str, prompt: &str) -> Command {
        let files = job.sandbox.input_files.keys().next();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "adoption::owner_process",
                "--ignored",
                "--nocapture",
            ])
            .env("SWARM_TEST_HOME", home)
            .env("SWARM_TEST_RUN", job.id.run.as_str())
            .env("SWARM_TEST_SCRIPT", script)
            .env("SWARM_TEST_PROMPT", prompt)
            .env("SWARM_TEST_MAX_OUTPUT", job.max_output.to_string())
            .env("SWARM_TEST_FILE", files.map_or("", String::as_str))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Kills it at once, as a crash would.
    pub(crate) async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the other tests start this one with variables"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test]
#[ignore = "other tests start it as a process of its own"]
async fn owner_process() {
    let Some(home) = variable("SWARM_TEST_HOME") else {
        return;
    };
    let options = DockerOptions { home, ..options() };
    let runtime = DockerRuntime::connect(options).await.unwrap();
    let files = variable("SWARM_TEST_FILE").filter(|file| !file.is_empty());
    let files: serde_json::Map<_, _> = files
        .into_iter()
        .map(|file| (file, json!("text")))
        .collect();
    let mut job = shell(
        json!({"input_files": files}),
        &variable("SWARM_TEST_SCRIPT").unwrap(),
    );
    job.id.run = variable("SWARM_TEST_RUN").unwrap().parse().unwrap();
    job.max_output = variable("SWARM_TEST_MAX_OUTPUT").unwrap().parse().unwrap();
    if let Some(prompt) = variable("SWARM_TEST_PROMPT").filter(|prompt| !prompt.is_empty()) {
        job.stdin = Content::File(prompt.into());
    }
    if variable("SWARM_TEST_WARM").is_some() {
        assert!(runtime.keep_warm(&job.id.run, &job.sandbox, job.max_output, 1, 2));
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    let mut sink = VecSink::default();
    let stop = CancellationToken::new();
    drop(runtime.run(&job, &mut sink, &stop).await);
}

/// A job that is resumed; its script must never run.
fn resumed() -> AgentJob {
    AgentJob {
        launch: Launch::TakeOver,
        ..shell(json!({}), "echo started again; exit 99")
    }
}

#[tokio::test]
async fn a_running_agent_is_taken_over_with_all_its_output() {
    let bench = Bench::new().await;
    let job = resumed();
    let owner = Owner::start(
        &bench.home,
        &job,
        "echo before; echo talk >&2; sleep 4; echo after; exit 7",
    );
    bench.running(&job).await;
    owner.kill().await;
    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    let (exit, sink) = bench.run(&job).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::Failed { code: 7 });
    assert_eq!(sink.text(), "before\nafter\n");
    assert_eq!(sink.stderr(), b"talk\n");
    let image = bench.runtime.show_image(IMAGE).await.unwrap().unwrap();
    assert_eq!(sink.image().unwrap().digest, image.id);
    assert!(
        exit.duration >= Duration::from_secs(4),
        "{:?}",
        exit.duration
    );
}

#[tokio::test]
async fn the_end_of_an_agent_can_be_found_again_until_its_result_is_kept() {
    let bench = Bench::new().await;
    let leftovers = Leftovers::default();
    let job = AgentJob {
        leftovers: Some(leftovers.clone()),
        ..shell(json!({}), "echo done")
    };
    let stop = CancellationToken::new();
    let run = async |job: &AgentJob| {
        let mut sink = VecSink::default();
        let exit = bench.runtime.run(job, &mut sink, &stop).await;
        (exit.unwrap().reason, sink.text())
    };
    let done = (ExitReason::Completed, "done\n".to_owned());
    assert_eq!(run(&job).await, done);
    // As if this process had died before it could keep anything.
    leftovers.leave();
    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    let again = AgentJob {
        launch: Launch::TakeOver,
        ..job.clone()
    };
    assert_eq!(run(&again).await, done);
    leftovers.clear().await;
    bench.assert_nothing_left().await;
}

#[tokio::test]
async fn an_agent_that_ended_while_nobody_watched_is_collected() {
    let bench = Bench::new().await;
    let job = resumed();
    let owner = Owner::start(&bench.home, &job, "sleep 1; echo done");
    bench.running(&job).await;
    owner.kill().await;
    bench.exited().await;
    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    let (exit, sink) = bench.run(&job).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::Completed);
    assert_eq!(sink.text(), "done\n");
    assert_eq!(sink.image().unwrap().name, IMAGE);
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(20)).contains(&exit.duration),
        "{:?}",
        exit.duration
    );
}

/// Nobody holds it up: it prints as fast as it can into the log of the engine.
#[tokio::test]
async fn an_agent_that_printed_too_much_while_nobody_watched_is_stopped_when_it_is_taken_over() {
    let bench = Bench::new().await;
    let mut job = resumed();
    let bytes = 1_000_000;
    job.max_output = ByteSize::new(bytes);
    let script = "echo begun; until [ -e /tmp/go ]; do sleep 0.1; done; seq 1 1000000; echo done > /tmp/done; sleep 600";
    let owner = Owner::start(&bench.home, &job, script);
    let id = bench.running(&job).await;
    owner.kill().await;
    bench
        .inside(
            &id,
            "touch /tmp/go; until [ -e /tmp/done ]; do sleep 0.1; done",
        )
        .await;
    let kept = bench.log(&id).await;
    assert!(!kept.starts_with("begun"), "the log has no limit");
    assert!(
        kept.len() as u64 <= 4 * bytes,
        "the engine kept {} bytes",
        kept.len()
    );
    assert!(bench.runtime.can_take_over(&job.id).await.unwrap());
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::OutputLimit { bytes });
    assert!(sink.stdout().len() as u64 <= bytes);
}

/// Its log has no room for a larger limit that is set later.
#[tokio::test]
async fn an_agent_whose_log_has_forgotten_its_beginning_is_no_success_whatever_the_limit_is_now() {
    let bench = Bench::new().await;
    let mut job = resumed();
    job.max_output = ByteSize::new(1_000_000);
    let script = "echo begun; until [ -e /tmp/go ]; do sleep 0.1; done; seq 1 1000000";
    let owner = Owner::start(&bench.home, &job, script);
    let id = bench.running(&job).await;
    owner.kill().await;
    bench.inside(&id, "touch /tmp/go").await;
    bench.exited().await;
    job.max_output = DEFAULT_MAX_OUTPUT;
    let bytes = job.max_output.bytes();
    let (exit, _) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::OutputLimit { bytes });
}

#[tokio::test]
async fn the_timeout_of_an_agent_that_is_taken_over_counts_from_its_real_start() {
    let bench = Bench::new().await;
    let mut job = resumed();
    let owner = Owner::start(&bench.home, &job, "sleep 600");
    bench.running(&job).await;
    owner.kill().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    job.timeout = Duration::from_secs(3);
    let resumed_at = tokio::time::Instant::now();
    let (exit, _) = bench.run(&job).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::TimedOut { after: job.timeout });
    assert!(exit.duration >= job.timeout, "{:?}", exit.duration);
    assert!(
        resumed_at.elapsed() < job.timeout,
        "it had its whole time again: {:?}",
        resumed_at.elapsed()
    );
}

/// What the engine's log cannot keep as it is: long lines, and bytes that are no text.
#[tokio::test]
async fn the_output_of_an_agent_that_is_taken_over_is_exact() {
    let bench = Bench::new().await;
    let script = "i=0; while [ $i -lt 40000 ]; do printf é; i=$((i+1)); done; echo; \
                  head -c 32768 /dev/zero; echo; head -c 16384 /dev/zero; echo; echo; \
                  seq 1 20000 | tr '\\n' ' '; echo; printf 'a\\377\\000b\\n'; gzip -c /bin/busybox; \
                  seq 1 3000; printf end";
    let expected = {
        let (exit, sink) = bench.run(&shell(json!({}), script)).await;
        assert_eq!(exit.unwrap().reason, ExitReason::Completed);
        sink.stdout()
    };
    let job = resumed();
    let owner = Owner::start(&bench.home, &job, &format!("{script}; sleep 3"));
    bench.running(&job).await;
    owner.kill().await;
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    let found = sink.stdout();
    let differ = found.iter().zip(&expected).position(|(a, b)| a != b);
    assert!(
        found == expected,
        "{} bytes instead of {}, first difference at {differ:?}",
        found.len(),
        expected.len()
    );
}

#[tokio::test]
async fn an_agent_that_had_its_whole_prompt_is_taken_over() {
    let bench = Bench::new().await;
    let prompt = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(prompt.path(), "the prompt\n".repeat(100_000)).unwrap();
    let job = resumed();
    let path = prompt.path().to_str().unwrap();
    let owner = Owner::start_with_prompt(&bench.home, &job, "wc -l; sleep 4; echo done", path);
    // The name says that the prompt is in.
    bench.running(&job).await;
    owner.kill().await;
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "100000\ndone\n");
}

#[tokio::test]
async fn an_agent_that_had_half_of_its_prompt_is_started_again() {
    let bench = Bench::new().await;
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("prompt");
    let made = Command::new("mkfifo").arg(&fifo).status().await.unwrap();
    assert!(made.success());
    let mut job = resumed();
    let owner = Owner::start_with_prompt(
        &bench.home,
        &job,
        "wc -c; sleep 600",
        fifo.to_str().unwrap(),
    );
    let pipe = tokio::task::spawn_blocking(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(fifo).unwrap();
        std::io::Write::write_all(&mut pipe, &vec![b'x'; 100_000]).unwrap();
        pipe
    })
    .await
    .unwrap();
    eventually("the container runs", async || {
        let containers = bench.containers().await;
        containers
            .iter()
            .any(|c| c.state.is_some_and(|s| s.to_string() == "running"))
            .then_some(())
    })
    .await;
    owner.kill().await;
    drop(pipe);
    assert!(!bench.runtime.can_take_over(&job.id).await.unwrap());
    job.launch = Launch::Again;
    job.invocation.argv = vec!["cat".to_owned()];
    job.stdin = "a whole prompt".into();
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "a whole prompt");
}

#[tokio::test]
async fn a_container_that_was_made_but_never_started_is_made_again() {
    let bench = Bench::new().await;
    let job = AgentJob {
        launch: Launch::Again,
        ..shell(json!({}), "echo started")
    };
    let name = format!("swarm-{}-agent-0", job.id.run);
    let labels = [
        ("swarm.run", job.id.run.as_str()),
        ("swarm.agent", "agent-0"),
        ("swarm.home", &bench.home),
    ];
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        labels: Some(
            labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    bench
        .docker
        .create_container(Some(options), body)
        .await
        .unwrap();
    assert!(!bench.runtime.can_take_over(&job.id).await.unwrap());
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "started\n");
}

/// As an engine that stops does with every container.
#[tokio::test]
async fn an_agent_that_was_killed_while_nobody_watched_is_started_again() {
    let bench = Bench::new().await;
    let job = AgentJob {
        launch: Launch::Again,
        ..shell(json!({}), "echo again")
    };
    let owner = Owner::start(&bench.home, &job, "echo first; sleep 600");
    let id = bench.running(&job).await;
    owner.kill().await;
    bench.docker.kill_container(&id, None).await.unwrap();
    assert!(!bench.runtime.can_take_over(&job.id).await.unwrap());
    let (exit, sink) = bench.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "again\n");
}

#[tokio::test]
async fn an_agent_that_is_gone_when_it_is_to_be_taken_over_is_lost_and_not_started_again() {
    let bench = Bench::new().await;
    let (exit, sink) = bench.run(&resumed()).await;
    let error = exit.unwrap_err();
    assert!(matches!(error, RuntimeError::Lost(_)), "{error:?}");
    assert_eq!(sink.text(), "");
}
