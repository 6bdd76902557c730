//! What every [`AgentRuntime`] promises, as tests.
//!
//! An implementation runs [`runtime_conformance`] from a test of its own, or the promises one by one. Each
//! starts real agents, which need a POSIX shell and the tools that busybox has.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test suite reports by panicking"
)]

use std::{collections::BTreeSet, fmt, io, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::sink::VecSink;
use crate::{
    agents::Invocation,
    content::Content,
    hash,
    ids::{AgentId, RefId, RunId},
    outcome::ExitReason,
    runtime::{
        AgentExit, AgentJob, AgentRuntime, DEFAULT_MAX_OUTPUT, Launch, OutputSink, OutputStream,
        RuntimeError, SharedFolder,
    },
    spec::{ByteSize, SandboxSpec},
};

/// How long anything may take that should take no time.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a runtime may add to the environment of an agent, and what a shell adds to its own.
const OWN_VARIABLES: [&str; 10] = [
    "HOME",
    "HOSTNAME",
    "LANG",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHLVL",
    "TMPDIR",
    "_",
    "container",
];

/// Makes a job with this name that runs this shell script.
pub type MakeJob = dyn Fn(RefId, &str) -> AgentJob + Send + Sync;
/// Looks for what agents have left behind.
pub type FindLeftovers = dyn Fn() -> BoxFuture<'static, Vec<String>> + Send + Sync;

/// A runtime to be tested, and what the tests cannot know about it.
pub struct RuntimeSubject {
    /// The runtime.
    pub runtime: Arc<dyn AgentRuntime>,
    /// Makes the jobs; usually [`shell_job`] and a change or two.
    pub job: Box<MakeJob>,
    /// An empty folder of the host, 0700, for agents that share one. What they leave there is no leftover.
    pub shared: PathBuf,
    /// Names everything that agents have left behind: processes, containers, files.
    pub leftovers: Box<FindLeftovers>,
}

impl fmt::Debug for RuntimeSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeSubject")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

/// A job that runs `script` with `sh -c` in a sandbox of which nothing was said, for at most a minute.
pub fn shell_job(id: RefId, script: &str) -> AgentJob {
    AgentJob {
        kind: "command",
        id,
        invocation: Invocation::new(["sh", "-c", script]),
        stdin: Content::empty(),
        sandbox: SandboxSpec::default()
            .resolve()
            .expect("an empty sandbox can be resolved"),
        timeout: PATIENCE,
        max_output: DEFAULT_MAX_OUTPUT,
        shared: None,
        launch: Launch::New,
        spec: None,
        leftovers: None,
    }
}

impl RuntimeSubject {
    /// A job with a fresh name.
    fn shell(&self, script: &str) -> AgentJob {
        let agent = AgentId::new("agent-0").expect("a valid name");
        (self.job)(RefId::new(RunId::random(), agent), script)
    }

    async fn run(&self, job: &AgentJob) -> (Result<AgentExit, RuntimeError>, VecSink) {
        let mut sink = VecSink::default();
        let stop = CancellationToken::new();
        let exit = self.runtime.run(job, &mut sink, &stop).await;
        (exit, sink)
    }

    /// Runs a job to its end, which must be that of a started agent, and leaves nothing.
    async fn finish(&self, job: &AgentJob) -> (AgentExit, VecSink) {
        let (exit, sink) = self.run(job).await;
        let exit = exit.unwrap_or_else(|error| panic!("{} did not start: {error}", job.id));
        self.nothing_is_left().await;
        (exit, sink)
    }

    /// Runs a job, which must complete.
    async fn complete(&self, job: &AgentJob) -> VecSink {
        let (exit, sink) = self.finish(job).await;
        assert_eq!(
            exit.reason,
            ExitReason::Completed,
            "stderr: {}",
            String::from_utf8_lossy(&sink.stderr())
        );
        sink
    }

    async fn nothing_is_left(&self) {
        let left = (self.leftovers)().await;
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// Runs every promise of this module, one after the other.
pub async fn runtime_conformance(subject: &RuntimeSubject) {
    stdin_arrives_exactly(subject).await;
    stdin_from_a_file_arrives_exactly(subject).await;
    stdin_need_not_be_read(subject).await;
    the_two_outputs_are_kept_apart(subject).await;
    large_output_is_complete(subject).await;
    the_exit_code_is_kept(subject).await;
    an_end_by_a_signal_is_told_from_an_exit_code(subject).await;
    the_timeout_is_enforced(subject).await;
    an_agent_that_ignores_the_signal_is_killed(subject).await;
    an_agent_that_prints_too_much_is_stopped(subject).await;
    an_agent_that_has_printed_too_much_when_it_ends_is_no_success(subject).await;
    an_agent_may_print_as_much_as_its_limit(subject).await;
    a_stopped_agent_is_cancelled(subject).await;
    an_agent_that_is_stopped_before_it_starts_does_nothing(subject).await;
    a_dropped_agent_is_killed(subject).await;
    what_an_agent_leaves_running_ends_with_it(subject).await;
    an_agent_whose_output_cannot_be_kept_is_killed(subject).await;
    the_environment_holds_only_what_was_given(subject).await;
    a_missing_program_is_an_error(subject).await;
    input_files_arrive(subject).await;
    the_working_folder_can_be_written(subject).await;
    what_an_agent_claims_is_handed_on_and_decides_nothing(subject).await;
    an_agent_sees_what_another_left_in_the_shared_folder(subject).await;
    an_agent_that_does_not_share_is_told_of_no_shared_folder(subject).await;
    nothing_of_a_sandbox_takes_the_place_of_the_shared_folder(subject).await;
    a_resumed_job_that_never_ran_is_run(subject).await;
    many_agents_run_at_once(subject).await;
    a_sweep_leaves_live_runs_alone(subject).await;
}

/// What one agent writes to the shared folder, the next one reads and changes, by its path or by the variable that names it; and it stays
/// when they have ended, however they end.
pub async fn an_agent_sees_what_another_left_in_the_shared_folder(subject: &RuntimeSubject) {
    let sharing = |script: &str| {
        let mut job = subject.shell(script);
        job.shared = Some(SharedFolder {
            path: subject.shared.clone(),
        });
        job
    };
    let first = sharing(
        "echo one > /shared/note && mkdir /shared/deeper && echo two > \"$SWARM_SHARED/deeper/note\" && \
         ln -s /nowhere /shared/link; ls / > /dev/null; kill -KILL $$",
    );
    let (exit, _) = subject.finish(&first).await;
    assert_eq!(exit.reason, ExitReason::Signalled { signal: 9 });
    let second = sharing(
        "cat /shared/note $SWARM_SHARED/deeper/note && echo three >> /shared/note && rm /shared/deeper/note",
    );
    assert_eq!(subject.complete(&second).await.text(), "one\ntwo\n");
    // At the same time, and not in a container of their own. Agents of one run have different names.
    let mut both = [
        sharing("echo a > /shared/a; until [ -e /shared/b ]; do sleep 0.1; done; cat /shared/b"),
        sharing("echo b > /shared/b; until [ -e /shared/a ]; do sleep 0.1; done; cat /shared/a"),
    ];
    let [a, b] = &mut both;
    b.id = RefId::new(
        a.id.run.clone(),
        AgentId::new("agent-1").expect("a valid name"),
    );
    let printed = join_all(both.iter().map(async |job| {
        let (exit, sink) = subject.run(job).await;
        assert_eq!(
            exit.map(|exit| exit.reason).ok(),
            Some(ExitReason::Completed)
        );
        sink.text()
    }));
    let printed = timeout(PATIENCE, printed).await;
    assert_eq!(printed.expect("they see each other"), ["b\n", "a\n"]);
    subject.nothing_is_left().await;
    let kept = std::fs::read_to_string(subject.shared.join("note"));
    assert_eq!(kept.expect("it is kept"), "one\nthree\n");
}

/// Who shares nothing finds nothing shared.
pub async fn an_agent_that_does_not_share_is_told_of_no_shared_folder(subject: &RuntimeSubject) {
    let job = subject.shell("echo \"${SWARM_SHARED-none}\" /shared");
    assert_eq!(subject.complete(&job).await.text(), "none /shared\n");
}

/// A mount, a file and a working folder there are refused, also if nobody has asked before.
pub async fn nothing_of_a_sandbox_takes_the_place_of_the_shared_folder(subject: &RuntimeSubject) {
    for sandbox in [
        json!({"mounts": [{"host_path": "/srv", "container_path": "/shared", "readonly": false}]}),
        json!({"workdir": "/shared/x", "mounts": [
            {"host_path": "/srv", "container_path": "/shared/x", "readonly": false},
        ]}),
        json!({"workdir": "/shared", "input_files": {"note": ""}}),
    ] {
        let spec = SandboxSpec::from_json(sandbox.clone(), "sandbox").expect("it is one");
        let mut job = subject.shell("exit 0");
        job.sandbox = spec.resolve().expect("it can be resolved");
        assert!(
            subject.runtime.check_sharing(&job.sandbox).is_err(),
            "{sandbox} was accepted"
        );
        job.shared = Some(SharedFolder {
            path: subject.shared.clone(),
        });
        let (exit, _) = subject.run(&job).await;
        assert!(exit.is_err(), "{sandbox} was started");
        subject.nothing_is_left().await;
    }
}

/// What is on stdin is what was given, byte by byte, then it ends.
pub async fn stdin_arrives_exactly(subject: &RuntimeSubject) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for prompt in [
        Vec::new(),
        b"one line without an end".to_vec(),
        every_byte.repeat(1),
        every_byte.repeat(2_000),
    ] {
        let mut job = subject.shell("cat");
        job.stdin = prompt.clone().into();
        let sink = subject.complete(&job).await;
        same(&sink.stdout(), &prompt);
    }
}

/// The same for a prompt that is in a file.
pub async fn stdin_from_a_file_arrives_exactly(subject: &RuntimeSubject) {
    // A file that is surely there, and large: this very program.
    let program = std::env::current_exe().expect("this program has a file");
    let mut job = subject.shell("sha256sum");
    job.stdin = Content::File(program);
    let content = job.stdin.clone();
    let hashing = spawn_blocking(move || content.read().map(|bytes| hash::hex(&bytes)));
    let printed = subject.complete(&job).await.text();
    let expected = hashing.await.expect("hashing does not panic");
    let expected = expected.expect("its file can be read");
    assert_eq!(printed.split_whitespace().next(), Some(&*expected));
}

/// An agent that ends without reading its prompt has not failed for that.
pub async fn stdin_need_not_be_read(subject: &RuntimeSubject) {
    let mut job = subject.shell("exit 0");
    job.stdin = vec![b'x'; 1024 * 1024].into();
    subject.complete(&job).await;
}

/// Stdout is stdout, stderr is stderr.
pub async fn the_two_outputs_are_kept_apart(subject: &RuntimeSubject) {
    let job = subject.shell("printf answer; printf talk >&2; printf ' and more'");
    let sink = subject.complete(&job).await;
    assert_eq!(sink.text(), "answer and more");
    assert_eq!(sink.stderr(), b"talk");
}

/// Nothing of a large output is missing, on neither stream.
pub async fn large_output_is_complete(subject: &RuntimeSubject) {
    let job = subject.shell("seq 1 200000 & seq 200001 400000 >&2; wait");
    let sink = subject.complete(&job).await;
    same(&sink.stdout(), numbers(1, 200_000).as_bytes());
    same(&sink.stderr(), numbers(200_001, 400_000).as_bytes());
}

/// The agent's own exit code is told.
pub async fn the_exit_code_is_kept(subject: &RuntimeSubject) {
    for code in [1, 7, 255] {
        let job = subject.shell(&format!("echo partial; exit {code}"));
        let (exit, sink) = subject.finish(&job).await;
        assert_eq!(exit.reason, ExitReason::Failed { code });
        assert_eq!(sink.text(), "partial\n");
    }
}

/// An agent that a signal has ended did not exit by itself.
pub async fn an_end_by_a_signal_is_told_from_an_exit_code(subject: &RuntimeSubject) {
    let job = subject.shell("kill -KILL $$; sleep 60");
    let (exit, _) = subject.finish(&job).await;
    assert_eq!(exit.reason, ExitReason::Signalled { signal: 9 });
}

/// An agent that takes too long is stopped; what it had printed is kept.
pub async fn the_timeout_is_enforced(subject: &RuntimeSubject) {
    let mut job = subject.shell("echo before; sleep 600; echo after");
    job.timeout = Duration::from_secs(2);
    let (exit, sink) = subject.finish(&job).await;
    let after = job.timeout;
    assert_eq!(exit.reason, ExitReason::TimedOut { after });
    assert!(exit.duration >= after, "ended after {:?}", exit.duration);
    assert!(exit.duration < PATIENCE, "took {:?}", exit.duration);
    assert_eq!(sink.text(), "before\n");
}

/// Whoever ignores the request to end is killed.
pub async fn an_agent_that_ignores_the_signal_is_killed(subject: &RuntimeSubject) {
    let mut job = subject.shell("trap '' TERM; echo started; while :; do sleep 1; done");
    job.timeout = Duration::from_secs(2);
    let (exit, sink) = timeout(PATIENCE, subject.finish(&job))
        .await
        .expect("the agent was not killed");
    assert_eq!(exit.reason, ExitReason::TimedOut { after: job.timeout });
    assert_eq!(sink.text(), "started\n");
}

/// Whoever prints without end, on whichever output, is stopped at the limit; what came before is kept, and no byte more.
pub async fn an_agent_that_prints_too_much_is_stopped(subject: &RuntimeSubject) {
    for (to, deaf) in [("1", ""), ("2", "trap '' TERM;")] {
        let script = format!("{deaf} echo start; exec 1>&{to}; while :; do cat /bin/sh; done");
        let mut job = subject.shell(&script);
        job.max_output = ByteSize::new(1_000_000);
        let (exit, sink) = timeout(PATIENCE, subject.finish(&job))
            .await
            .expect("the agent was not stopped");
        assert_eq!(exit.reason, ExitReason::OutputLimit { bytes: 1_000_000 });
        assert_eq!(sink.stdout().len() + sink.stderr().len(), 1_000_000);
        assert!(
            sink.stdout().starts_with(b"start\n"),
            "the beginning is lost"
        );
    }
}

/// What is cut is never a success, however quickly the agent ends.
pub async fn an_agent_that_has_printed_too_much_when_it_ends_is_no_success(
    subject: &RuntimeSubject,
) {
    let mut job = subject.shell("printf 12345; printf 6789 >&2; exit 0");
    job.max_output = ByteSize::new(8);
    let (exit, sink) = subject.finish(&job).await;
    assert_eq!(exit.reason, ExitReason::OutputLimit { bytes: 8 });
    assert_eq!(sink.stdout().len() + sink.stderr().len(), 8);
}

/// The limit itself is not too much.
pub async fn an_agent_may_print_as_much_as_its_limit(subject: &RuntimeSubject) {
    let mut job = subject.shell("printf 12345; printf 6789 >&2");
    job.max_output = ByteSize::new(9);
    let sink = subject.complete(&job).await;
    assert_eq!(
        (sink.text().as_str(), sink.stderr().as_slice()),
        ("12345", &b"6789"[..])
    );
}

/// A stopped agent ends as cancelled; what it had printed is kept.
pub async fn a_stopped_agent_is_cancelled(subject: &RuntimeSubject) {
    let job = subject.shell("echo started; sleep 600; echo after");
    let stop = CancellationToken::new();
    let sink = VecSink::default();
    let mut output = sink.clone();
    let run = subject.runtime.run(&job, &mut output, &stop);
    let stopping = async {
        sink.has_printed("started").await;
        stop.cancel();
    };
    let (exit, ()) = timeout(PATIENCE, futures_util::future::join(run, stopping))
        .await
        .expect("the agent was not stopped");
    let exit = exit.expect("the agent started");
    assert_eq!(exit.reason, ExitReason::Cancelled);
    assert_eq!(sink.text(), "started\n");
    subject.nothing_is_left().await;
}

/// A job whose result is no longer wanted when it is handed over is cancelled.
pub async fn an_agent_that_is_stopped_before_it_starts_does_nothing(subject: &RuntimeSubject) {
    let job = subject.shell("sleep 600");
    let stop = CancellationToken::new();
    stop.cancel();
    let mut sink = VecSink::default();
    let exit = timeout(PATIENCE, subject.runtime.run(&job, &mut sink, &stop))
        .await
        .expect("the agent was not stopped")
        .expect("a stopped job is no error");
    assert_eq!(exit.reason, ExitReason::Cancelled);
    subject.nothing_is_left().await;
}

/// If nobody waits for an agent any more, it is killed.
pub async fn a_dropped_agent_is_killed(subject: &RuntimeSubject) {
    let job = subject.shell("echo started; sleep 600");
    let stop = CancellationToken::new();
    let sink = VecSink::default();
    let mut output = sink.clone();
    tokio::select! {
        exit = subject.runtime.run(&job, &mut output, &stop) => {
            panic!("the agent ended by itself: {exit:?}");
        }
        () = sink.has_printed("started") => {}
    }
    // Nobody is told when that is done, so ask until it is.
    let gone = async {
        while !(subject.leftovers)().await.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, gone).await.is_err() {
        subject.nothing_is_left().await;
    }
}

/// What an agent has started and not awaited does not outlive it, and does not keep it from ending.
pub async fn what_an_agent_leaves_running_ends_with_it(subject: &RuntimeSubject) {
    let job = subject.shell("sleep 600 & echo done");
    let (exit, sink) = subject.finish(&job).await;
    assert_eq!(exit.reason, ExitReason::Completed);
    assert!(exit.duration < PATIENCE, "took {:?}", exit.duration);
    assert_eq!(sink.text(), "done\n");
}

/// A full disk ends the agent, which would work for nothing.
pub async fn an_agent_whose_output_cannot_be_kept_is_killed(subject: &RuntimeSubject) {
    #[derive(Debug)]
    struct Full;
    impl OutputSink for Full {
        fn write<'a>(&'a mut self, _: OutputStream, _: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
            Box::pin(async { Err(io::ErrorKind::StorageFull.into()) })
        }
    }
    let job = subject.shell("echo text; sleep 600");
    let stop = CancellationToken::new();
    let exit = timeout(PATIENCE, subject.runtime.run(&job, &mut Full, &stop))
        .await
        .expect("the agent was not killed");
    match exit {
        Err(RuntimeError::Output(error)) => {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        other => panic!("expected the error of the sink, got {other:?}"),
    }
    subject.nothing_is_left().await;
}

/// An agent sees the variables that it was given, exactly, and none of ours.
pub async fn the_environment_holds_only_what_was_given(subject: &RuntimeSubject) {
    let value = "a b=c\n'single' \"double\" $HOME \\ ü";
    let given = |mut job: AgentJob| {
        job.sandbox.env_vars = [("GIVEN".to_owned(), value.to_owned())]
            .into_iter()
            .collect();
        job
    };
    let sink = subject
        .complete(&given(subject.shell("printf %s \"$GIVEN\"")))
        .await;
    assert_eq!(sink.text(), value);

    // Names only: a value may hold line ends.
    let script = "env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'";
    let sink = subject.complete(&given(subject.shell(script))).await;
    let names = sink.text();
    let mut names: BTreeSet<&str> = names.lines().collect();
    assert!(names.remove("GIVEN"), "GIVEN is not in {names:?}");
    names.retain(|name| !OWN_VARIABLES.contains(name));
    assert!(names.is_empty(), "nobody gave it {names:?}");
    assert!(
        std::env::vars_os().any(|(name, _)| !OWN_VARIABLES.iter().any(|own| name == **own)),
        "the tests run without any variable that could have leaked; set one"
    );
}

/// To start a program that does not exist is an error, not an agent that failed.
pub async fn a_missing_program_is_an_error(subject: &RuntimeSubject) {
    let mut job = subject.shell("");
    job.invocation.argv = vec!["no-such-program-anywhere".to_owned()];
    let (exit, _) = subject.run(&job).await;
    let error = exit.expect_err("a program that does not exist cannot run");
    assert_eq!(error.exit_reason(), ExitReason::NotStarted, "{error}");
    assert!(
        error.to_string().contains("no-such-program-anywhere"),
        "does not name the program: {error}"
    );
    subject.nothing_is_left().await;
}

/// Input files are in the working folder, in folders of their own if need be.
pub async fn input_files_arrive(subject: &RuntimeSubject) {
    let mut job = subject.shell("cat first.txt deep/er/second.txt third.txt");
    let workdir = job.sandbox.workdir.clone();
    job.sandbox.input_files = [
        ("first.txt".to_owned(), "first\n".into()),
        ("deep/er/second.txt".to_owned(), "zweite ü\n".into()),
        (format!("{workdir}/third.txt"), "third".into()),
    ]
    .into();
    let checked = subject.runtime.check(&job.sandbox);
    checked.expect("files in the working folder are always possible");
    assert_eq!(
        subject.complete(&job).await.text(),
        "first\nzweite ü\nthird"
    );
}

/// The folder that an agent starts in is its own to write.
pub async fn the_working_folder_can_be_written(subject: &RuntimeSubject) {
    let job = subject.shell("mkdir made && echo text > made/file && cat made/file");
    assert_eq!(subject.complete(&job).await.text(), "text\n");
}

/// The file that an invocation names is read at the end, as far as it makes sense; a link is not followed, and a missing one is no
/// failure.
pub async fn what_an_agent_claims_is_handed_on_and_decides_nothing(subject: &RuntimeSubject) {
    let told = r#"{"tool_name":"Write","tool_input":{"file_path":"/a"}}"#;
    for (script, expected) in [
        (
            format!("echo '7 {told}' > \"$HOME/in/log\"; echo garbage >> \"$HOME/in/log\""),
            1,
        ),
        (
            format!("echo '7 {told}' > \"$HOME/other\"; ln -s ../other \"$HOME/in/log\""),
            0,
        ),
        ("mkfifo \"$HOME/in/log\"".to_owned(), 0),
        ("true".to_owned(), 0),
    ] {
        let mut job = subject.shell(&script);
        job.invocation
            .home
            .insert("in/given".to_owned(), "x".to_owned());
        job.invocation.artifacts = Some("in/log".to_owned());
        let sink = subject.complete(&job).await;
        let claims = sink.claims();
        assert_eq!(claims.len(), expected, "{script}: {claims:?}");
        for claim in claims {
            assert_eq!(
                (claim.tool.as_str(), claim.path.as_deref()),
                ("Write", Some("/a"))
            );
        }
    }
}

/// After a crash that came before the start there is nothing to take over.
pub async fn a_resumed_job_that_never_ran_is_run(subject: &RuntimeSubject) {
    let mut job = subject.shell("echo ran");
    let there = subject.runtime.can_take_over(&job.id).await;
    assert!(!there.expect("the runtime answers"), "nothing was started");
    job.launch = Launch::Again;
    assert_eq!(subject.complete(&job).await.text(), "ran\n");
}

/// Agents do not get in each other's way.
pub async fn many_agents_run_at_once(subject: &RuntimeSubject) {
    let run = RunId::random();
    let jobs: Vec<AgentJob> = (0..20)
        .map(|i| {
            let agent = AgentId::new(format!("agent-{i}")).expect("a valid name");
            (subject.job)(RefId::new(run.clone(), agent), &format!("cat; echo {i}"))
        })
        .map(|mut job| {
            job.stdin = job.id.to_string().as_str().into();
            job
        })
        .collect();
    let ends = join_all(jobs.iter().map(|job| subject.run(job))).await;
    for (i, (job, (exit, sink))) in jobs.iter().zip(ends).enumerate() {
        let exit = exit.unwrap_or_else(|error| panic!("{}: {error}", job.id));
        assert_eq!(exit.reason, ExitReason::Completed, "{}", job.id);
        assert_eq!(sink.text(), format!("{}{i}\n", job.id));
    }
    subject.nothing_is_left().await;
}

/// A sweep does not touch what a live run still needs.
pub async fn a_sweep_leaves_live_runs_alone(subject: &RuntimeSubject) {
    let job = subject.shell("echo started; sleep 2; echo still here");
    let sink = VecSink::default();
    let mut output = sink.clone();
    let stop = CancellationToken::new();
    let run = subject.runtime.run(&job, &mut output, &stop);
    let sweeping = async {
        sink.has_printed("started").await;
        let is_live = |run: &RunId| *run == job.id.run;
        subject.runtime.sweep(&is_live).await
    };
    let (exit, swept) = timeout(PATIENCE, futures_util::future::join(run, sweeping))
        .await
        .expect("the agent did not end");
    let swept = swept.expect("the sweep works");
    assert!(!swept.contains(&job.id), "{} was swept away", job.id);
    let exit = exit.expect("the agent started");
    assert_eq!(exit.reason, ExitReason::Completed);
    assert_eq!(sink.text(), "started\nstill here\n");
    subject.nothing_is_left().await;
}

fn numbers(from: u32, to: u32) -> String {
    (from..=to).fold(String::new(), |text, n| text + &n.to_string() + "\n")
}

/// Compares without printing megabytes.
fn same(found: &[u8], expected: &[u8]) {
    let differ = found.iter().zip(expected).position(|(a, b)| a != b);
    assert!(
        found == expected,
        "{} bytes instead of {}, first difference at {differ:?}",
        found.len(),
        expected.len()
    );
}
