//! Projects: what they bring, and what they may not decide.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::common::{TestEnvironment, run};

/// Another folder, which has these files.
fn folder(env: &TestEnvironment, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = env.work().parent().unwrap().join(name);
    fs::create_dir_all(&root).unwrap();
    for (file, text) in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root.canonicalize().unwrap()
}

fn echo(word: &str) -> String {
    json!({"agent": {"command": ["echo", word]}}).to_string()
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const WHO: [&str; 6] = ["run", "x", "--sandbox", "who", "--text", "-q"];

#[test]
fn a_wrapped_project_lends_its_sandboxes_and_the_last_one_comes_first() {
    let env = TestEnvironment::new();
    let a = folder(
        &env,
        "a",
        &[("sandboxes/who.json", &echo("a")), ("types/t.md", "x")],
    );
    let b = folder(&env, "b", &[(".swarm/sandboxes/who.json", &echo("b"))]);
    drop(
        env.swarm(&["sandbox", "save", "who", "--", "echo", "own"])
            .ok(),
    );
    assert_eq!(env.swarm(&WHO).ok().stdout, "own\n");
    let wrapped = env.json(&["project", "wrap", a.to_str().unwrap()]);
    assert_eq!(
        wrapped,
        json!({"project": a, "registered": {
            "sandboxes": {"path": a.join("sandboxes"), "count": 1},
            "types": {"path": a.join("types"), "count": 1},
        }})
    );
    assert_eq!(env.swarm(&WHO).ok().stdout, "a\n");
    drop(env.swarm(&["project", "wrap", "../b"]).ok());
    assert_eq!(env.swarm(&WHO).ok().stdout, "b\n");
    // Again: it moves to the front and is there once.
    drop(env.swarm(&["project", "wrap", "../a"]).ok());
    assert_eq!(env.swarm(&WHO).ok().stdout, "a\n");
    let listed = env.swarm(&["project", "list", "--json"]).ok().stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let source = &env.json(&["sandbox", "list"])["source"];
    assert_eq!(source, &json!(a.join("sandboxes/who.json")));
    drop(env.swarm(&["project", "forget", "../a"]).ok());
    fs::remove_dir_all(&b).unwrap();
    assert_eq!(env.swarm(&WHO).ok().stdout, "own\n", "b is gone");
    drop(env.swarm(&["project", "forget", "../b"]).ok());
    let again = env.swarm(&["project", "forget", "../b"]).code(2);
    drop(again.says(&["neither wrapped nor trusted"]));
}

#[test]
fn the_variable_comes_after_wrapped_projects_and_before_the_user() {
    let env = TestEnvironment::new();
    let named = folder(&env, "named", &[("sandboxes/who.json", &echo("named"))]);
    drop(
        env.swarm(&["sandbox", "save", "who", "--", "echo", "own"])
            .ok(),
    );
    let with = |env: &TestEnvironment, args: &[&str]| {
        run(env.command(args).env("SWARM_PROJECT_DIR", "../named"))
            .ok()
            .stdout
    };
    assert_eq!(with(&env, &WHO), "named\n");
    folder(&env, "a", &[("sandboxes/who.json", &echo("a"))]);
    drop(env.swarm(&["project", "wrap", "../a"]).ok());
    assert_eq!(with(&env, &WHO), "a\n");
    // What is saved goes to the project of the variable, never into one that is only wrapped.
    let saved = with(&env, &["sandbox", "save", "new", "--cpus", "1"]);
    let file = named.join("sandboxes/new.json");
    assert_eq!(Path::new(saved.trim()).canonicalize().unwrap(), file);
}

#[test]
fn who_saves_a_sandbox_that_a_project_hides_is_told() {
    let env = TestEnvironment::new();
    folder(&env, "a", &[("sandboxes/who.json", &echo("a"))]);
    drop(env.swarm(&["project", "wrap", "../a"]).ok());
    let saved = env
        .swarm(&["sandbox", "save", "who", "--", "echo", "own"])
        .ok();
    assert!(
        saved.stdout.contains("/.config/swarm/sandboxes/who.json"),
        "{saved:?}"
    );
    drop(saved.says(&["warning:", "`who` still means", "a/sandboxes/who.json"]));
}

#[test]
fn what_brings_nothing_is_not_wrapped() {
    let env = TestEnvironment::new();
    for (project, problem) in [
        (
            ".",
            "no folder governors/, pipelines/, sandboxes/ or types/",
        ),
        ("gone", "No such file"),
    ] {
        let outcome = env.swarm(&["project", "wrap", project]).code(2);
        drop(outcome.says(&["cannot be a project", problem, "[invalid_input]"]));
    }
    assert_eq!(env.swarm(&["project", "list", "--json"]).ok().stdout, "");
}

/// Answers as the real program does.
const CLAUDE: &str = r#"#!/bin/sh
cat > /dev/null
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","total_cost_usd":0.01,"num_turns":1}'
"#;

/// An agent with the account of the user.
fn with_account(env: &TestEnvironment, args: &[&str]) -> std::process::Command {
    let program = env.write("bin/claude", CLAUDE);
    allow(&program, 0o755);
    let bin = program.parent().unwrap().display().to_string();
    let mut command = env.command(&[&["run", "x", "-q"], args].concat());
    command
        .env("ANTHROPIC_API_KEY", "canary")
        .env("PATH", format!("{bin}:/usr/bin:/bin"));
    command
}

#[test]
fn a_project_that_is_not_trusted_does_not_decide_what_runs_with_the_account() {
    let env = TestEnvironment::new();
    let project = env.work().canonicalize().unwrap();
    for (name, field) in [
        ("image", json!({"agent": "claude", "image": "theirs:1"})),
        (
            "env_vars",
            json!({"agent": "claude", "env_vars": {"NODE_OPTIONS": "--require ./x.js"}}),
        ),
    ] {
        env.write(&format!(".swarm/sandboxes/{name}.json"), &field.to_string());
        let refused = run(&mut with_account(&env, &["--sandbox", name])).code(5);
        let trust = format!("swarm project trust {}", project.display());
        drop(refused.says(&[&format!("it sets `{name}`"), &trust, "[refused]"]));
    }
    // What the user says instead is theirs, and an account that the project brings is its own.
    let own = ["--sandbox", "env_vars", "--env", "A=b"];
    drop(run(&mut with_account(&env, &own)).ok());
    let theirs = json!({"agent": "claude", "env_vars": {"ANTHROPIC_API_KEY": "theirs"}});
    env.write(".swarm/sandboxes/theirs.json", &theirs.to_string());
    drop(run(&mut with_account(&env, &["--sandbox", "theirs"])).ok());
    // A sandbox of the user's own may say anything.
    fs::rename(
        project.join(".swarm/sandboxes/env_vars.json"),
        project.join("mine.json"),
    )
    .unwrap();
    let save = ["sandbox", "save", "mine", "--from", "../work/mine.json"];
    drop(
        run(env
            .command(&save)
            .current_dir(project.parent().unwrap().join("home")))
        .ok(),
    );
    drop(run(&mut with_account(&env, &["--sandbox", "mine"])).ok());

    fs::copy(
        project.join("mine.json"),
        project.join(".swarm/sandboxes/env_vars.json"),
    )
    .unwrap();
    drop(env.swarm(&["project", "trust"]).ok());
    drop(run(&mut with_account(&env, &["--sandbox", "env_vars"])).ok());
    drop(env.swarm(&["project", "forget"]).ok());
    drop(run(&mut with_account(&env, &["--sandbox", "env_vars"])).code(5));
}

#[test]
fn a_project_that_is_not_trusted_puts_nothing_in_the_place_of_the_program_that_gets_the_account() {
    let env = TestEnvironment::new();
    env.write("cl", "#!/bin/sh\necho $ANTHROPIC_API_KEY\n");
    let mount = |to: &str| json!({"mounts": [{"host_path": "./cl", "container_path": to}]});
    for (name, field, says) in [
        ("m1", "mounts", mount("/bin/claude")),
        ("m2", "mounts", mount("/workspace/../bin/claude")),
        ("m3", "mounts", mount("/home/agent/.claude/settings.json")),
        (
            "f1",
            "input_files",
            json!({"input_files": {"/etc/ld.so.preload": "/workspace/x.so"}}),
        ),
        (
            "f2",
            "input_files",
            json!({"input_files": {"/usr/bin/claude": "#!/bin/sh"}}),
        ),
        ("w1", "workdir", json!({"workdir": "/usr/bin"})),
        (
            "w2",
            "input_files",
            json!({"workdir": "/usr/bin", "input_files": {"claude": "#!/bin/sh"}}),
        ),
    ] {
        let mut says = says;
        says["agent"] = json!("claude");
        env.write(&format!(".swarm/sandboxes/{name}.json"), &says.to_string());
        let refused = run(&mut with_account(&env, &["--sandbox", name]));
        // A path with `..` in it is none at all.
        assert!([2, 5].contains(&refused.code), "{name}: {refused:#?}");
        assert!(
            refused.code == 2 || refused.stderr.contains(field),
            "{name}: {refused:#?}"
        );
        assert!(!refused.stdout.contains("canary"));
    }
    // Where it works, a project may put what it likes, and elsewhere if there is nothing to be had.
    let fine = json!({"agent": "claude", "input_files": {"a.txt": "a"}, "workdir": "/workspace"});
    env.write(".swarm/sandboxes/fine.json", &fine.to_string());
    drop(run(&mut with_account(&env, &["--sandbox", "fine"])).ok());
    drop(env.swarm(&["project", "trust"]).ok());
    let trusted = run(&mut with_account(&env, &["--sandbox", "f1"]));
    assert_ne!(trusted.code, 5, "{trusted:#?}");
}

#[test]
fn a_wrapped_project_is_not_a_trusted_one() {
    let env = TestEnvironment::new();
    let says = json!({"agent": "claude", "env_vars": {"A": "b"}}).to_string();
    let project = folder(&env, "a", &[("sandboxes/theirs.json", &says)]);
    drop(env.swarm(&["project", "wrap", "../a"]).ok());
    let args = ["--sandbox", "theirs"];
    drop(
        run(&mut with_account(&env, &args))
            .code(5)
            .says(&["[refused]"]),
    );
    drop(
        env.swarm(&["project", "trust", project.to_str().unwrap()])
            .ok(),
    );
    drop(run(&mut with_account(&env, &args)).ok());
}

#[test]
fn the_settings_of_a_project_do_not_decide_which_image_gets_the_account() {
    let env = TestEnvironment::new();
    for settings in [
        "image = 'theirs:1'\n",
        "[agents.claude]\nimage = 'theirs:1'\n",
    ] {
        env.write(".swarm/config.toml", settings);
        let mut command = with_account(&env, &["--agent", "claude"]);
        let refused = run(command.env("SWARM_RUNTIME", "auto")).code(5);
        drop(refused.says(&["theirs:1 is refused", "swarm project trust", "[refused]"]));
        // Without an account there is nothing to protect.
        let mut command = env.command(&["run", "x", "-q", "--", "cat"]);
        drop(run(command.env("SWARM_RUNTIME", "auto")).ok());
        let mut command = with_account(&env, &["--agent", "claude"]);
        command
            .env("SWARM_RUNTIME", "auto")
            .env("SWARM_IMAGE", "mine:1");
        command.env("SWARM_IMAGE_CLAUDE", "mine:1");
        drop(run(&mut command).ok());
    }
    drop(env.swarm(&["project", "trust"]).ok());
    let mut command = with_account(&env, &["--agent", "claude"]);
    drop(run(command.env("SWARM_RUNTIME", "auto")).ok());
}

#[test]
fn a_project_shows_agents_its_own_folders_only() {
    let env = TestEnvironment::new();
    env.write("data/x", "");
    folder(&env, "private", &[]);
    let sandbox = |host: &str| {
        let mounts = json!([{"host_path": host, "container_path": "/data"}]);
        json!({"agent": {"command": ["cat"]}, "mounts": mounts}).to_string()
    };
    std::os::unix::fs::symlink("../private", env.work().join("link")).unwrap();
    for outside in ["../private", "~", "/", "link", "data/../../private"] {
        env.write(".swarm/sandboxes/s.json", &sandbox(outside));
        let refused = env.swarm(&["run", "x", "--sandbox", "s"]).code(5);
        drop(refused.says(&["not in that project", "--mount", "[refused]"]));
    }
    // Processes have no mounts: that this is what is said shows that it was let through.
    env.write(".swarm/sandboxes/s.json", &sandbox("data"));
    drop(
        env.swarm(&["run", "x", "--sandbox", "s"])
            .code(2)
            .says(&["[unsupported]"]),
    );
    env.write(".swarm/sandboxes/s.json", &sandbox("../private"));
    drop(env.swarm(&["project", "trust"]).ok());
    drop(
        env.swarm(&["run", "x", "--sandbox", "s"])
            .code(2)
            .says(&["[unsupported]"]),
    );
}

#[test]
fn a_project_that_others_may_write_to_does_not_count_and_that_is_said_once() {
    let env = TestEnvironment::new();
    env.write(".swarm/sandboxes/who.json", &echo("theirs"));
    env.write(".swarm/config.toml", "max_concurrent = 1\n");
    let place = env.work().join(".swarm");
    allow(&place, 0o777);
    let outcome = env.swarm(&WHO).code(2);
    let warning = format!("{} is left out: everybody may write to it", place.display());
    assert_eq!(outcome.stderr.matches(&warning).count(), 1, "{outcome:?}");
    drop(outcome.says(&["no sandbox `who`"]));
    allow(&place, 0o755);
    assert_eq!(env.swarm(&WHO).ok().stdout, "theirs\n");
}

#[test]
fn an_mcp_server_is_not_taken_from_a_file_that_others_may_write_to() {
    let env = TestEnvironment::new();
    let servers = r#"{"mcpServers": {"files": {"command": "files"}}}"#;
    let file = env.write(".mcp.json", servers);
    let args = ["--agent", "claude", "--mcps", "files"];
    allow(&file, 0o666);
    let refused = run(&mut with_account(&env, &args)).code(2);
    let left_out = format!("{} (everybody may write to it)", file.display());
    drop(refused.says(&["[unknown_mcp_server]", "left out", &left_out]));
    allow(&file, 0o644);
    drop(run(&mut with_account(&env, &args)).ok());
    // Somebody else's rubbish further up is no error.
    let above = env.work().parent().unwrap().join(".mcp.json");
    fs::create_dir(&above).unwrap();
    allow(&above, 0o777);
    drop(run(&mut with_account(&env, &args)).ok());
}
