//! `swarm filter`

use serde_json::json;

use super::{Jury, found, get, refs, refused};
use crate::common::TestEnvironment;

#[test]
fn filter_keeps_what_is_valid_and_stamps_all() {
    let env = Jury::new();
    let refs = refs(&env, &["good 1", "good 0.5", "broken", "dead", "good 0.96"]);
    let mut args = env.judged(&["filter"]);
    args.extend(refs.iter().map(String::as_str));
    args.extend(["--type", "A text that is good."]);
    let report = env.json(&args);
    assert_eq!(
        (
            get(&report, "/total"),
            get(&report, "/valid"),
            get(&report, "/invalid")
        ),
        (&json!(5), &json!(2), &json!(3))
    );
    assert_eq!(get(&report, "/results/0/ref"), &json!(refs[0]));
    assert_eq!(get(&report, "/results/1/ref"), &json!(refs[4]));
    assert_eq!(get(&report, "/results/0/validation_verdict"), "VALID");
    assert_eq!(
        get(&report, "/results/0/validated_as"),
        "A text that is good."
    );
    // Who judged is there to be asked.
    let by = get(&report, "/rejected/0/validation_ref").as_str().unwrap();
    assert!(
        by.starts_with(get(&report, "/run_id").as_str().unwrap()),
        "{by}"
    );
    assert!(env.swarm(&["unwrap", "-p", by]).ok().stdout.contains("0.5"));
    assert_eq!(
        get(&report, "/rejected/0/validation_issues/0"),
        "more than 0.5"
    );
    assert_eq!(get(&report, "/judged/2/verdict"), "UNKNOWN");
    assert_eq!(get(&report, "/judged/3/verdict"), "UNKNOWN");
    assert_eq!(get(&report, "/judged/3/score"), &json!(0.0));
    // What was judged is kept, its words with whoever said them.
    let kept = found(&env, &refs[1]);
    assert_eq!(get(&kept, "/validation_verdict"), "PARTIAL");
    assert_eq!(get(&kept, "/validation_issues/0"), "more than 0.5");
    let dir = kept["output_dir"].as_str().unwrap();
    let record = std::fs::read_to_string(format!("{dir}/result.json")).unwrap();
    assert!(!record.contains("more than"), "{record}");
    let guard = ["guard", &refs[0], "validated", "A text that is good."];
    drop(env.swarm(&guard).ok());
    drop(env.swarm(&["guard", &refs[1], "validated"]).code(5));
    let shown = env.swarm(&args).ok().stdout;
    assert!(shown.contains("2 of 5 valid"), "{shown}");
}

#[test]
fn a_filter_that_makes_no_sense_is_refused_before_anything_is_paid() {
    refused(&[
        (
            &["filter", "r/a", "--evaluator", "quality"],
            "score:<criterion>, validate:<type>, or exec:<shell command>",
        ),
        (
            &["filter", "r/a", "--type", "no-such-type"],
            "there is no type `no-such-type`",
        ),
        (&["filter", "r/a"], "--evaluator"),
        (&["filter", "--type", "code-review"], "REF"),
        (
            &["filter", "r/a", "--type", "x y", "--evaluator", "score:x"],
            "cannot be used with",
        ),
    ]);
}

#[test]
fn a_ref_that_does_not_exist_is_named_before_anything_is_paid() {
    let env = TestEnvironment::new();
    let id = refs(&env, &["good 1"]).remove(0);
    let before = env.swarm(&["runs", "list", "--json"]).ok().stdout;
    let args = [
        "filter",
        &id,
        "r/gone",
        "r/lost",
        "--evaluator",
        "exec:true",
    ];
    drop(env.swarm(&args).code(2).says(&["r/gone", "r/lost"]));
    let args = ["filter", "r/gone", &id, "--evaluator", "exec:true"];
    let alone = env.swarm(&args);
    assert_ne!(alone.code, 0);
    drop(alone.says(&["r/gone", "[ref_not_found]"]));
    let after = env.swarm(&["runs", "list", "--json"]).ok().stdout;
    assert_eq!(after, before);
}

#[test]
fn what_is_valid_needs_no_words_and_its_issues_are_told() {
    let env = Jury::of(r#"echo '{"verdict": "VALID", "score": 1, "issues": ["a small thing"]}'"#);
    let id = refs(&env, &["good 1"]).remove(0);
    let shown = env.swarm(&["filter", &id, "--evaluator", "exec:true"]).ok();
    assert!(!shown.stdout.contains("the command"), "{}", shown.stdout);
    let args = env.judged(&["filter", &id, "--type", "a note"]);
    let report = env.json(&args);
    assert_eq!(get(&report, "/judged/0/verdict"), "VALID");
    let issues = get(&report, "/judged/0/issues");
    assert_eq!(issues, &json!(["a small thing"]));
    assert_eq!(found(&env, &id)["validation_issues"], *issues);
    let shown = env.swarm(&args).ok().stdout;
    assert!(shown.contains("a small thing"), "{shown}");
}

#[test]
fn an_agent_that_would_not_judge_is_refused() {
    refused(&[
        (
            &[
                "filter",
                "r/a",
                "--evaluator",
                "exec:true",
                "--judge-agent",
                "claude",
            ],
            "--judge-agent says which agent judges, and with `exec:` a command does",
        ),
        (
            &[
                "filter",
                "r/a",
                "--evaluator",
                "exec:true",
                "--judge-model",
                "haiku",
            ],
            "--judge-model says which agent judges",
        ),
        (
            &[
                "filter",
                "r/a",
                "--evaluator",
                "exec:true",
                "--judge-agent",
                "command",
            ],
            "give it with --judge-sandbox",
        ),
        (
            &[
                "filter",
                "r/a",
                "--evaluator",
                "score:x",
                "--judge-agent",
                "command",
            ],
            "give it with --judge-sandbox",
        ),
    ]);
}

#[test]
fn encrypting_a_result_names_who_judged_it() {
    let env = Jury::of("read -r line; echo '{\"score\": 0.5, \"issues\": [\"it says SECRET\"]}'");
    let id = refs(&env, &["good 0.5 SECRET"]).remove(0);
    // It quotes what it read.
    let args = env.judged(&["filter", &id, "--evaluator", "score:x"]);
    let by = get(&env.json(&args), "/judged/0/validation_ref")
        .as_str()
        .unwrap()
        .to_owned();
    let sealed = env.json(&["encrypt", &id]);
    assert_eq!(sealed["judged_by"], json!([by]));
    assert!(
        env.swarm(&["unwrap", "-p", &by])
            .ok()
            .stdout
            .contains("SECRET")
    );
    // One more, for a person.
    let id = refs(&env, &["good 0.5"]).remove(0);
    let args = env.judged(&["filter", &id, "--evaluator", "score:x"]);
    let by = get(&env.json(&args), "/judged/0/validation_ref")
        .as_str()
        .unwrap()
        .to_owned();
    let shown = env.swarm(&["encrypt", &id]).ok().stdout;
    assert!(
        shown.contains(&format!("  swarm encrypt {by}\n")),
        "{shown}"
    );
    assert_eq!(env.json(&["encrypt", &by])["judged_by"], json!([]));
}

// It succeeded with nothing, and `score-list` kept everything, with a score of 0.
#[test]
fn a_run_whose_judges_print_nonsense_fails_and_so_does_such_a_step() {
    let env = Jury::of("echo nonsense");
    let refs = refs(&env, &["one", "two"]);
    for command in ["filter", "score-list"] {
        let args = env.judged(&[command, &refs[0], &refs[1], "--evaluator", "score:x"]);
        let outcome = env.swarm(&args).code(1);
        for part in ["could not be judged", "gave no verdict", "swarm inspect"] {
            assert!(outcome.stdout.contains(part), "{command}: {outcome:?}");
        }
    }
    let cat = json!({"command": ["cat"]});
    let definition = json!({
        "judge": {"agent": {"command": ["echo", "nonsense"]}},
        "agent": cat,
        "steps": [
            {"id": "sift", "filter": {"of": "one", "evaluator": "score:x"}, "on_fail": "mend"},
            "two",
            {"id": "mend", "prompt": "three"},
        ],
    });
    let report = env.json(&["pipeline", "run", &definition.to_string()]);
    assert_eq!(get(&report, "/steps/0/end"), "failed");
    assert_eq!(get(&report, "/steps/1/step_id"), "mend");
}
