use serde_json::json;

use crate::common::{TestEnvironment, run};

#[test]
fn a_sandbox_is_saved_listed_shown_and_used() {
    let env = TestEnvironment::new();
    let saved = env.json(&[
        "sandbox",
        "save",
        "upper",
        "--timeout",
        "5m",
        "--env",
        "GREETING=hi",
        "--agent",
        "command",
        "--",
        "tr",
        "a-z",
        "A-Z",
    ]);
    assert!(
        saved["path"]
            .as_str()
            .unwrap()
            .ends_with("/.config/swarm/sandboxes/upper.json")
    );
    let listed = env.json(&["sandbox", "list"]);
    assert_eq!(listed["name"], "upper");
    let shown = env.json(&["sandbox", "show", "upper"]);
    assert_eq!(shown["timeout"], 300);
    assert_eq!(shown["workdir"], "/workspace");
    assert_eq!(shown.get("env_vars"), None, "values may be secrets");
    let outcome = env
        .swarm(&["run", "loud", "--sandbox", "upper", "--text", "-q"])
        .ok();
    assert_eq!(outcome.stdout, "LOUD");
}

#[test]
fn who_saves_over_a_sandbox_is_told() {
    let env = TestEnvironment::new();
    assert_eq!(
        env.json(&["sandbox", "save", "x", "--no-network"])["replaced"],
        false
    );
    assert_eq!(
        env.json(&["sandbox", "save", "x", "--cpus", "1"])["replaced"],
        true
    );
    let shown = env.swarm(&["sandbox", "save", "x"]).ok().stdout;
    assert!(shown.ends_with("/x.json (replaced)\n"), "{shown}");
}

#[test]
fn an_absent_argument_never_overrides_a_named_sandbox() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["sandbox", "save", "airgap", "--no-network", "--", "cat"])
            .ok(),
    );
    // Processes cannot enforce it, and so the refusal proves that it is still there.
    drop(
        env.swarm(&["run", "x", "--sandbox", "airgap", "--timeout", "5"])
            .code(2)
            .says(&["network", "[unsupported]"]),
    );
    drop(
        env.swarm(&["run", "x", "--sandbox", "airgap", "--network", "bridge"])
            .ok(),
    );
}

#[test]
fn a_list_of_hosts_and_a_network_override_each_other_as_a_whole() {
    let env = TestEnvironment::new();
    for (name, option) in [
        ("few", ["--allow-host", "a.example"]),
        ("all", ["--network", "bridge"]),
    ] {
        let save = [&["sandbox", "save", name], &option[..], &["--", "cat"]].concat();
        drop(env.swarm(&save).ok());
    }
    let shown = env.json(&["sandbox", "show", "few"]);
    assert_eq!(shown["network"], json!({"allow": ["a.example"]}));
    // Processes cannot enforce a list, and so the refusal proves that it won.
    let listed = ["run", "x", "--sandbox", "all", "--allow-host", "a.example"];
    drop(
        env.swarm(&listed)
            .code(2)
            .says(&["a list of hosts", "[unsupported]"]),
    );
    let open = ["run", "x", "--sandbox", "few", "--network", "bridge"];
    drop(env.swarm(&open).ok());
}

#[test]
fn a_value_of_the_environment_is_not_written_into_a_sandbox_by_accident() {
    let env = TestEnvironment::new();
    let mut command = env.command(&["sandbox", "save", "x", "--env", "TOKEN"]);
    drop(
        run(command.env("TOKEN", "canary"))
            .code(2)
            .says(&["--env TOKEN", "TOKEN=VALUE"]),
    );
    drop(env.swarm(&["sandbox", "show", "x"]).code(2));
}

#[test]
fn a_relative_mount_is_saved_as_the_folder_that_was_meant() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["sandbox", "save", "here", "--mount", "data:/data"])
            .ok(),
    );
    let shown = env.json(&["sandbox", "show", "here"]);
    assert!(
        shown["mounts"][0]["host_path"]
            .as_str()
            .unwrap()
            .ends_with("/work/data"),
        "{shown}"
    );
}

#[test]
fn the_sandbox_of_the_project_comes_before_that_of_the_user() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["sandbox", "save", "who", "--", "echo", "user"])
            .ok(),
    );
    env.write(
        ".swarm/sandboxes/who.json",
        r#"{"agent": {"command": ["echo", "project"]}}"#,
    );
    let args = ["run", "x", "--sandbox", "who", "--text", "-q"];
    assert_eq!(env.swarm(&args).ok().stdout, "project\n");
    let folder = env.work().join("elsewhere");
    std::fs::create_dir_all(folder.join("sandboxes")).unwrap();
    std::fs::remove_dir_all(env.work().join(".swarm")).unwrap();
    env.write(
        "elsewhere/sandboxes/who.json",
        r#"{"agent": {"command": ["echo", "named"]}}"#,
    );
    let mut command = env.command(&args);
    assert_eq!(
        run(command.env("SWARM_PROJECT_DIR", folder)).ok().stdout,
        "named\n"
    );
}

#[test]
fn a_sandbox_that_could_not_be_used_is_not_saved() {
    let env = TestEnvironment::new();
    let json = r#"{"timeout": 0}"#;
    drop(
        env.swarm(&["sandbox", "save", "bad", "--sandbox", json])
            .code(2)
            .says(&["timeout"]),
    );
    drop(
        env.swarm(&["sandbox", "show", "bad"])
            .code(2)
            .says(&["no sandbox `bad`"]),
    );
    env.write(".swarm/sandboxes/broken.json", "{");
    let listed = env.json(&["sandbox", "list"]);
    assert!(listed["error"].as_str().unwrap().contains("not valid JSON"));
}

#[test]
fn what_is_shown_of_a_sandbox_is_a_sandbox() {
    let env = TestEnvironment::new();
    for (i, fields) in [
        json!({"agent": {"command": ["cat"]}}),
        json!({"agent": {"command": ["cat"]}, "network": false, "memory": "64m"}),
        json!({"network": {"allow": ["a.example", "127.0.0.1:4010", "*.b.example:8443"]}}),
        json!({"network_mode": "lab", "env_vars": {"GREETING": "hi"}, "gpu": true}),
    ]
    .iter()
    .enumerate()
    {
        let (name, copy) = (format!("s{i}"), format!("copy{i}"));
        drop(
            env.swarm(&["sandbox", "save", &name, "--sandbox", &fields.to_string()])
                .ok(),
        );
        for json in [&["--json"][..], &[]] {
            let show = [&["sandbox", "show", &name, "--with-env"][..], json].concat();
            let shown = env.swarm(&show).ok().stdout;
            env.write("shown.json", &shown);
            drop(
                env.swarm(&["sandbox", "save", &copy, "--from", "shown.json"])
                    .ok(),
            );
            let show = ["sandbox", "show", &copy, "--with-env"];
            assert_eq!(
                env.json(&show),
                serde_json::from_str::<serde_json::Value>(&shown).unwrap()
            );
        }
    }
    let shown = env.swarm(&["sandbox", "show", "s0"]).ok().stdout;
    let args = ["run", "x", "--sandbox", &shown, "--text", "-q"];
    assert_eq!(env.swarm(&args).ok().stdout, "x");
}

#[test]
fn values_of_variables_are_shown_only_when_asked_for() {
    let env = TestEnvironment::new();
    drop(
        env.swarm(&["sandbox", "save", "x", "--env", "TOKEN=canary"])
            .ok(),
    );
    let shown =
        env.swarm(&["sandbox", "show", "x"])
            .ok()
            .says(&["left out", "TOKEN", "--with-env"]);
    assert!(!format!("{shown:?}").contains("canary"), "{shown:#?}");
    let shown = env.json(&["sandbox", "show", "x", "--with-env"]);
    assert_eq!(shown["env_vars"], json!({"TOKEN": "canary"}));
}
