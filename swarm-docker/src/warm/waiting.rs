//! What a container runs that waits for an agent: a shell that reads one line, and becomes the program in it.
//!
//! The shell takes the line from stdin byte by byte, as POSIX wants it, so that all that follows is the prompt.

use swarm_core::runtime::AgentJob;

/// Variables that a shell sets, or obeys, or refuses to set. An agent that has one of these gets a fresh container.
const OF_SHELLS: [&str; 22] = [
    "_",
    "BASH",
    "DIRSTACK",
    "ENV",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "HOME",
    "IFS",
    "LINENO",
    "MAIL",
    "MAILPATH",
    "OLDPWD",
    "PPID",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "UID",
    "LANGUAGE",
];
/// And all that begin with this.
const PREFIXES: [&str; 5] = ["BASH_", "LANG", "LC_", "OPT", "PS"];

/// Holds a line break in the line.
const LINE_BREAK: &str = "_swarm_line_break";

/// The longest line, in bytes. With a short prompt behind it, it still fits into the buffer of a socket: it is written at
/// once, and whoever dies while writing leaves all of it or no agent.
const LONGEST: usize = 64 * 1024;

/// Program and arguments of a container that waits. Without a line it ends as if it had been killed: no agent was there.
pub(super) fn argv() -> Vec<String> {
    let script =
        format!("{LINE_BREAK}='\n'\nIFS= read -r _swarm_agent || exit 137\neval \"$_swarm_agent\"");
    ["/bin/sh", "-c", &script].map(str::to_owned).to_vec()
}

/// The line that makes it the agent of `job`; `None` if a shell cannot become that. `PATH` is not in it: the
/// container has it from the start.
pub(super) fn line(job: &AgentJob) -> Option<Vec<u8>> {
    let argv = &job.invocation.argv;
    // It would be taken for an option of the shell.
    if argv.first().is_none_or(|program| program.starts_with('-')) {
        return None;
    }
    let mut line = String::from("unset OLDPWD PWD SHLVL;");
    let of_sandbox = job.sandbox.env_vars.iter();
    let of_kind = job.invocation.env.iter();
    let of_kind = of_kind.map(|(name, value)| (name.as_str(), value.as_str()));
    let of_kind = of_kind.filter(|(name, _)| !job.sandbox.env_vars.names().any(|set| set == *name));
    for (name, value) in of_sandbox.chain(of_kind) {
        if name == "PATH" {
            continue;
        }
        if !can_be_exported(name) {
            return None;
        }
        line += " export ";
        line += name;
        line.push('=');
        quote(value, &mut line);
        line.push(';');
    }
    line += " exec";
    for argument in argv {
        line.push(' ');
        quote(argument, &mut line);
    }
    line.push('\n');
    (line.len() <= LONGEST).then(|| line.into_bytes())
}

fn can_be_exported(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(plain)
        && !OF_SHELLS.contains(&name)
        && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Adds `text` as one word of a shell, in one line.
fn quote(text: &str, line: &mut String) {
    line.push('\'');
    for c in text.chars() {
        match c {
            '\'' => line.push_str(r"'\''"),
            '\n' => {
                line.push_str("'\"$");
                line.push_str(LINE_BREAK);
                line.push_str("\"'");
            }
            c => line.push(c),
        }
    }
    line.push('\'');
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
        time::Duration,
    };

    use proptest::prelude::*;
    use serde_json::json;
    use swarm_core::{
        agents::Invocation,
        content::Content,
        runtime::{DEFAULT_MAX_OUTPUT, Launch},
        spec::SandboxSpec,
    };

    use super::*;

    fn job(argv: &[String], env: &serde_json::Value) -> AgentJob {
        AgentJob {
            id: "3f0c9a1b2c4d/agent-0".parse().unwrap(),
            kind: "command",
            invocation: Invocation::new(argv.iter().cloned()),
            stdin: Content::empty(),
            sandbox: SandboxSpec::from_json(json!({"env_vars": env}), "sandbox")
                .unwrap()
                .resolve()
                .unwrap(),
            timeout: Duration::from_secs(5),
            max_output: DEFAULT_MAX_OUTPUT,
            shared: None,
            launch: Launch::New,
            spec: None,
            leftovers: None,
        }
    }

    /// What a shell that gets this on stdin prints, and its status.
    fn shell(stdin: &[u8]) -> (Vec<u8>, Option<i32>) {
        let argv = argv();
        let mut child = Command::new(&argv[0])
            .args(&argv[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without reading.
        drop(child.stdin.take().unwrap().write_all(stdin));
        let output = child.wait_with_output().unwrap();
        (output.stdout, output.status.code())
    }

    #[test]
    fn without_a_line_it_ends_as_if_killed_and_runs_nothing() {
        assert_eq!(shell(b""), (Vec::new(), Some(137)));
        assert_eq!(shell(b"echo half a line"), (Vec::new(), Some(137)));
    }

    #[test]
    fn what_a_shell_cannot_pass_on_gets_no_line() {
        let plain = ["env".to_owned()];
        for name in [
            "A.B", "1A", "UID", "IFS", "BASH_ENV", "LC_ALL", "LANG", "PS4", "ü", "PWD",
        ] {
            assert_eq!(line(&job(&plain, &json!({name: "x"}))), None, "{name}");
        }
        assert_eq!(line(&job(&["-c".to_owned()], &json!({}))), None);
        assert!(line(&job(&plain, &json!({"PATH": "/x"}))).is_some());
        assert_eq!(
            line(&job(&["echo".to_owned(), "x".repeat(LONGEST)], &json!({}))),
            None
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn arguments_variables_and_prompt_arrive_as_they_are(
            arguments in prop::collection::vec("[^\\x00]{0,20}|['\"\\\\$`\n ]{1,6}", 0..4),
            value in "[^\\x00]{1,20}|['\"\\\\$`\n ]{1,6}",
            prompt in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let script = r#"printf '%s\0' "$@" "$VALUE"; printenv | grep -c '^_swarm\|^PWD\|^SHLVL'; exec cat"#;
            let mut argv = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
            argv.extend(arguments.iter().cloned());
            let mut stdin = line(&job(&argv, &json!({"VALUE": value}))).unwrap();
            stdin.extend(&prompt);
            let (printed, status) = shell(&stdin);
            let mut expected = Vec::new();
            for text in arguments.iter().chain([&value]) {
                expected.extend(text.bytes().chain([0]));
            }
            // The shell of the agent has its own `PWD`, and nothing of ours.
            let rest = printed.strip_prefix(expected.as_slice());
            let rest = rest.and_then(|rest| rest.splitn(2, |byte| *byte == b'\n').nth(1));
            prop_assert_eq!(rest, Some(prompt.as_slice()));
            prop_assert_eq!(status, Some(0));
        }
    }
}
