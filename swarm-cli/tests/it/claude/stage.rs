//! A user with an empty home, an agent, and a model that knows its lines.

use std::{
    fs,
    net::IpAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{image, program};
use crate::{
    common::{Outcome, TestEnvironment, eventually, run},
    model_server::{ModelServer, Turn},
};

/// Is in the environment of the agent, and nowhere else.
pub(super) const KEY: &str = "sk-ant-canary-5ecr3t";

/// Where agents run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Container,
    Process,
}

/// One test. At its end nothing may be left of what ran, and all turns must have been played.
pub(super) struct Stage {
    pub(super) env: TestEnvironment,
    pub(super) model: ModelServer,
    place: Place,
}

impl Stage {
    /// Agents in containers.
    pub(super) fn in_container(turns: impl IntoIterator<Item = Turn>) -> Self {
        image::ready();
        Self {
            env: TestEnvironment::new(),
            model: ModelServer::start_at(gateway(), turns),
            place: Place::Container,
        }
    }

    /// Agents as processes.
    pub(super) fn as_process(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self {
            env: TestEnvironment::new(),
            model: ModelServer::start(turns),
            place: Place::Process,
        }
    }

    /// Any command of `swarm`, here.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = match self.place {
            Place::Container => self.env.with_engine(args),
            Place::Process => self.env.command(args),
        };
        match self.place {
            Place::Container => command
                .env("SWARM_RUNTIME", "docker")
                .env("SWARM_IMAGE", image::IMAGE),
            Place::Process => {
                let claude = program::claude();
                let folder = claude.parent().unwrap().display();
                command.env("PATH", format!("{folder}:/usr/bin:/bin"))
            }
        };
        command
            .env("ANTHROPIC_API_KEY", KEY)
            .env("ANTHROPIC_BASE_URL", self.model.url());
        command
    }

    /// `swarm run` with `claude`, which tries nothing again of its own accord.
    pub(super) fn agent(&self, prompt: &str, options: &[&str]) -> Command {
        let mut args = vec!["run", prompt, "--agent", "claude", "--json"];
        args.extend(["--env", "CLAUDE_CODE_MAX_RETRIES=0"]);
        if self.place == Place::Process {
            args.extend(["--env", "PATH"]);
        }
        args.extend(options);
        self.command(&args)
    }

    /// The same to its end.
    pub(super) fn run(&self, prompt: &str, options: &[&str]) -> Outcome {
        run(&mut self.agent(prompt, options))
    }

    /// The same; once the agent has told `said`, its connections are cut.
    pub(super) fn run_and_cut(&self, said: &str, prompt: &str, options: &[&str]) -> Outcome {
        let child = self.start(prompt, options);
        let runs = self.env.swarm_home().join("runs");
        eventually("the agent tells what it has read", || holds(&runs, said));
        self.model.cut();
        Outcome::of(&child.wait_with_output().unwrap())
    }

    /// The same without waiting for it.
    pub(super) fn start(&self, prompt: &str, options: &[&str]) -> Child {
        self.agent(prompt, options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The text of the result that an answer is about.
    pub(super) fn text(&self, answer: &Value) -> String {
        let id = answer["ref"].as_str().unwrap();
        run(&mut self.command(&["unwrap", "--print", id]))
            .ok()
            .stdout
    }

    /// A folder of the user that agents may write to.
    pub(super) fn shared(&self) -> std::path::PathBuf {
        let folder = self.env.work().join("shared");
        fs::create_dir(&folder).unwrap();
        open_to_all(&folder);
        folder
    }

    /// Ids of all runs.
    pub(super) fn runs(&self) -> Vec<String> {
        let list = run(&mut self.command(&["runs", "list", "--json"])).ok();
        let ids = list.stdout.lines().map(|line| {
            let run: Value = serde_json::from_str(line).unwrap();
            run["run_id"].as_str().unwrap().to_owned()
        });
        ids.collect()
    }

    /// Asserts that nothing that we keep has `secret` in it: no record, and not the log.
    pub(super) fn assert_nowhere_in_home(&self, secret: &str) {
        assert_nowhere(&self.env.swarm_home(), secret);
    }

    fn assert_nothing_left(&self) {
        match self.place {
            Place::Container => {
                for run_id in self.runs() {
                    assert_eq!(things_of(&run_id), Vec::<String>::new(), "run {run_id}");
                }
            }
            Place::Process => {
                let home = self.env.swarm_home();
                eventually("no process of an agent is left", || !has_process(&home));
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_nothing_left();
        }
    }
}

/// Names of what the engine has of a run.
pub(super) fn things_of(run_id: &str) -> Vec<String> {
    let filter = format!("label=swarm.run={run_id}");
    let containers = docker(&["ps", "--all", "--format", "{{.Names}}", "--filter", &filter]);
    let volumes = docker(&["volume", "ls", "--format", "{{.Name}}", "--filter", &filter]);
    let names = [containers, volumes].concat();
    names.lines().map(str::to_owned).collect()
}

pub(super) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "docker {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// This machine, as containers see it.
fn gateway() -> IpAddr {
    let format = "{{(index .IPAM.Config 0).Gateway}}";
    let gateway = docker(&["network", "inspect", "--format", format, "bridge"]);
    gateway.trim().parse().unwrap()
}

pub(super) fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// Whether a process has a home of its own in `home`.
fn has_process(home: &Path) -> bool {
    let home = home.to_str().unwrap();
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        fs::read(entry.path().join("environ"))
            .is_ok_and(|environ| String::from_utf8_lossy(&environ).contains(home))
    })
}

fn assert_nowhere(folder: &Path, secret: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path, secret);
        } else {
            let bytes = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(secret), "{} holds it", path.display());
        }
    }
}

/// Whether a file in `folder` holds `text`. Files may come and go meanwhile.
fn holds(folder: &Path, text: &str) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            holds(&path, text)
        } else {
            fs::read(&path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
        }
    })
}
