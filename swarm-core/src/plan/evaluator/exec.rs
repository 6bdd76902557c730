//! A shell command as an evaluator.

use std::time::Duration;

use super::EvaluatorError;
use crate::spec::{Agent, AgentSpec, SandboxSpec};

/// How long a command may take if nobody says otherwise.
const TIMEOUT: Duration = Duration::from_mins(5);
const WRAPPER: &str = include_str!("exec.sh");

/// The agent that runs `command` with the artifact in a file. Of `sandbox` only that counts which a program can have.
///
/// It is a program like any other: it runs in the runtime of the plan, within its limits, never in a shell of ours.
pub(super) fn agent(command: &str, sandbox: SandboxSpec) -> Result<AgentSpec, EvaluatorError> {
    if command.contains("{input}") {
        // An item that an agent has listed would become part of a shell command.
        return Err(EvaluatorError::InputInCommand);
    }
    let argv = ["/bin/sh", "-c", WRAPPER, "sh", command, "{input}"];
    let sandbox = SandboxSpec {
        agent: Some(Agent::Command(argv.map(str::to_owned).to_vec())),
        model: None,
        tools: None,
        mcps: None,
        system_prompt: None,
        claude_md: None,
        output_schema: None,
        effort: None,
        max_budget: None,
        input_type: None,
        output_type: None,
        timeout: sandbox.timeout.or(Some(TIMEOUT)),
        ..sandbox
    };
    Ok(AgentSpec::new(String::new(), sandbox)?)
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        path::Path,
        process::{Command, Stdio},
    };

    use super::*;

    struct Ended {
        status: Option<i32>,
        stdout: String,
    }

    /// Runs the wrapper in each shell that there is, in `temporary`, with `artifact` on stdin.
    fn run(temporary: &Path, command: &str, input: &str, artifact: &str) -> Vec<Ended> {
        let spec = agent(command, SandboxSpec::default())
            .unwrap()
            .with_input(input);
        let Agent::Command(argv) = spec.agent else {
            panic!("no command")
        };
        let shells: [&[&str]; 3] = [
            &["/bin/sh", "-c"],
            &["/bin/busybox", "sh", "-c"],
            &["/bin/bash", "--posix", "-c"],
        ];
        let present = shells.iter().filter(|shell| Path::new(shell[0]).exists());
        let ran = present.map(|shell| {
            let mut child = Command::new(shell[0])
                .args(&shell[1..])
                .args(&argv[2..])
                .env("TMPDIR", temporary)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(artifact.as_bytes()).unwrap();
            drop(stdin);
            let ended = child.wait_with_output().unwrap();
            Ended {
                status: ended.status.code(),
                stdout: String::from_utf8(ended.stdout).unwrap(),
            }
        });
        ran.collect()
    }

    fn check(command: &str, status: i32, stdout: &str) {
        let temporary = tempfile::tempdir().unwrap();
        for ended in run(temporary.path(), command, "{input}", "one\ntwo\n") {
            assert_eq!(ended.status, Some(status), "{command}");
            assert_eq!(ended.stdout, stdout, "{command}");
        }
        let left = std::fs::read_dir(temporary.path()).unwrap().count();
        assert_eq!(left, 0, "{command}");
    }

    #[test]
    fn the_artifact_is_in_a_file_and_on_stdin_and_the_status_is_that_of_the_command() {
        check("cat \"$ARTIFACT\"", 0, "one\ntwo\n");
        check("cat {artifact} '{artifact}' | wc -l | tr -d ' '", 0, "4\n");
        check("head -n 1", 0, "one\n");
        check("exit 7", 7, "");
        check("grep -q three", 1, "");
        check("printf '%%s * $1 `\\n'", 0, "%s * $1 `\n");
        check("stat -c %a {artifact}", 0, "600\n");
        check("sh -c 'kill -9 $$'", 137, "");
    }

    #[test]
    fn an_input_reaches_a_command_as_a_variable_and_never_as_part_of_it() {
        let temporary = tempfile::tempdir().unwrap();
        let hostile = "'; echo hacked; \"$(echo hacked)";
        for ended in run(temporary.path(), "printf %s \"$INPUT\"", hostile, "") {
            assert_eq!(ended.stdout, hostile);
        }
        check("echo \"${INPUT-none}\"", 0, "none\n");
        assert!(matches!(
            agent("grep {input}", SandboxSpec::default()),
            Err(EvaluatorError::InputInCommand)
        ));
    }

    #[test]
    fn what_only_a_model_can_have_is_left_out() {
        let sandbox = SandboxSpec {
            model: Some("haiku".to_owned()),
            mcps: Some(vec!["files".to_owned()]),
            pids: Some(7),
            ..SandboxSpec::default()
        };
        let spec = agent("true", sandbox).unwrap();
        assert_eq!(spec.sandbox.model, None);
        assert!(spec.sandbox.mcps.is_empty());
        assert_eq!(spec.sandbox.pids, Some(7));
        assert_eq!(spec.sandbox.timeout, TIMEOUT);
    }
}
