//! Text of an agent is shown by a terminal, not obeyed.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Child,
};

use rustix::process::Signal;

use crate::common::{Terminal, TestEnvironment, on_a_terminal, signal, start_on_a_terminal};

/// Clears the screen, sets the title, turns text around, goes back in the line, and ends within a character.
const HOSTILE: &str = r"\033[2J\033]0;owned\007\302\233\342\200\256abc\r\tx\303\274\n\342\202";
/// The same as it is shown.
const SHOWN: &str = "\u{fffd}[2J\u{fffd}]0;owned\u{fffd}\u{fffd}\u{fffd}abc\u{fffd}\txü\n\u{fffd}";
/// The same as it is.
const BYTES: &[u8] = b"\x1b[2J\x1b]0;owned\x07\xc2\x9b\xe2\x80\xaeabc\r\tx\xc3\xbc\n\xe2\x82";

fn hostile(env: &TestEnvironment) -> String {
    let script = format!("printf '{HOSTILE}'");
    let found = env.json(&["run", "x", "--", "sh", "-c", &script]);
    found["ref"].as_str().unwrap().to_owned()
}

#[test]
fn a_text_is_neutral_on_a_terminal_and_exact_elsewhere() {
    let env = TestEnvironment::new();
    let id = hostile(&env);
    let unwrap = ["unwrap", "--print", &id];
    assert_eq!(on_a_terminal(env.command(&unwrap)), (SHOWN.to_owned(), 0));
    assert_eq!(env.command(&unwrap).output().unwrap().stdout, BYTES);

    let script = format!("printf '{HOSTILE}'");
    let run = ["run", "x", "--text", "-q", "--", "sh", "-c", &script];
    assert_eq!(on_a_terminal(env.command(&run)), (SHOWN.to_owned(), 0));
    assert_eq!(env.command(&run).output().unwrap().stdout, BYTES);
}

#[test]
fn a_decrypted_text_is_neutral_on_a_terminal_and_exact_elsewhere() {
    let env = TestEnvironment::new();
    let id = hostile(&env);
    let key = env.json(&["encrypt", &id])["key_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let decrypt = ["decrypt", &id, "--key-id", &key];
    assert_eq!(on_a_terminal(env.command(&decrypt)), (SHOWN.to_owned(), 0));
    assert_eq!(env.command(&decrypt).output().unwrap().stdout, BYTES);
}

#[test]
fn several_texts_stay_apart_on_a_terminal() {
    let env = TestEnvironment::new();
    let args = ["par", "a", "b\n", "c", "--text", "-q", "--", "cat"];
    assert_eq!(on_a_terminal(env.command(&args)), ("a\nb\nc".to_owned(), 0));
}

#[test]
fn what_an_agent_says_went_wrong_is_neutral_in_every_place() {
    let env = TestEnvironment::new();
    let script = format!("printf '{HOSTILE}' >&2; exit 1");
    let run = ["run", "x", "--", "sh", "-c", &script];
    let (shown, code) = on_a_terminal(env.command(&run));
    assert_eq!(code, 1);
    let id = env.json(&["runs", "list"])["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut all = vec![shown];
    for args in [
        &["runs", "show", &id][..],
        &["runs", "show", &id, "--json"],
        &["refs"],
        &["refs", "--json"],
    ] {
        all.push(on_a_terminal(env.command(args)).0);
    }
    for shown in all {
        assert!(shown.contains("owned"), "{shown:?}");
        // Progress moves the cursor, but only as we want it.
        for part in ["\u{1b}[2J", "\u{1b}]0", "\u{7}", "\u{9b}", "\u{202e}"] {
            assert!(!shown.contains(part), "{part:?} is in {shown:?}");
        }
    }
}

/// What somebody sees once all that was written has reached the terminal.
fn screen(written: &[u8]) -> String {
    let mut terminal = vt100::Parser::new(24, 80, 0);
    terminal.process(written);
    terminal.screen().contents()
}

/// Whether something is shown that only the line of progress has.
fn has_progress(screen: &str) -> bool {
    let is_braille = |c| ('\u{2800}'..='\u{28ff}').contains(&c);
    screen.contains("/2 agents, ") || screen.contains(is_braille)
}

/// Two agents that wait, one of which is not covered by the budget; returns when the progress is shown.
fn waiting(env: &TestEnvironment, gate: &Path) -> (Child, Terminal, Vec<u8>) {
    crate::common::fifo(gate);
    let path = gate.to_str().unwrap();
    let args = [
        "par",
        "a",
        "b",
        "--budget",
        "1",
        "--max-budget",
        "0.8",
        "--max-concurrency",
        "1",
        "--",
        "cat",
        path,
    ];
    let (child, mut terminal) = start_on_a_terminal(env.command(&args));
    let mut written = Vec::new();
    loop {
        let shown = screen(&written);
        if shown.contains("(2 agents, process)") && shown.contains("agent-0 started") {
            assert!(has_progress(&shown), "{shown}");
            return (child, terminal, written);
        }
        terminal.read(&mut written);
    }
}

/// The screen when the command has ended.
fn at_the_end(mut terminal: Terminal, mut written: Vec<u8>) -> String {
    terminal.read_on(&mut written);
    screen(&written)
}

#[test]
fn nothing_of_the_progress_stays_after_a_run() {
    let env = TestEnvironment::new();
    let gate = env.work().join("gate");
    let (mut child, terminal, written) = waiting(&env, &gate);
    drop(File::create(&gate).unwrap());
    let shown = at_the_end(terminal, written);
    assert_eq!(child.wait().unwrap().code(), Some(4), "{shown}");
    assert!(!has_progress(&shown), "{shown}");
    let first = shown.lines().next().unwrap();
    assert!(first.starts_with("run ") && first.ends_with("(2 agents, process)"));
    let second = shown.lines().nth(1).unwrap();
    assert!(second.starts_with("agent-1: "), "as it happened: {shown}");
}

#[test]
fn nothing_of_the_progress_stays_after_ctrl_c() {
    let env = TestEnvironment::new();
    let gate = env.work().join("gate");
    let (mut child, mut terminal, mut written) = waiting(&env, &gate);
    // It is not the terminal that controls the command, and so the signal is ours to send: after the echo, as there.
    terminal.write(b"\x03");
    while !written.windows(2).any(|two| two == b"^C") {
        terminal.read(&mut written);
    }
    signal(&child, Signal::INT);
    let shown = at_the_end(terminal, written);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{shown}");
    assert!(!has_progress(&shown), "{shown}");
    assert!(
        shown.lines().any(|line| line.starts_with("note: stopping")),
        "{shown}"
    );
}

#[test]
fn what_an_agent_does_is_shown_while_it_works() {
    let env = TestEnvironment::new();
    let gate = env.work().join("gate");
    crate::common::fifo(&gate);
    let call = r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash\u001b[2J"}]}}"#;
    let program = env.write(
        "bin/claude",
        &format!("#!/bin/sh\necho '{call}'\ncat '{}'\n", gate.display()),
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("PATH={}:/usr/bin:/bin", env.work().join("bin").display());
    let args = [
        "run",
        "x",
        "--agent",
        "claude",
        "--env",
        &path,
        "--env",
        "ANTHROPIC_API_KEY=k",
    ];
    let (mut child, mut terminal) = start_on_a_terminal(env.command(&args));
    let mut written = Vec::new();
    // The emulator leaves out what stands for the escape character.
    while !screen(&written).contains("agent-0 uses Bash[2J") {
        terminal.read(&mut written);
    }
    drop(File::create(&gate).unwrap());
    let shown = at_the_end(terminal, written);
    assert!(!shown.contains("uses Bash"), "{shown}");
    assert_eq!(child.wait().unwrap().code(), Some(1), "{shown}");
}
