use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::common::TestEnvironment;

const CANARY: &str = "canary-in-the-coal-mine";

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            found.push(path);
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn nobody_else_can_read_what_is_kept() {
    let env = TestEnvironment::new();
    let found = env.json(&["run", "secret", "--", "cat"]);
    let id = found["ref"].as_str().unwrap();
    drop(env.swarm(&["unwrap", id]).ok());
    drop(env.swarm(&["inspect", id]).ok());
    drop(env.swarm(&["encrypt", id]).ok());
    for path in files(&env.swarm_home()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{} can be reached by others", path.display());
    }
}

#[test]
fn an_encrypted_error_is_nowhere_in_the_clear_though_a_later_attempt_was_told() {
    let env = TestEnvironment::new();
    // The plan, which is kept, does not hold the word that the agent says.
    let (first, rest) = CANARY.split_at(3);
    let script = format!("grep -q {rest} || {{ printf %s%s {first} {rest} >&2; exit 1; }}");
    let found = env.json(&[
        "retry",
        "Try.",
        "--attempts",
        "2",
        "--",
        "sh",
        "-c",
        &script,
    ]);
    assert_eq!(found["retry"]["prior_errors"], json!([CANARY]));
    let id = found["ref"].as_str().unwrap();
    let failed = id.replace("attempt-2", "attempt-1");
    drop(env.swarm(&["inspect", id]).ok());
    let holding = || {
        let files = files(&env.swarm_home()).into_iter();
        files
            .filter(|path| path.is_file())
            .filter(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(CANARY))
            .collect::<Vec<_>>()
    };
    assert_ne!(holding(), Vec::<PathBuf>::new());
    drop(env.json(&["encrypt", &failed]));
    assert_eq!(holding(), Vec::<PathBuf>::new());
}

#[test]
fn an_encrypted_result_is_nowhere_in_the_clear_and_can_be_read_with_its_key() {
    let env = TestEnvironment::new();
    let report = env.json(&["chain", CANARY, "next", "--", "cat"]);
    let first = report["intermediates"][0]["ref"].as_str().unwrap();
    let last = report["final"]["ref"].as_str().unwrap();
    for command in ["unwrap", "inspect"] {
        drop(env.swarm(&[command, first]).ok());
        drop(env.swarm(&[command, last]).ok());
    }
    // The second stage repeats what it was told, so it is a secret of its own.
    drop(env.json(&["encrypt", last]));
    let key = env.json(&["encrypt", first])["key_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = env.swarm_home().join("runs").join(
        report["intermediates"][0]["ref"]
            .as_str()
            .unwrap()
            .split('/')
            .next()
            .unwrap(),
    );
    for path in files(&run).into_iter().filter(|path| path.is_file()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        // The prompt of the first stage was its input, not its result.
        let is_own_prompt = path.ends_with("stage-0/prompt.txt");
        assert!(
            is_own_prompt || !text.contains(CANARY),
            "{} holds the text",
            path.display()
        );
    }
    drop(
        env.swarm(&["unwrap", first])
            .code(5)
            .says(&["is encrypted", "[ref_encrypted]"]),
    );
    drop(env.swarm(&["encrypt", first]).code(5));
    assert_eq!(
        env.swarm(&["decrypt", first, "--key-id", &key]).ok().stdout,
        CANARY
    );
    drop(
        env.swarm(&["decrypt", first, "--key-id", "000000000000"])
            .code(5),
    );
    let written = env.json(&["decrypt", first, "--key-id", &key, "--output", "clear.txt"]);
    assert_eq!(
        fs::read_to_string(written["file"].as_str().unwrap()).unwrap(),
        CANARY
    );
    drop(
        env.swarm(&["decrypt", first, "--key-id", &key, "--output", "clear.txt"])
            .code(1),
    );
    drop(
        env.swarm(&["reduce", "Sum.", first, "--", "cat"])
            .code(5)
            .says(&["is encrypted"]),
    );
}

#[test]
fn a_file_and_a_folder_can_be_brought_in() {
    let env = TestEnvironment::new();
    env.write("notes.bin", "three words\n");
    env.write("folder/a.txt", "a");
    let wrapped = env.json(&["wrap", "notes.bin"]);
    let id = wrapped["ref"].as_str().unwrap();
    assert!(id.starts_with("wrapped/"));
    assert_eq!(
        env.swarm(&["unwrap", "-p", id]).ok().stdout,
        "three words\n"
    );
    let folder = env.json(&["wrap", "folder"]);
    let listing = env
        .swarm(&["unwrap", "-p", folder["ref"].as_str().unwrap()])
        .ok()
        .stdout;
    assert!(listing.contains("a.txt"), "{listing}");
    let reduced = env
        .swarm(&[
            "reduce", "Sum.", id, "--text", "-q", "--", "tail", "-n", "1",
        ])
        .ok();
    assert_eq!(reduced.stdout, "three words\n");
    drop(env.swarm(&["wrap", "gone"]).code(2).says(&["gone"]));
}

#[test]
fn classification_is_inherited_and_the_guard_reads_the_record() {
    let env = TestEnvironment::new();
    let first = env.json(&["run", "x", "--", "cat"])["ref"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(
        env.swarm(&["guard", &first, "classification", "public"])
            .ok(),
    );
    let args = ["classify", &first, "confidential", "--denied-mcps", "slack"];
    drop(env.swarm(&args).ok());
    let report = env.json(&["reduce", "Sum.", &first, "--", "cat"]);
    let made = report["result"]["ref"].as_str().unwrap();
    assert_eq!(report["result"]["classification"]["level"], "confidential");
    drop(
        env.swarm(&["guard", made, "classification", "internal"])
            .code(5)
            .says(&["[guard_failed]"]),
    );
    drop(
        env.swarm(&["guard", made, "classification", "slack"])
            .code(5)
            .says(&["'slack' denied"]),
    );
    drop(env.swarm(&["guard", made, "classification", "github"]).ok());
    drop(env.swarm(&["guard", made, "exists"]).ok());
    drop(env.swarm(&["guard", made, "validated"]).code(5));
    drop(
        env.swarm(&["guard", made, "exsits"])
            .code(2)
            .says(&["did you mean `exists`?"]),
    );
    // As the name of a server nobody has heard of, it would pass.
    drop(
        env.swarm(&["guard", made, "classification", "confidentail"])
            .code(2)
            .says(&[
                "did you mean the level `confidential`?",
                "[\"confidentail\"]",
            ]),
    );
    drop(env.swarm(&["guard", "nope/agent-0", "exists"]).code(5));
    drop(env.swarm(&["classify", made, "secret"]).code(2));
    let lowered = env.json(&["classify", made, "public"]);
    assert_eq!(
        lowered["classification"]["level"], "confidential",
        "what it is made from imposes it"
    );
    // A server that may not see the result is not attached to an agent that is told it.
    env.write(
        ".mcp.json",
        r#"{"mcpServers": {"slack": {"command": "slack"}}}"#,
    );
    let args = [
        "reduce", "Sum.", &first, "--mcps", "slack", "--agent", "claude",
    ];
    let denied = env.swarm(&[&args[..], &["--env", "ANTHROPIC_API_KEY=k", "--json"]].concat());
    assert_eq!(denied.code(5).value()["result"]["exit"]["kind"], "refused");
}

#[test]
fn a_record_that_was_tampered_with_does_not_pass_the_integrity_check() {
    let env = TestEnvironment::new();
    let found = env.json(&["run", "honest", "--", "cat"]);
    let id = found["ref"].as_str().unwrap();
    drop(env.swarm(&["guard", id, "integrity"]).ok());
    let file = env.swarm_home().join("runs").join(id).join("result.json");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("honest", "forged");
    fs::write(&file, text).unwrap();
    drop(env.swarm(&["guard", id, "integrity"]).code(5));
}

#[test]
fn refs_are_listed_filtered_and_one_damaged_record_hides_no_other() {
    let env = TestEnvironment::new();
    let report = env
        .swarm(&["par", "a", "b", "--json", "--", "sh", "-c", "grep a"])
        .code(1)
        .value();
    let run = report["run_id"].as_str().unwrap();
    let count = |args: &[&str]| {
        env.swarm(&[&["refs", "--json"], args].concat())
            .ok()
            .stdout
            .lines()
            .count()
    };
    assert_eq!(count(&[]), 2);
    assert_eq!(count(&["--succeeded"]), 1);
    assert_eq!(count(&["--failed"]), 1);
    assert_eq!(count(&["--run", run]), 2);
    assert_eq!(count(&["--limit", "1"]), 1);
    let damaged = env
        .swarm_home()
        .join("runs")
        .join(run)
        .join("agent-0/result.json");
    fs::write(damaged, "{").unwrap();
    let outcome = env
        .swarm(&["refs", "--json"])
        .code(1)
        .says(&["agent-0", "damaged"]);
    assert_eq!(outcome.stdout.lines().count(), 1);
}

#[test]
fn results_can_be_read_whatever_has_become_of_the_log() {
    let env = TestEnvironment::new();
    let found = env.json(&["run", "kept", "--", "cat"]);
    let id = found["ref"].as_str().unwrap();
    fs::write(
        env.swarm_home().join("swarm.db"),
        "garbage that is no database",
    )
    .unwrap();
    assert_eq!(env.swarm(&["unwrap", "-p", id]).ok().stdout, "kept");
    drop(env.swarm(&["refs"]).ok());
    drop(
        env.swarm(&["runs", "list"])
            .code(1)
            .says(&["swarm.db", "[log_failed]"]),
    );
}

#[test]
fn one_damaged_record_does_not_hide_the_rest_of_its_run() {
    let env = TestEnvironment::new();
    let report = env.json(&["par", "a", "b", "--", "cat"]);
    let id = report["results"][0]["ref"].as_str().unwrap();
    fs::write(
        env.swarm_home().join("runs").join(id).join("result.json"),
        "{",
    )
    .unwrap();
    let shown = env.json(&["runs", "show", report["run_id"].as_str().unwrap()]);
    assert!(
        shown["agents_seen"][0]["error"]
            .as_str()
            .unwrap()
            .contains("damaged")
    );
    assert_eq!(shown["agents_seen"][1]["ref"], report["results"][1]["ref"]);
}

#[test]
fn a_list_that_is_not_given_stays_as_it_is() {
    let env = TestEnvironment::new();
    let found = env.json(&["run", "x", "--", "cat"]);
    let id = found["ref"].as_str().unwrap();
    drop(env.json(&["classify", id, "internal", "--denied-mcps", "slack"]));
    let again = env.json(&["classify", id, "confidential"]);
    assert_eq!(again["classification"]["denied_mcps"], json!(["slack"]));
}

#[test]
fn what_went_wrong_before_is_told_wherever_a_ref_is_shown() {
    let env = TestEnvironment::new();
    let script = "grep -q 'Attempt 1' || { echo not yet >&2; exit 1; }";
    let found = env.json(&["retry", "Try.", "--", "sh", "-c", script]);
    let id = found["ref"].as_str().unwrap();
    let told = json!(["not yet"]);
    assert_eq!(found["retry"]["prior_errors"], told);
    for args in [
        &["refs", "--succeeded"][..],
        &["guard", id, "exists"],
        &["classify", id, "internal"],
    ] {
        assert_eq!(env.json(args)["retry"]["prior_errors"], told, "{args:?}");
    }
}

#[test]
fn old_runs_are_collected_and_young_ones_are_not() {
    let env = TestEnvironment::new();
    let secret = format!("TOKEN={CANARY}");
    drop(env.json(&["run", "x", "--env", &secret, "--", "cat"]));
    let kept = env.json(&["gc", "--older-than", "1h"]);
    assert_eq!((&kept["runs"], &kept["histories"]), (&json!(0), &json!(0)));
    let collected = env.json(&["gc", "--older-than", "0.001"]);
    assert_eq!(
        [
            &collected["runs"],
            &collected["records"],
            &collected["histories"]
        ],
        [&json!(1), &json!(1), &json!(1)]
    );
    assert_eq!(env.swarm(&["refs", "--json"]).ok().stdout, "");
    assert_eq!(env.swarm(&["runs", "list", "--json"]).ok().stdout, "");
    for path in files(&env.swarm_home())
        .into_iter()
        .filter(|path| path.is_file())
    {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(CANARY), "{}", path.display());
    }
}

#[test]
fn an_agent_is_inspected_after_its_end() {
    let env = TestEnvironment::new();
    let found = env.swarm(&[
        "run",
        "x",
        "--json",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 4",
    ]);
    let id = found.code(1).value()["ref"].as_str().unwrap().to_owned();
    let inspection = env.json(&["inspect", &id]);
    assert_eq!(inspection["has_partial_output"], true);
    let report = fs::read_to_string(inspection["file"].as_str().unwrap()).unwrap();
    for part in [&id, "err", "out"] {
        assert!(report.contains(part), "{part:?} is not in {report}");
    }
    let (_, files) = report.split_once("## Files in").unwrap();
    assert!(
        files.contains("stream.jsonl") && !files.contains(".tmp (") && !files.contains("- inspect"),
        "{files}"
    );
}
