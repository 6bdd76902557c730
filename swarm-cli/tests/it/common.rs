//! A user with an empty home.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// A home, a working folder, and nothing else: no variable of this machine reaches the command.
pub(crate) struct TestEnvironment {
    root: TempDir,
}

/// What a command said and how it ended.
#[must_use = "check how it ended"]
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestEnvironment {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("home")).unwrap();
        std::fs::create_dir(root.path().join("work")).unwrap();
        Self { root }
    }

    /// The folder in which commands are started.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// `SWARM_HOME` as it is by default.
    pub(crate) fn swarm_home(&self) -> PathBuf {
        self.root.path().join("home/.local/share/swarm")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `swarm` in this environment, agents as processes, and no engine to be found.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.with_engine(args);
        command.env("SWARM_RUNTIME", "process").env(
            "DOCKER_HOST",
            format!("unix://{}/no.sock", self.root.path().display()),
        );
        command
    }

    /// The same, with the engine of this machine.
    pub(crate) fn with_engine(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_swarm"));
        // Each test has a home of its own, and would leave a daemon there; those of the daemon ask for it.
        command.env("SWARM_LOCAL", "true").args(args);
        command
    }

    /// Any program in this environment.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.root.path().join("home"))
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn swarm(&self, args: &[&str]) -> Outcome {
        run(&mut self.command(args))
    }

    /// The answer in JSON of a command that must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args = [args_before(args), &["--json"], args_after(args)].concat();
        self.swarm(&args).ok().value()
    }

    /// Starts a command without waiting for it.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn args_before<'a, 'b>(args: &'a [&'b str]) -> &'a [&'b str] {
    args.split(|arg| *arg == "--").next().unwrap()
}

fn args_after<'a, 'b>(args: &'a [&'b str]) -> &'a [&'b str] {
    &args[args_before(args).len()..]
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    Outcome::of(&command.output().unwrap())
}

impl Outcome {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    pub(crate) fn ok(self) -> Self {
        self.code(0)
    }

    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that the error names all of `parts`.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:#?}");
        }
        self
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Waits until `condition` holds; fails after half a minute.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("still not true: {what}");
}

/// Runs a command whose stdout and stderr are a terminal, and returns what it would show and the exit code.
pub(crate) fn on_a_terminal(command: Command) -> (String, i32) {
    let (mut child, mut terminal) = start_on_a_terminal(command);
    let mut shown = Vec::new();
    terminal.read_on(&mut shown);
    let code = child.wait().unwrap().code().unwrap_or(-1);
    let shown = String::from_utf8(shown).unwrap();
    (shown.replace("\r\n", "\n"), code)
}

/// Our end of a terminal.
pub(crate) struct Terminal(File);

impl Terminal {
    /// Reads what is there, waiting for something.
    pub(crate) fn read(&mut self, written: &mut Vec<u8>) {
        let mut chunk = [0; 4096];
        let read = self.0.read(&mut chunk).unwrap();
        written.extend(&chunk[..read]);
    }

    /// Reads until nobody has the other end any more.
    pub(crate) fn read_on(&mut self, written: &mut Vec<u8>) {
        // It ends with an error.
        drop(std::io::copy(&mut self.0, written));
    }

    /// Types.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }
}

/// Starts a command whose stdout and stderr are a terminal, and returns our end of that.
pub(crate) fn start_on_a_terminal(mut command: Command) -> (Child, Terminal) {
    use rustix::{
        fs::{Mode, OFlags, open},
        pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
        termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr},
    };
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = open(name, flags, Mode::empty()).unwrap();
    // Else what is typed may throw away what was written and not read yet.
    let mut modes = tcgetattr(&theirs).unwrap();
    modes.local_modes |= LocalModes::NOFLSH;
    tcsetattr(&theirs, OptionalActions::Now, &modes).unwrap();
    command.stdout(theirs.try_clone().unwrap()).stderr(theirs);
    // When this returns, our copy of the other end is gone together with the command.
    (command.spawn().unwrap(), Terminal(ours.into()))
}

/// Sends a signal to a command that was started.
/// Waits until `child` would not simply die of `signal`.
pub(crate) fn listens_to(child: &Child, signal: rustix::process::Signal) {
    let status = format!("/proc/{}/status", child.id());
    eventually("it listens to the signal", || {
        let status = std::fs::read_to_string(&status).unwrap();
        let mut caught = status.lines().filter_map(|l| l.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.next().unwrap().trim(), 16).unwrap();
        caught >> (signal.as_raw() - 1) & 1 == 1
    });
}

pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// A pipe with a name: an agent that reads it waits until the test opens it.
pub(crate) fn fifo(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

/// Whether a process somewhere was started with `needle` among its arguments.
pub(crate) fn is_running(needle: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(needle))
    })
}
