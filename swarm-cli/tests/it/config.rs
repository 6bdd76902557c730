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
        ("4".to_owned(), "environment".to_owned())
    );
    assert_eq!(of("runtime"), ("\"auto\"".to_owned(), "default".to_owned()));
    let (image, from) = of("image");
    assert!(
        image == "\"project\"" && from.ends_with(".swarm/config.toml"),
        "{image} {from}"
    );
    let (timeout, from) = of("queue_timeout");
    assert!(
        timeout == "5.0" && from.ends_with("swarm/config.toml"),
        "{timeout} {from}"
    );
    assert_eq!(of("resources").0, r#"{"db":2}"#);
    let (home, from) = of("home");
    assert!(
        home.ends_with("/work/elsewhere\"") && from == "command line",
        "{home} {from}"
    );
    command.env("SWARM_RESOURCE_db", "7");
    let origin = setting(&run(&mut command).ok().stdout, "resources");
    assert_eq!(origin["value"]["db"], 7);
    assert_eq!(origin["from"], "environment");
}

#[test]
fn a_project_cannot_take_isolation_away_or_move_the_home() {
    for (text, key) in [
        ("runtime = \"process\"", "runtime"),
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
    drop(
        env.swarm(&["config", "explain"])
            .code(2)
            .says(&["imgae", "config.toml"]),
    );
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
