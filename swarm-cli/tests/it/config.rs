use crate::common::{TestEnvironment, run};

fn setting(outcome: &str, name: &str) -> serde_json::Value {
    outcome
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|origin| origin["setting"] == name)
        .unwrap()
}

#[test]
fn each_setting_says_where_it_came_from() {
    let env = TestEnvironment::new();
    env.write(
        "../home/.config/swarm/config.toml",
        "image = \"user\"\nqueue_timeout = 5\n",
    );
    env.write(
        ".swarm/config.toml",
        "image = \"project\"\nmax_concurrent = 3\n[resources]\ndb = 2\n",
    );
    let mut command = env.with_engine(&["config", "explain", "--json", "--home", "elsewhere"]);
    command.env("SWARM_MAX_CONCURRENT", "4");
    let shown = run(&mut command).ok().stdout;
    let of = |name: &str| {
        let origin = setting(&shown, name);
        (
            origin["value"].to_string(),
            origin["from"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(
        of("max_concurrent"),
        ("4".to_owned(), "SWARM_MAX_CONCURRENT".to_owned())
    );
    assert_eq!(of("runtime"), ("\"auto\"".to_owned(), "default".to_owned()));
    let (image, from) = of("image");
    assert!(
        image == "\"project\""
            && from.starts_with("image in /")
            && from.ends_with(".swarm/config.toml"),
        "{image} {from}"
    );
    let (timeout, from) = of("queue_timeout");
    assert!(
        timeout == "5.0"
            && from.starts_with("queue_timeout in /")
            && from.ends_with(".config/swarm/config.toml"),
        "{timeout} {from}"
    );
    let (db, from) = of("resources.db");
    assert!(
        db == "2" && from.starts_with("resources.db in /"),
        "{db} {from}"
    );
    let (home, from) = of("home");
    assert!(
        home.ends_with("/work/elsewhere\"") && from == "--home",
        "{home} {from}"
    );
    command.env("SWARM_RESOURCE_db", "7");
    let origin = setting(&run(&mut command).ok().stdout, "resources.db");
    assert_eq!(origin["value"], 7);
    assert_eq!(origin["from"], "SWARM_RESOURCE_db");
}

#[test]
fn what_nobody_has_set_is_a_default() {
    let env = TestEnvironment::new();
    let mut command = env.with_engine(&["config", "explain", "--json"]);
    // Empty is how a shell takes a variable away for one command.
    for variable in ["SWARM_HOME", "SWARM_RUNTIME", "SWARM_LOCAL"] {
        command.env(variable, "");
    }
    let shown = run(&mut command).ok();
    for line in shown.stdout.lines() {
        let origin: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(origin["from"], "default", "{origin}");
    }
    assert_eq!(
        setting(&shown.stdout, "resources")["value"],
        serde_json::json!({})
    );
}

#[test]
fn a_name_that_looks_like_a_number_is_a_name() {
    let env = TestEnvironment::new();
    let mut command = env.with_engine(&["config", "explain", "--json"]);
    let shown = run(command.env("SWARM_IMAGE", "12")).ok().stdout;
    assert_eq!(setting(&shown, "image")["value"], "12");
}

#[test]
fn a_bad_value_is_called_what_its_author_called_it() {
    for (name, value, says) in [
        (
            "SWARM_MAX_CONCURRENT",
            "many",
            "is \"many\"; it must be a whole number above zero",
        ),
        (
            "SWARM_MAX_CONCURRENT",
            "0",
            "is 0; it must be a whole number above zero",
        ),
        (
            "SWARM_RESOURCE_Gpu",
            "-1",
            "is -1; it must be a whole number above zero",
        ),
        (
            "SWARM_QUEUE_TIMEOUT",
            "0",
            "is 0; it must be a number of seconds above zero",
        ),
        (
            "SWARM_QUEUE_TIMEOUT",
            "inf",
            "is \"inf\"; it must be a number of seconds above zero",
        ),
        (
            "SWARM_RUNTIME",
            "vm",
            "is \"vm\"; it must be auto, docker or process",
        ),
        (
            "SWARM_MESSAGES_PER_MINUTE",
            "1001",
            "is 1001; it must be a whole number up to 1000, or 0 for no limit",
        ),
        (
            "SWARM_KEEP_MESSAGES",
            "0",
            "is 0; it must be a number of hours above zero",
        ),
        (
            "SWARM_PORT",
            "65536",
            "is 65536; it must be a port of this machine, or 0 for the usual one or any that is free",
        ),
    ] {
        let env = TestEnvironment::new();
        let mut command = env.with_engine(&["config", "explain"]);
        let outcome = run(command.env(name, value)).code(2);
        drop(outcome.says(&[&format!("error: {name} {says}")]));
    }
    for (text, says) in [
        ("max_concurrent = 0", "error: max_concurrent in /"),
        ("[resources]\ndb = true", "error: resources.db in /"),
        ("resources = 3", "it must be a table of pools"),
        ("imgae = \"x\"", "error: imgae in /"),
    ] {
        let env = TestEnvironment::new();
        let file = env.write(".swarm/config.toml", text);
        let outcome = env.swarm(&["config", "explain"]).code(2);
        drop(outcome.says(&[says, file.to_str().unwrap(), "is "]));
    }
}

#[test]
fn a_project_cannot_take_isolation_away_or_move_the_home() {
    for (text, key) in [
        ("runtime = \"process\"", "runtime"),
        ("max_output = \"1t\"", "max_output"),
        ("home = \"/tmp\"", "home"),
    ] {
        let env = TestEnvironment::new();
        env.write(".swarm/config.toml", text);
        let outcome = env.swarm(&["run", "x", "--", "cat"]).code(5);
        drop(outcome.says(&[&format!("sets `{key}`"), ".swarm/config.toml"]));
    }
}

#[test]
fn a_setting_that_nothing_knows_is_named() {
    let env = TestEnvironment::new();
    env.write("../home/.config/swarm/config.toml", "imgae = \"x\"\n");
    drop(env.swarm(&["config", "explain"]).code(2).says(&[
        "imgae",
        "config.toml",
        "did you mean `image`?",
        "[unknown_field]",
    ]));
    env.write("../home/.config/swarm/config.toml", "image = \n");
    drop(
        env.swarm(&["config", "explain"])
            .code(2)
            .says(&["config.toml"]),
    );
}

#[test]
fn completions_exist_for_every_shell() {
    let env = TestEnvironment::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            env.swarm(&["completions", shell])
                .ok()
                .stdout
                .contains("map-reduce"),
            "{shell}"
        );
    }
}

#[test]
fn doctor_says_what_is_missing() {
    let env = TestEnvironment::new();
    let findings = env.swarm(&["doctor", "--json"]).ok().stdout;
    assert!(
        findings.contains("no container engine answers"),
        "{findings}"
    );
    let mut command = env.command(&["doctor"]);
    let outcome = run(command.env("SWARM_RUNTIME", "docker")).code(1);
    assert!(outcome.stdout.contains("ERROR"), "{outcome:#?}");
}

#[test]
fn colour_is_for_terminals_only() {
    let env = TestEnvironment::new();
    let outcome = env.swarm(&["runs", "show", "nope"]).code(1);
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:#?}");
}

#[test]
fn the_image_of_a_kind_is_its_own_or_that_of_all_or_the_default() {
    let env = TestEnvironment::new();
    env.write(
        "../home/.config/swarm/config.toml",
        "image = \"all\"\n[agents.claude]\nimage = \"mine:1\"\n",
    );
    env.write(
        ".swarm/config.toml",
        "[agents.gemini]\nimage = \"projects:1\"\n",
    );
    let mut command = env.with_engine(&["config", "explain", "--json"]);
    command.env("SWARM_IMAGE_CODEX", "from-env:1");
    let shown = run(&mut command).ok().stdout;
    for (kind, image, from) in [
        ("claude", "mine:1", "agents.claude.image in /"),
        ("gemini", "projects:1", "agents.gemini.image in /"),
        ("codex", "from-env:1", "SWARM_IMAGE_CODEX"),
        ("opencode", "all", "image in /"),
    ] {
        let origin = setting(&shown, &format!("agents.{kind}.image"));
        assert_eq!(origin["value"], image);
        let said = origin["from"].as_str().unwrap();
        assert!(said.starts_with(from), "{said}");
    }
    let fresh = TestEnvironment::new();
    let shown = run(&mut fresh.with_engine(&["config", "explain", "--json"])).ok();
    let origin = setting(&shown.stdout, "agents.claude.image");
    assert_eq!(origin["value"], "swarm-agent-claude:latest");
    assert_eq!(origin["from"], "default");
}

#[test]
fn a_kind_that_nothing_knows_is_named_where_its_image_is_set() {
    for (text, says) in [
        ("[agents.cluade]\nimage = \"x\"", "did you mean `claude`?"),
        ("[agents.command]\nimage = \"x\"", "`image`"),
        ("[agents.claude]\nimgae = \"x\"", "did you mean `image`?"),
        (
            "[agents.claude]\nimage = 7",
            "it must be the name of an image",
        ),
        (
            "[agents]\nclaude = \"x\"",
            "it must be a table with an `image`",
        ),
    ] {
        let env = TestEnvironment::new();
        env.write(".swarm/config.toml", text);
        drop(
            env.swarm(&["config", "explain"])
                .code(2)
                .says(&[says, ".swarm/config.toml"]),
        );
    }
    let env = TestEnvironment::new();
    let mut command = env.with_engine(&["config", "explain"]);
    let outcome = run(command.env("SWARM_IMAGE_CLAUD", "x")).code(2);
    drop(outcome.says(&["SWARM_IMAGE_CLAUD", "did you mean `claude`?"]));
}

#[test]
fn settings_of_a_project_that_are_a_link_or_too_large_are_not_read() {
    let env = TestEnvironment::new();
    let secret = env.work().parent().unwrap().join("secret");
    std::fs::write(&secret, "canary: not a setting\n").unwrap();
    let settings = env.work().join(".swarm/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&secret, &settings).unwrap();
    let refused = env.swarm(&["runs", "list"]).code(5);
    assert!(!refused.stderr.contains("canary"), "{refused:#?}");
    drop(refused.says(&["leads out of its folder", "[refused]"]));

    std::fs::remove_file(&settings).unwrap();
    let huge = std::fs::File::create(&settings).unwrap();
    huge.set_len(6 << 30).unwrap();
    drop(
        env.swarm(&["runs", "list"])
            .code(1)
            .says(&["larger than 1 MiB"]),
    );
}

#[test]
fn a_pipe_among_sandboxes_and_types_is_no_file() {
    let env = TestEnvironment::new();
    for kind in ["sandboxes/b.json", "types/f.md"] {
        let pipe = env.work().join(".swarm").join(kind);
        std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
        crate::common::fifo(&pipe);
    }
    for args in [["sandbox", "list"], ["type", "list"]] {
        let listed = env.swarm(&args).ok().stdout;
        assert!(listed.contains("it is not a file"), "{listed}");
    }
    for args in [["sandbox", "show", "b"], ["type", "show", "f"]] {
        let outcome = env.swarm(&args);
        assert_ne!(outcome.code, 0, "{outcome:#?}");
    }
}
