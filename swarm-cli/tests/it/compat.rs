//! `swarm serve --compat`, as programs of claude-peers and claude-swarm meet it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::common::{Outcome, TestEnvironment, eventually, run};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A daemon in the foreground that was killed, or ended by the test.
struct Serving {
    child: Child,
    /// What it said when it was ready.
    said: String,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut said).unwrap();
        Self { child, said }
    }

    /// As with `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn serve(home: &TestEnvironment, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = home.command(&[&["serve"], args].concat());
    command.envs(env.iter().copied());
    command
}

/// What a client of theirs gets that reads all of the answer and then closes.
fn post(port: u16, path: &str, body: &Value) -> Value {
    try_post(port, path, body).unwrap()
}

/// The same; nothing if the daemon dies before it has answered.
fn try_post(port: u16, path: &str, body: &Value) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    // It may have been cut short.
    serde_json::from_str(body).ok()
}

fn register(port: u16, pid: u32) -> String {
    let body = json!({"pid": pid, "cwd": format!("/work/{pid}"), "git_root": null, "tty": null, "summary": ""});
    let id = post(port, "/register", &body)["id"].clone();
    id.as_str().unwrap().to_owned()
}

#[test]
fn what_was_acknowledged_there_survives_a_kill_of_the_daemon_and_comes_once() {
    let home = TestEnvironment::new();
    let port = free_port();
    let at = port.to_string();
    let env = [
        ("CLAUDE_SWARM_PORT", at.as_str()),
        ("SWARM_MESSAGES_PER_MINUTE", "0"),
    ];
    let (mut sent, mut ids) = (Vec::new(), None);
    for round in 0..5 {
        let mut serving = Serving::start(serve(&home, &["--compat"], &env));
        assert!(
            serving.said.contains(&format!("http://127.0.0.1:{port}")),
            "{}",
            serving.said
        );
        let (a, b) = ids.get_or_insert_with(|| (register(port, 1), register(port, 2)));
        for n in 0..20 {
            let text = format!("{round}.{n}");
            let body = json!({"from_id": a, "to_id": b, "text": text});
            assert_eq!(post(port, "/send-message", &body), json!({"ok": true}));
            sent.push(text);
        }
        serving.kill();
    }
    let serving = Serving::start(serve(&home, &["--compat"], &env));
    let (_, b) = ids.unwrap();
    let poll = || {
        let answer = post(port, "/poll-messages", &json!({"id": b}));
        let messages = answer["messages"].as_array().unwrap().clone();
        messages
            .iter()
            .map(|message| message["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(poll(), sent);
    assert!(poll().is_empty());
    // The person sees what is said there, and answers.
    drop(home.swarm(&["send", &b, "from the person"]).ok());
    assert_eq!(poll(), ["from the person"]);
    drop(home.swarm(&["stop"]).ok());
    drop(serving);
}

#[test]
fn nobody_is_let_in_there_unless_that_was_asked_for() {
    let home = TestEnvironment::new();
    let port = free_port();
    let at = port.to_string();
    let refused = || TcpStream::connect(("127.0.0.1", port)).is_err();
    for (args, env, lets_in) in [
        (&[][..], vec![("CLAUDE_SWARM_PORT", at.as_str())], false),
        (
            &["--compat"],
            vec![("CLAUDE_SWARM_PORT", at.as_str())],
            true,
        ),
        (
            &[],
            vec![("CLAUDE_PEERS_PORT", at.as_str()), ("SWARM_COMPAT", "1")],
            true,
        ),
        (
            &[],
            vec![
                ("CLAUDE_PEERS_PORT", "1"),
                ("CLAUDE_SWARM_PORT", &at),
                ("SWARM_COMPAT", "true"),
            ],
            true,
        ),
        (
            &[],
            vec![("CLAUDE_SWARM_PORT", &at), ("SWARM_COMPAT", "0")],
            false,
        ),
    ] {
        let mut serving = Serving::start(serve(&home, args, &env));
        assert_eq!(refused(), !lets_in, "{args:?} {env:?}");
        serving.kill();
    }
}

#[test]
fn a_port_that_is_taken_or_none_is_said_by_its_name() {
    let home = TestEnvironment::new();
    let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = other.local_addr().unwrap().port().to_string();
    let taken = run(&mut serve(
        &home,
        &["--compat"],
        &[("CLAUDE_SWARM_PORT", &at)],
    ));
    drop(
        taken
            .code(1)
            .says(&["claude-peers", &at, "CLAUDE_SWARM_PORT"]),
    );
    for (env, words) in [
        (
            ("CLAUDE_SWARM_PORT", "0"),
            ["CLAUDE_SWARM_PORT", "above zero"],
        ),
        (
            ("CLAUDE_PEERS_PORT", "many"),
            ["CLAUDE_PEERS_PORT", "above zero"],
        ),
        (("SWARM_COMPAT", "maybe"), ["SWARM_COMPAT", "true or false"]),
    ] {
        let bad: Outcome = run(&mut serve(&home, &["--compat"], &[env]));
        drop(bad.code(2).says(&words));
    }
    // What a repository says does not open a door.
    home.write(".swarm/config.toml", "compat = true\n");
    drop(home.swarm(&["config", "explain"]).code(5).says(&["compat"]));
}

/// What was sent and acknowledged, and what came, under which number.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<Vec<u64>>,
    came: Mutex<Vec<(u64, u64)>>,
    ends: AtomicBool,
}

impl Ledger {
    fn send(&self, port: u16, from: &str, to: &str) {
        let texts = (0_u64..).take_while(|_| !self.ends.load(Ordering::Relaxed));
        for text in texts {
            let body = json!({"from_id": from, "to_id": to, "text": text.to_string()});
            if try_post(port, "/send-message", &body) == Some(json!({"ok": true})) {
                self.acknowledged.lock().unwrap().push(text);
            }
        }
    }

    /// Takes what waits; whether there was something.
    fn poll(&self, port: u16, id: &str) -> bool {
        let Some(answer) = try_post(port, "/poll-messages", &json!({"id": id})) else {
            return false;
        };
        let messages = answer["messages"].as_array().unwrap();
        let messages = messages.iter().map(|message| {
            let text = message["text"].as_str().unwrap().parse().unwrap();
            (message["id"].as_u64().unwrap(), text)
        });
        let mut came = self.came.lock().unwrap();
        let before = came.len();
        came.extend(messages);
        came.len() > before
    }

    fn receive(&self, port: u16, id: &str) {
        while !self.ends.load(Ordering::Relaxed) {
            self.poll(port, id);
        }
    }
}

/// Ends those who send and receive, also if the test fails.
struct Ends<'a>(&'a Ledger);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

#[test]
fn kills_under_load_lose_nothing_there_and_double_nothing_for_who_knows_the_numbers() {
    let home = TestEnvironment::new();
    let port = free_port();
    let at = port.to_string();
    let env = [
        ("CLAUDE_SWARM_PORT", at.as_str()),
        ("SWARM_MESSAGES_PER_MINUTE", "0"),
    ];
    let mut serving = Serving::start(serve(&home, &["--compat"], &env));
    let (a, b) = (register(port, 1), register(port, 2));
    let ledger = Ledger::default();
    thread::scope(|scope| {
        scope.spawn(|| ledger.send(port, &a, &b));
        scope.spawn(|| ledger.receive(port, &b));
        let _ends = Ends(&ledger);
        for round in 1..=10 {
            let count = || ledger.acknowledged.lock().unwrap().len();
            let begin = count();
            // At another moment each time.
            eventually("enough was sent", || count() >= begin + 7 * round);
            serving.kill();
            serving = Serving::start(serve(&home, &["--compat"], &env));
        }
    });
    while ledger.poll(port, &b) {}
    let mut known = std::collections::BTreeSet::new();
    let mut came = ledger.came.into_inner().unwrap();
    came.retain(|(number, _)| known.insert(*number));
    let texts: Vec<u64> = came.into_iter().map(|(_, text)| text).collect();
    assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
    for text in ledger.acknowledged.into_inner().unwrap() {
        assert!(
            texts.binary_search(&text).is_ok(),
            "{text} is not in {texts:?}"
        );
    }
    drop(serving);
}
