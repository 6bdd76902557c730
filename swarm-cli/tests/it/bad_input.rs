use crate::common::{TestEnvironment, run};

/// One clear error, its exit code, and the same in JSON.
fn refused(args: &[&str], code: &str, parts: &[&str]) {
    let env = TestEnvironment::new();
    let outcome = env
        .swarm(args)
        .code(2)
        .says(parts)
        .says(&[&format!("[{code}]")]);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome
            .stderr
            .lines()
            .filter(|line| line.contains("error:"))
            .count(),
        1
    );
    let json: Vec<&str> = std::iter::once("--json")
        .chain(args.iter().copied())
        .collect();
    assert_eq!(env.swarm(&json).code(2).value()["error"], code);
    assert_eq!(
        env.swarm(&["runs", "list", "--json"]).ok().stdout,
        "",
        "nothing was started"
    );
}

#[test]
fn a_missing_prompt_is_named() {
    let env = TestEnvironment::new();
    drop(env.swarm(&["run"]).code(2).says(&["PROMPT"]));
    refused(&["par", "--", "cat"], "invalid_input", &["nothing to do"]);
    refused(
        &["map", "--", "cat"],
        "invalid_input",
        &["nothing to map over"],
    );
    refused(
        &["run", "", "--", "cat"],
        "invalid_input",
        &["prompt is empty"],
    );
    refused(
        &["reduce", "Sum.", "--", "cat"],
        "invalid_input",
        &["nothing to reduce"],
    );
}

#[test]
fn wrong_usage_is_json_for_a_machine() {
    let env = TestEnvironment::new();
    for args in [
        &["bogus", "--json"][..],
        &["par", "a", "--json", "--max-concurrency", "0", "--", "cat"],
    ] {
        let outcome = env.swarm(args).code(2);
        assert_eq!(outcome.value()["error"], "invalid_input");
    }
    assert_eq!(
        env.swarm(&["run", "--", "--json"]).code(2).stdout,
        "",
        "that is the agent's own argument"
    );
}

#[test]
fn an_agent_must_be_chosen_and_known() {
    refused(
        &["run", "x"],
        "unknown_agent",
        &["no agent was chosen", "--agent command"],
    );
    refused(
        &["run", "x", "--agent", "comand"],
        "unknown_agent",
        &["did you mean `command`?"],
    );
    refused(
        &["run", "x", "--agent", "command"],
        "invalid_input",
        &["say which program"],
    );
}

#[test]
fn an_unknown_sandbox_is_answered_with_a_suggestion() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["sandbox", "save", "airgap", "--no-network"])
            .ok(),
    );
    drop(
        env.swarm(&["run", "x", "--sandbox", "airgapp", "--", "cat"])
            .code(2)
            .says(&["no sandbox `airgapp`", "did you mean `airgap`?", "searched"]),
    );
}

#[test]
fn an_unknown_field_is_answered_with_a_suggestion() {
    refused(
        &[
            "par",
            "--tasks",
            r#"[{"prompt": "a"}, {"prompt": "b", "time_out": 3}]"#,
        ],
        "unknown_field",
        &["tasks[1]", "`time_out`", "did you mean `timeout`?"],
    );
    refused(
        &["run", "x", "--sandbox", r#"{"agent": {"comand": ["cat"]}}"#],
        "invalid_input",
        &["--sandbox.agent", "PROGRAM"],
    );
    refused(
        &[
            "run",
            "x",
            "--sandbox",
            r#"{"timeout": "90s"}"#,
            "--",
            "cat",
        ],
        "invalid_input",
        &["--sandbox.timeout", "number of seconds"],
    );
    refused(
        &["run", "x", "--sandbox", r#"{"netwrk": false}"#],
        "unknown_field",
        &["--sandbox", "did you mean `network`?"],
    );
}

#[test]
fn bad_json_is_reported_with_line_and_column() {
    refused(
        &["par", "--tasks", "[\n {\"prompt\": }]"],
        "invalid_json",
        &["tasks", "line 2 column 13"],
    );
    refused(
        &["map", "--inputs", "[1,", "--", "cat"],
        "invalid_json",
        &["--inputs", "line 1"],
    );
}

#[test]
fn a_mount_that_does_not_exist_is_named() {
    refused(
        &["run", "x", "--mount", "./nowhere:/data", "--", "cat"],
        "mount_missing",
        &["nowhere", "create it"],
    );
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["par", "--tasks", "gone.json"])
            .code(1)
            .says(&["gone.json", "No such file"]),
    );
}

#[test]
fn a_prompt_that_is_no_text_or_has_no_end_is_refused() {
    let env = TestEnvironment::new();
    std::fs::write(env.work().join("binary"), [0xff, 0xfe, 0]).unwrap();
    for (file, problem) in [("binary", "not UTF-8"), ("/dev/zero", "larger than 64 MiB")] {
        let args = ["run", "--prompt-file", file, "--", "cat"];
        drop(env.swarm(&args).code(2).says(&[file, problem, "mount"]));
    }
}

#[test]
fn a_name_with_a_path_in_it_is_refused() {
    let env = TestEnvironment::new();
    for args in [
        &["unwrap", "../../etc/passwd"][..],
        &["inspect", "/etc/passwd"],
        &["unwrap", "run/../../x"],
        &["runs", "show", "../x"],
        &["runs", "resume", "a/../b"],
        &["sandbox", "save", "../x"],
        &["classify", "..", "public"],
    ] {
        drop(env.swarm(args).code(2).says(&["not a valid name"]));
    }
    refused(
        &["run", "x", "--sandbox", "../x", "--", "cat"],
        "invalid_name",
        &["sandbox name"],
    );
}

#[test]
fn zero_is_no_concurrency() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["par", "a", "--max-concurrency", "0", "--", "cat"])
            .code(2)
            .says(&["--max-concurrency", "at least 1"]),
    );
    for (name, value) in [
        ("SWARM_MAX_CONCURRENT", "0"),
        ("SWARM_MAX_CONCURRENT", "many"),
        ("SWARM_RESOURCE_gpu", "0"),
        ("SWARM_QUEUE_TIMEOUT", "-1"),
        ("SWARM_MAX_OUTPUT", "1k"),
        ("SWARM_MAX_OUTPUT", "everything"),
        ("SWARM_RUNTIME", "vm"),
    ] {
        let mut command = env.command(&["run", "x", "--", "cat"]);
        let outcome = run(command.env(name, value)).code(2);
        assert!(
            outcome.stderr.contains("invalid") || outcome.stderr.contains("must be"),
            "{outcome:#?}"
        );
    }
}

#[test]
fn where_there_must_be_one_zero_is_answered_with_the_option_and_the_least() {
    let env = TestEnvironment::new();
    for (option, args) in [
        ("--pids", &["run", "x", "--pids", "0", "--", "cat"][..]),
        (
            "--attempts",
            &["retry", "x", "--attempts", "0", "--", "cat"],
        ),
        ("--limit", &["runs", "list", "--limit", "0"]),
        ("--limit", &["refs", "--limit", "0"]),
    ] {
        let outcome = env.swarm(args).code(2).says(&[option, "at least 1"]);
        assert_eq!(outcome.stdout, "", "nothing is claimed");
    }
    for (number, problem) in [
        ("many", "whole number"),
        ("99999999999", "at most 4294967295"),
    ] {
        let args = ["run", "x", "--pids", number, "--", "cat"];
        drop(env.swarm(&args).code(2).says(&["--pids", problem]));
    }
}

#[test]
fn what_is_wrong_with_a_task_is_told_with_its_place() {
    for (task, code, problem) in [
        (r#"{"prompt": ""}"#, "invalid_input", "prompt is empty"),
        (
            r#"{"prompt": "b", "sandbox": "gone"}"#,
            "unknown_sandbox",
            "`gone`",
        ),
        (
            r#"{"prompt": "b", "agent": "comand"}"#,
            "unknown_agent",
            "`command`?",
        ),
        (
            r#"{"prompt": "b", "pids": 0}"#,
            "invalid_input",
            "at least 1",
        ),
        (
            r#"{"prompt": "b", "mounts": [{"host_path": "/no/where", "container_path": "/x"}]}"#,
            "mount_missing",
            "/no/where",
        ),
    ] {
        let tasks = format!(r#"[{{"prompt": "a"}}, {task}]"#);
        let args = ["par", "--tasks", &tasks, "--", "cat"];
        refused(&args, code, &["tasks[1]: ", problem]);
    }
    let stages = r#"[{"prompt": "a", "sandbox": "gone"}]"#;
    let args = ["chain", "--stages", stages, "--", "cat"];
    refused(&args, "unknown_sandbox", &["stages[0]: "]);
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    let env = TestEnvironment::new();
    for args in [
        ["--timeout", "0"],
        ["--timeout", "soon"],
        ["--memory", "lots"],
        ["--cpus", "0"],
        ["--budget", "-1"],
        ["--max-budget", "NaN"],
        ["--deadline", "-5m"],
        ["--mount", "nonsense"],
        ["--env", "SURELY_NOT_SET_ANYWHERE"],
        ["--input-file", "nonsense"],
    ] {
        drop(
            env.swarm(&[&["run", "x"], &args[..], &["--", "cat"]].concat())
                .code(2),
        );
    }
}

#[test]
fn an_engine_that_is_down_is_named_with_what_to_do() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["run", "x", "--runtime", "docker", "--", "cat"])
            .code(1)
            .says(&["no.sock", "--runtime process", "[engine_unavailable]"]),
    );
    drop(
        env.swarm(&["image", "show"])
            .code(1)
            .says(&["[engine_unavailable]"]),
    );
}

#[test]
fn a_control_that_processes_cannot_enforce_is_refused_not_ignored() {
    let env = TestEnvironment::new();
    for args in [
        &["--no-network"][..],
        &["--memory", "64m"],
        &["--cpus", "1"],
        &["--mount", "/tmp:/data"],
        &["--network", "host"],
        &["--network", "container:x"],
        &["--allow-host", "a.example"],
    ] {
        let args = [&["run", "x"], args, &["--", "cat"]].concat();
        let outcome = env.swarm(&args);
        assert!([2, 5].contains(&outcome.code), "{outcome:#?}");
        assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
    }
}

#[test]
fn a_host_that_is_none_and_a_second_network_are_refused() {
    let env = TestEnvironment::new();
    for host in ["*", "https://a.example", "a.example:0", "127.1", "a b", ""] {
        let args = ["run", "x", "--allow-host", host, "--", "cat"];
        drop(env.swarm(&args).code(2).says(&["--allow-host", "host "]));
    }
    for other in [&["--network", "bridge"][..], &["--no-network"]] {
        let args = [
            &["run", "x", "--allow-host", "a.example"],
            other,
            &["--", "cat"],
        ]
        .concat();
        drop(env.swarm(&args).code(2).says(&["cannot be used with"]));
    }
    let both = r#"{"network": {"allow": ["a.example"]}, "network_mode": "bridge"}"#;
    let args = ["run", "x", "--sandbox", both, "--", "cat"];
    drop(
        env.swarm(&args)
            .code(5)
            .says(&["network_mode", "[refused]"]),
    );
    refused(
        &[
            "run",
            "x",
            "--sandbox",
            r#"{"network": {"allow": ["*"]}}"#,
            "--",
            "cat",
        ],
        "invalid_input",
        &["network", "host \"*\""],
    );
}

#[test]
fn text_of_others_cannot_drive_the_terminal() {
    let env = TestEnvironment::new();
    let script = r"printf '\033[2Jowned\n' >&2; exit 1";
    let outcome = env.swarm(&["run", "x", "--", "sh", "-c", script]).code(1);
    assert!(
        !outcome.stdout.contains('\u{1b}') && outcome.stdout.contains("owned"),
        "{outcome:#?}"
    );
}

/// An agent of a kind that needs an account, which is in its place.
fn of_kind(env: &TestEnvironment, kind: &str, options: &[&str]) -> std::process::Command {
    let args = [&["run", "x", "--agent", kind, "--json"], options].concat();
    let mut command = env.command(&args);
    for key in ["ANTHROPIC_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY"] {
        command.env(key, "key");
    }
    command
}

/// Asserts that nothing was started, or kept.
fn nothing_began(env: &TestEnvironment) {
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
    let runs = env.swarm_home().join("runs");
    let left: Vec<_> = std::fs::read_dir(runs).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_key_or_an_address_that_can_be_none_is_refused_by_name_and_never_shown() {
    let env = TestEnvironment::new();
    for (kind, variable, value) in [
        ("claude", "ANTHROPIC_API_KEY", "canary\nX-Header: 1"),
        ("claude", "ANTHROPIC_API_KEY", "canary\r"),
        ("claude", "ANTHROPIC_API_KEY", "canary \u{1b}[2J"),
        ("claude", "ANTHROPIC_BASE_URL", "canary"),
        ("claude", "ANTHROPIC_BASE_URL", "canary.example/v1"),
        ("claude", "ANTHROPIC_BASE_URL", "file:///canary"),
        ("claude", "ANTHROPIC_BASE_URL", "https://canary.example/\n"),
        ("claude", "ANTHROPIC_BASE_URL", "https://"),
        ("codex", "CODEX_API_KEY", "canary\u{7}"),
        ("gemini", "GEMINI_API_KEY", "can\nary"),
        ("gemini", "GOOGLE_GEMINI_BASE_URL", "canary"),
    ] {
        let refused = run(of_kind(&env, kind, &[]).env(variable, value)).code(2);
        assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
        let name = format!("${variable} cannot be used");
        drop(refused.says(&[&name, "[invalid_input]"]));
    }
    for (kind, variable) in [
        ("claude", "ANTHROPIC_AUTH_TOKEN"),
        ("claude", "ANTHROPIC_BASE_URL"),
        ("codex", "CODEX_API_KEY"),
        ("gemini", "GOOGLE_VERTEX_BASE_URL"),
    ] {
        let options = ["--env", &format!("{variable}=canary\n")];
        let refused = run(&mut of_kind(&env, kind, &options)).code(2);
        assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
        drop(refused.says(&[&format!("env_vars \"{variable}\""), "[invalid_input]"]));
    }
    nothing_began(&env);
}

#[test]
fn names_that_are_empty_are_refused_and_those_that_come_twice_count_once() {
    let env = TestEnvironment::new();
    for (options, field) in [
        (["--tools", "Bash,,Read"], "tools"),
        (["--tools", "Bash,"], "tools"),
        (["--mcps", ",files"], "mcps"),
        (["--resource", "gpu,"], "resources"),
    ] {
        let refused = run(&mut of_kind(&env, "claude", &options)).code(2);
        drop(refused.says(&[field, "a comma too many", "[invalid_input]"]));
    }
    let save = ["sandbox", "save", "x", "--agent", "claude"];
    let twice = ["--tools", "Read, Bash,Read", "--mcps", "b,a,b"];
    drop(env.swarm(&[&save[..], &twice].concat()).ok());
    let shown = env.json(&["sandbox", "show", "x"]);
    assert_eq!(shown["tools"], serde_json::json!(["Read", "Bash"]));
    assert_eq!(shown["mcps"], serde_json::json!(["b", "a"]));
}

#[test]
fn a_text_that_is_too_long_for_an_argument_is_refused_before_anything_starts() {
    let env = TestEnvironment::new();
    let task = |length: usize| {
        let prompt = "p".repeat(length);
        let task = serde_json::json!([{"prompt": "x", "agent": "claude", "system_prompt": prompt}]);
        env.write("tasks.json", &task.to_string());
        let mut command = env.command(&["par", "--tasks", "tasks.json"]);
        run(command.env("ANTHROPIC_API_KEY", "key"))
    };
    let refused = task(200_000).code(2);
    assert!(!refused.stderr.contains("ppp"), "{refused:?}");
    let says = [
        "tasks[0]",
        "--system-prompt",
        "200016 bytes",
        "131071",
        "input file",
        "[invalid_input]",
    ];
    drop(refused.says(&says));
    // Also the longest that is too long, and no shorter one.
    let option = "--system-prompt=".len();
    drop(task(128 * 1024 - option).code(2).says(&["131072 bytes"]));
    nothing_began(&env);
    drop(task(128 * 1024 - option - 1).code(1));
}

#[test]
fn a_model_is_not_asked_for_nothing() {
    let env = TestEnvironment::new();
    for options in [
        &["claude"][..],
        &["codex"],
        &["gemini"],
        &["opencode", "--model", "openai/gpt"],
    ] {
        let [kind, rest @ ..] = options else { panic!() };
        let options = [rest, &["--max-budget", "0"]].concat();
        let refused = run(&mut of_kind(&env, kind, &options)).code(2);
        drop(refused.says(&["max_budget", "above zero", "[invalid_input]"]));
    }
    let refused = run(&mut of_kind(&env, "claude", &["--max-budget=-1"])).code(2);
    drop(refused.says(&["--max-budget", "not an amount"]));
    nothing_began(&env);
}

#[test]
fn what_is_refused_leaves_no_folder_behind() {
    let env = TestEnvironment::new();
    let refused = env
        .swarm(&["run", "x", "--memory", "1g", "--", "cat"])
        .code(2);
    drop(refused.says(&["[unsupported]"]));
    drop(run(&mut of_kind(&env, "claude", &["--mcps", "nobody"])).code(2));
    nothing_began(&env);
}
