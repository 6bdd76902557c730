//! What an agent had done when its run was interrupted is kept, until it is run again, or for good.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::{TestEnvironment, eventually, is_running, signal};

/// Says something that was paid for, and waits at the gate for more.
const CLAUDE: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"assistant","message":{"id":"m1","model":"claude-sonnet-5","content":[{"type":"text","text":"So far."}],"usage":{"input_tokens":1000,"output_tokens":7}}}'
echo talk >&2
cat "$GATE"
echo '{"type":"result","subtype":"success","is_error":false,"result":"Done.","total_cost_usd":0.01,"num_turns":1}'
"#;

struct Stage {
    env: TestEnvironment,
    run: String,
    child: Child,
}

impl Stage {
    /// Starts the agent, and waits until it has said something.
    fn waiting() -> Self {
        let env = TestEnvironment::new();
        let program = env.write("bin/claude", CLAUDE);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        crate::common::fifo(&env.work().join("gate"));
        let path = format!("PATH={}:/usr/bin:/bin", env.work().join("bin").display());
        let gate = format!("GATE={}", env.work().join("gate").display());
        let key = "ANTHROPIC_API_KEY=k";
        let mut args = vec!["run", "Do it.", "--agent", "claude"];
        for variable in [&path, &gate, key] {
            args.extend(["--env", variable]);
        }
        let mut command = env.program("env");
        let swarm = env.command(&args);
        let child = command
            .args([
                "--default-signal=INT",
                "SWARM_RUNTIME=process",
                "SWARM_LOCAL=true",
            ])
            .arg(env!("CARGO_BIN_EXE_swarm"))
            .args(swarm.get_args())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let runs = env.swarm_home().join("runs");
        let run = || {
            let run = fs::read_dir(&runs).ok()?.next()?.unwrap().file_name();
            Some(run.into_string().unwrap())
        };
        eventually("it has said something", || {
            run().is_some_and(|run| {
                // The two come by ways of their own: either may be on disk first.
                let agent = runs.join(run).join("agent-0");
                let has = |file, words| {
                    fs::read_to_string(agent.join(file))
                        .is_ok_and(|said: String| said.contains(words))
                };
                has("stderr.log", "talk\n") && has("stream.jsonl", "So far.")
            })
        });
        let run = run().unwrap();
        Self { env, run, child }
    }

    fn stop(mut self, by: Signal) -> Self {
        signal(&self.child, by);
        self.child.wait().unwrap();
        self
    }

    fn reference(&self) -> String {
        format!("{}/agent-0", self.run)
    }

    fn inspection(&self) -> String {
        let found = self.env.json(&["inspect", &self.reference()]);
        fs::read_to_string(found["file"].as_str().unwrap()).unwrap()
    }

    /// Lets it through the gate, and goes on.
    fn resumed(&self) -> Value {
        let gate = self.env.work().join("gate");
        fs::remove_file(&gate).unwrap();
        fs::write(&gate, "").unwrap();
        self.env.json(&["runs", "resume", &self.run])
    }

    fn assert_is_run_again(&self) {
        let found = self.resumed();
        assert_eq!(found["exit"]["kind"], "completed", "{found}");
        let text = self.env.swarm(&["unwrap", "-p", &self.reference()]).ok();
        assert_eq!(text.stdout, "Done.");
        let folder = self.env.swarm_home().join("runs").join(self.reference());
        assert!(!folder.join("interrupted.json").exists());
        assert!(!self.inspection().contains("interrupted"));
    }

    /// Ends the run for good, and looks at what is left of its agent.
    fn assert_is_kept_when_killed(&self) {
        let killed = self.env.json(&["runs", "kill", &self.run]);
        assert_eq!(killed["state"], "cancelled");
        let gate = self.env.work().join("gate").display().to_string();
        eventually("the agent is gone", || !is_running(&gate));
        let shown = self.env.json(&["runs", "show", &self.run]);
        let agent = &shown["report"];
        assert_eq!(agent["ref"], self.reference(), "{shown}");
        assert_eq!(agent["exit"]["kind"], "cancelled", "{shown}");
        assert_eq!(agent["conversation"]["usage"]["input"], 1000, "{shown}");
        let text = self.env.swarm(&["unwrap", "-p", &self.reference()]).ok();
        assert_eq!(text.stdout, "So far.");
        let refs = self.env.swarm(&["refs", "--json"]).ok();
        assert!(refs.stdout.contains(&self.reference()), "{refs:?}");
    }
}

#[test]
fn an_agent_that_ctrl_c_stopped_can_be_inspected_and_is_run_again() {
    let stage = Stage::waiting().stop(Signal::INT);
    let inspection = stage.inspection();
    for part in [
        "the agent was interrupted",
        "swarm runs resume",
        "So far.",
        "text length: 7 bytes",
    ] {
        assert!(inspection.contains(part), "no {part:?} in {inspection}");
    }
    stage.assert_is_run_again();
}

#[test]
fn an_agent_that_ctrl_c_stopped_keeps_its_record_when_its_run_is_killed() {
    let stage = Stage::waiting().stop(Signal::INT);
    stage.assert_is_kept_when_killed();
    let agent = &stage.env.json(&["runs", "show", &stage.run])["report"];
    assert!(agent["duration_seconds"].as_f64().unwrap() > 0.0, "{agent}");
    let error = agent["error"].as_str().unwrap();
    assert!(error.contains("when it was interrupted"), "{agent}");
}

#[test]
fn an_agent_of_a_process_that_was_killed_can_be_inspected_and_is_run_again() {
    let stage = Stage::waiting().stop(Signal::KILL);
    assert!(stage.inspection().contains("So far."));
    stage.assert_is_run_again();
}

#[test]
fn an_agent_of_a_process_that_was_killed_keeps_its_record_when_its_run_is_killed() {
    Stage::waiting()
        .stop(Signal::KILL)
        .assert_is_kept_when_killed();
}
