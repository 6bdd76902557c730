//! `ProcessRuntime`: the promises of every runtime, and those of processes.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{FutureExt as _, join};
use swarm_core::{
    content::Content,
    ids::{RefId, RunId},
    outcome::ExitReason,
    runtime::{
        AgentExit, AgentJob, AgentRuntime as _, Launch, RuntimeError,
        process::{DEFAULT_PATH, ProcessOptions, ProcessRuntime},
    },
    spec::Mount,
    testing::{
        runtime::{self, RuntimeSubject, shell_job},
        sink::VecSink,
    },
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Tells the re-executed test binary where to run the agent that it is killed over.
const STATE_DIR: &str = "SWARM_TEST_STATE_DIR";
const SOON: Duration = Duration::from_secs(30);

/// A runtime with a folder of its own, which must be empty in the end.
struct Fixture {
    state_dir: tempfile::TempDir,
    runtime: ProcessRuntime,
}

impl Fixture {
    fn new() -> Self {
        let state_dir = tempfile::tempdir().unwrap();
        let mut options = ProcessOptions::new(state_dir.path().join("agents"));
        options.stop_grace = Duration::from_millis(500);
        Self {
            state_dir,
            runtime: ProcessRuntime::new(options),
        }
    }

    fn agents(&self) -> PathBuf {
        self.state_dir.path().join("agents")
    }

    fn subject(&self) -> RuntimeSubject {
        let agents = self.agents();
        let shared = self.state_dir.path().join("shared");
        fs::create_dir(&shared).unwrap();
        RuntimeSubject {
            shared,
            runtime: Arc::new(self.runtime.clone()),
            job: Box::new(shell_job),
            leftovers: Box::new(move || {
                let left = leftovers(&agents);
                async { left }.boxed()
            }),
        }
    }

    async fn run(&self, job: &AgentJob) -> (Result<AgentExit, RuntimeError>, VecSink) {
        let mut sink = VecSink::default();
        let stop = CancellationToken::new();
        let exit = timeout(SOON, self.runtime.run(job, &mut sink, &stop)).await;
        (exit.expect("the agent hangs"), sink)
    }

    async fn complete(&self, job: &AgentJob) -> VecSink {
        let (exit, sink) = self.run(job).await;
        let stderr = sink.stderr();
        let stderr = String::from_utf8_lossy(&stderr);
        assert_eq!(exit.unwrap().reason, ExitReason::Completed, "{stderr}");
        sink
    }

    async fn error(&self, job: &AgentJob) -> String {
        let (exit, _) = self.run(job).await;
        assert_eq!(leftovers(&self.agents()), Vec::<String>::new());
        exit.unwrap_err().to_string()
    }
}

/// Files below `agents`, and processes that were started with a path below it in their environment.
fn leftovers(agents: &Path) -> Vec<String> {
    let mut left: Vec<String> = fs::read_dir(agents)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    let mark = agents.to_str().unwrap();
    for entry in fs::read_dir("/proc").into_iter().flatten() {
        let dir = entry.unwrap().path();
        let environ = fs::read(dir.join("environ")).unwrap_or_default();
        // An ended process that nobody has awaited has an empty environment.
        if String::from_utf8_lossy(&environ).contains(mark) {
            let line = fs::read(dir.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            left.push(format!("{}: {line}", dir.display()));
        }
    }
    left
}

fn job(script: &str) -> AgentJob {
    shell_job(
        format!("{}/agent-0", RunId::random()).parse().unwrap(),
        script,
    )
}

async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waiting).await.expect("it never happened");
}

macro_rules! promises {
    ($($promise:ident)*) => {
        const PROMISES: &[&str] = &[$(stringify!($promise)),*];
        $(
            #[tokio::test]
            async fn $promise() {
                runtime::$promise(&Fixture::new().subject()).await;
            }
        )*
    };
}

promises! {
    stdin_arrives_exactly
    stdin_from_a_file_arrives_exactly
    stdin_need_not_be_read
    the_two_outputs_are_kept_apart
    large_output_is_complete
    the_exit_code_is_kept
    an_end_by_a_signal_is_told_from_an_exit_code
    the_timeout_is_enforced
    an_agent_that_ignores_the_signal_is_killed
    an_agent_that_prints_too_much_is_stopped
    an_agent_that_has_printed_too_much_when_it_ends_is_no_success
    an_agent_may_print_as_much_as_its_limit
    a_stopped_agent_is_cancelled
    an_agent_that_is_stopped_before_it_starts_does_nothing
    a_dropped_agent_is_killed
    what_an_agent_leaves_running_ends_with_it
    an_agent_whose_output_cannot_be_kept_is_killed
    the_environment_holds_only_what_was_given
    a_missing_program_is_an_error
    input_files_arrive
    the_working_folder_can_be_written
    what_an_agent_claims_is_handed_on_and_decides_nothing
    an_agent_sees_what_another_left_in_the_shared_folder
    an_agent_that_does_not_share_is_told_of_no_shared_folder
    nothing_of_a_sandbox_takes_the_place_of_the_shared_folder
    a_resumed_job_that_never_ran_is_run
    many_agents_run_at_once
    a_sweep_leaves_live_runs_alone
}

#[test]
fn no_promise_is_forgotten() {
    let suite = include_str!("../../src/testing/runtime.rs");
    let written: BTreeSet<&str> = suite
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next())
        .collect();
    let mut tested: BTreeSet<&str> = PROMISES.iter().copied().collect();
    tested.insert("runtime_conformance");
    assert_eq!(written, tested);
    for promise in PROMISES {
        assert!(
            suite.contains(&format!("    {promise}(subject).await;")),
            "{promise}"
        );
    }
}

#[tokio::test]
async fn a_program_that_exits_like_a_killed_one_was_not_killed() {
    let fixture = Fixture::new();
    for code in [129, 137, 143] {
        let (exit, _) = fixture.run(&job(&format!("exit {code}"))).await;
        assert_eq!(exit.unwrap().reason, ExitReason::Failed { code });
    }
}

#[tokio::test]
async fn a_grandchild_that_ignores_the_signal_is_killed() {
    let fixture = Fixture::new();
    let job = job("sh -c 'trap \"\" TERM; echo started; while :; do sleep 1; done' & wait");
    let stop = CancellationToken::new();
    let sink = VecSink::default();
    let mut output = sink.clone();
    let run = fixture.runtime.run(&job, &mut output, &stop);
    let stopping = async {
        sink.has_printed("started").await;
        stop.cancel();
    };
    let (exit, ()) = timeout(SOON, join(run, stopping)).await.unwrap();
    assert_eq!(exit.unwrap().reason, ExitReason::Cancelled);
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_left_the_group_and_holds_the_output_open_is_found() {
    let fixture = Fixture::new();
    // The group is killed when its leader ends, so the leader waits until the other has left it.
    let job = job("setsid sh -c 'echo left > left; exec sleep 600' & \
                   while ! [ -s left ]; do :; done; echo done");
    let (exit, sink) = fixture.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(sink.text(), "done\n");
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_left_the_group_and_never_stops_printing_is_found() {
    let fixture = Fixture::new();
    let job = job("setsid sh -c 'echo left > left; exec yes' & while ! [ -s left ]; do :; done");
    let (exit, _) = fixture.run(&job).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
}

#[tokio::test]
async fn the_timeout_is_enforced_promptly() {
    let fixture = Fixture::new();
    let mut job = job("exec sleep 600");
    job.timeout = Duration::from_millis(300);
    let (exit, _) = fixture.run(&job).await;
    let exit = exit.unwrap();
    assert_eq!(exit.reason, ExitReason::TimedOut { after: job.timeout });
    assert!(exit.duration < Duration::from_secs(1), "{exit:?}");
}

#[tokio::test]
async fn a_start_that_is_dropped_at_any_moment_leaves_nothing() {
    let fixture = Fixture::new();
    let stop = CancellationToken::new();
    for micros in (0..3_000).step_by(60) {
        let job = job("sleep 600");
        let mut sink = VecSink::default();
        let run = fixture.runtime.run(&job, &mut sink, &stop);
        drop(timeout(Duration::from_micros(micros), run).await);
    }
    let agents = fixture.agents();
    until(|| leftovers(&agents).is_empty()).await;
}

#[tokio::test]
async fn home_and_temporary_folder_are_the_agents_own() {
    let fixture = Fixture::new();
    let script = "for dir in \"$HOME\" \"$TMPDIR\"; do touch \"$dir/f\" && dirname \"$dir\"; done; \
                  echo \"$PATH $LANG\"";
    let job = job(script);
    let own = fs::canonicalize(fixture.state_dir.path()).unwrap();
    let own = own.join("agents").join(job.id.to_string());
    let expected = format!("{0}\n{0}\n{DEFAULT_PATH} C.UTF-8\n", own.display());
    assert_eq!(fixture.complete(&job).await.text(), expected);
}

#[tokio::test]
async fn a_variable_that_was_given_wins_over_ours() {
    let fixture = Fixture::new();
    let mut job = job("echo $HOME $LANG");
    job.sandbox.env_vars = [("HOME", "/elsewhere"), ("LANG", "C")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    assert_eq!(fixture.complete(&job).await.text(), "/elsewhere C\n");
}

fn mounted(script: &str, host_path: &Path) -> AgentJob {
    let mut job = job(script);
    job.sandbox.mounts = vec![Mount {
        host_path: host_path.to_str().unwrap().to_owned(),
        container_path: job.sandbox.workdir.clone(),
        readonly: false,
    }];
    job
}

#[tokio::test]
async fn a_folder_mounted_on_the_working_folder_is_the_working_folder() {
    let fixture = Fixture::new();
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("in"), "from the host").unwrap();
    fs::write(project.path().join("tool"), "#!/bin/sh\ncat in > out\n").unwrap();
    fs::set_permissions(
        project.path().join("tool"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let mut job = mounted("", project.path());
    job.invocation.argv = vec!["./tool".to_owned()];
    fixture.complete(&job).await;
    let out = fs::read_to_string(project.path().join("out")).unwrap();
    assert_eq!(out, "from the host");
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
}

#[tokio::test]
async fn a_mount_that_does_not_exist_is_named() {
    let fixture = Fixture::new();
    let job = mounted("", Path::new("/no/such/folder"));
    assert_eq!(
        fixture.error(&job).await,
        "cannot mount /no/such/folder: it does not exist; create it, or correct `mounts`"
    );
    let job = mounted("", Path::new("/bin/sh"));
    assert!(fixture.error(&job).await.contains("it is not a folder"));
}

#[tokio::test]
async fn what_cannot_be_honoured_never_starts() {
    let fixture = Fixture::new();
    let mut job = job("echo ran");
    job.sandbox.pids = Some(5);
    let (exit, sink) = fixture.run(&job).await;
    assert!(matches!(exit, Err(RuntimeError::Unsupported { .. })));
    assert_eq!(sink.text(), "");
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_says_why() {
    let fixture = Fixture::new();
    let project = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str, mode| {
        let file = project.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    put("locked", "#!/bin/sh\n", 0o644);
    put("orphan", "#!/no/such/interpreter\n", 0o755);
    put("text", "hello\n", 0o755);
    for (program, problem) in [
        ("./locked", "is not executable"),
        ("./orphan", "needs an interpreter that does not exist"),
        ("./text", "neither a program of this machine nor a script"),
        ("./absent", "does not exist"),
        ("absent-tool", "no such program in /usr/local/sbin"),
    ] {
        let mut job = mounted("", project.path());
        job.invocation.argv = vec![program.to_owned()];
        let error = fixture.error(&job).await;
        assert!(
            error.contains(problem) && error.contains(program),
            "{error}"
        );
    }
}

#[tokio::test]
async fn arguments_that_are_too_long_are_a_failed_start() {
    let fixture = Fixture::new();
    let mut job = job("");
    job.invocation.argv.push("x".repeat(4 * 1024 * 1024));
    let error = fixture.error(&job).await;
    for told in [
        "the longest 4194304",
        "less than 131072 in one",
        "pass long text on stdin",
    ] {
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_missing_is_named() {
    let fixture = Fixture::new();
    let mut job = job("cat");
    job.stdin = Content::File("/no/such/prompt".into());
    let error = fixture.error(&job).await;
    assert!(
        error.starts_with("cannot use the prompt /no/such/prompt: "),
        "{error}"
    );
}

#[tokio::test]
async fn the_same_agent_does_not_run_twice_at_a_time() {
    let fixture = Fixture::new();
    let job = job("echo started; sleep 1; echo done");
    let (mut first, mut second) = (VecSink::default(), VecSink::default());
    let seen = first.clone();
    let stop = CancellationToken::new();
    let again = async {
        seen.has_printed("started").await;
        fixture.runtime.run(&job, &mut second, &stop).await
    };
    let (exit, refused) = join(fixture.runtime.run(&job, &mut first, &stop), again).await;
    assert_eq!(exit.unwrap().reason, ExitReason::Completed);
    assert_eq!(seen.text(), "started\ndone\n");
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("runs already"), "{refused}");
}

/// Runs an agent in a process of its own and kills that process, which leaves the agent running.
async fn orphan(fixture: &Fixture, id: &RefId) -> u32 {
    let mut doomed = Command::new(std::env::current_exe().unwrap())
        .args([
            "process::runs_an_agent_until_it_is_killed",
            "--exact",
            "--ignored",
        ])
        .env(STATE_DIR, fixture.agents())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let workspace = fixture.agents().join(id.to_string()).join("workspace");
    until(|| workspace.join("escaped").exists()).await;
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let pid = fs::read_to_string(workspace.join("pid")).unwrap();
    assert!(is_running(pid.trim()), "the agent died with its parent");
    pid.trim().parse().unwrap()
}

fn is_running(pid: &str) -> bool {
    !fs::read(format!("/proc/{pid}/environ"))
        .unwrap_or_default()
        .is_empty()
}

fn orphan_id() -> RefId {
    "0123456789ab/agent-0".parse().unwrap()
}

#[tokio::test]
#[ignore = "a part of the tests below, which kill it"]
#[expect(
    clippy::disallowed_methods,
    reason = "the only way to reach a test in a process of its own"
)]
async fn runs_an_agent_until_it_is_killed() {
    let Ok(state_dir) = std::env::var(STATE_DIR) else {
        return;
    };
    let script = "echo $$ > pid; setsid sh -c 'touch escaped; exec sleep 600' & sleep 600";
    let runtime = ProcessRuntime::new(ProcessOptions::new(state_dir));
    let stop = CancellationToken::new();
    let job = shell_job(orphan_id(), script);
    let exit = runtime.run(&job, &mut VecSink::default(), &stop).await;
    panic!("not killed: {exit:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sweep_ends_what_a_killed_process_left_behind() {
    let fixture = Fixture::new();
    let id = orphan_id();
    let pid = orphan(&fixture, &id).await;

    let spared = fixture.runtime.sweep(&|run| *run == id.run).await.unwrap();
    assert_eq!(spared, []);
    assert!(is_running(&pid.to_string()), "a live run was swept");

    let swept = fixture.runtime.sweep(&|_| false).await.unwrap();
    assert_eq!(swept, [id]);
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
    assert_eq!(fixture.runtime.sweep(&|_| false).await.unwrap(), []);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_resumed_agent_never_runs_beside_its_former_self() {
    let fixture = Fixture::new();
    let id = orphan_id();
    let pid = orphan(&fixture, &id).await;
    let mut job = shell_job(id, &format!("ls; ! grep -q . /proc/{pid}/cmdline"));
    let refused = fixture.run(&job).await.0.unwrap_err().to_string();
    assert!(refused.contains("left behind by a crash"), "{refused}");

    job.launch = Launch::Again;
    assert_eq!(fixture.complete(&job).await.text(), "");
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_only_has_the_number_of_an_agent_is_left_alone() {
    let fixture = Fixture::new();
    let job = job("echo started; sleep 600");
    let sink = VecSink::default();
    let mut output = sink.clone();
    let stop = CancellationToken::new();
    let run = fixture.runtime.run(&job, &mut output, &stop);

    // The note of this agent, lying in the folder of another that a dead process of ours has left.
    let sweeping = async {
        sink.has_printed("started").await;
        let note = fixture
            .agents()
            .join(job.id.to_string())
            .join("process.json");
        let mut note: serde_json::Value = serde_json::from_slice(&fs::read(note).unwrap()).unwrap();
        let other = Fixture::new();
        let id: RefId = "dead/agent-0".parse().unwrap();
        let folder = other.agents().join(id.to_string());
        let sweep = async |note: &serde_json::Value| {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("process.json"), note.to_string()).unwrap();
            let swept = other.runtime.sweep(&|_| false).await.unwrap();
            assert_eq!(swept, std::slice::from_ref(&id));
            assert!(!folder.exists());
        };
        let pid = note["pid"].to_string();
        let started = note["started"].as_u64().unwrap();
        note["started"] = (started - 1).into();
        sweep(&note).await;
        assert!(
            is_running(&pid),
            "a process with another start time was killed"
        );

        note["started"] = started.into();
        note["era"] = "another boot".into();
        sweep(&note).await;
        assert!(is_running(&pid), "a process of another boot was killed");
        note
    };
    tokio::pin!(run);
    tokio::select! {
        exit = &mut run => panic!("the agent ended: {exit:?}"),
        _ = sweeping => {}
    }
    stop.cancel();
    assert_eq!(run.await.unwrap().reason, ExitReason::Cancelled);
}

#[tokio::test]
async fn a_sweep_leaves_alone_what_is_not_called_like_an_agent() {
    let fixture = Fixture::new();
    assert_eq!(fixture.runtime.sweep(&|_| false).await.unwrap(), []);
    let precious = tempfile::tempdir().unwrap();
    fs::create_dir(precious.path().join("agent-0")).unwrap();
    fs::create_dir_all(fixture.agents().join(".hidden/agent-0")).unwrap();
    fs::write(fixture.agents().join("file"), "").unwrap();
    std::os::unix::fs::symlink(precious.path(), fixture.agents().join("link")).unwrap();
    assert_eq!(fixture.runtime.sweep(&|_| false).await.unwrap(), []);
    assert!(precious.path().join("agent-0").exists());
    assert_eq!(fs::read_dir(fixture.agents()).unwrap().count(), 3);
}

#[tokio::test]
async fn the_folders_are_closed_to_others() {
    let fixture = Fixture::new();
    let sink = fixture
        .complete(&job("stat -c %a . .. ../.. ../../.. \"$HOME\" \"$TMPDIR\""))
        .await;
    assert_eq!(sink.text(), "700\n".repeat(6));
}

/// An innocent process that leads a group but was never an agent survives everything above.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_empty_folder_of_a_dead_run_kills_nobody() {
    let fixture = Fixture::new();
    let mut innocent = Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .unwrap();
    fs::create_dir_all(fixture.agents().join("dead/agent-0")).unwrap();
    fs::create_dir_all(fixture.agents().join("empty")).unwrap();
    let swept = fixture.runtime.sweep(&|_| false).await.unwrap();
    let survived = innocent.try_wait().unwrap().is_none();
    innocent.kill().unwrap();
    innocent.wait().unwrap();
    assert!(survived);
    assert_eq!(swept, ["dead/agent-0".parse().unwrap()]);
    assert_eq!(leftovers(&fixture.agents()), Vec::<String>::new());
}
