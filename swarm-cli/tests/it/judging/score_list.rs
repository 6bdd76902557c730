//! `swarm score-list`

use serde_json::{Value, json};

use super::{Jury, found, get, refs, refused};
use crate::common::TestEnvironment;

#[test]
fn a_ref_that_is_gone_and_one_without_text_lose_nobody_else() {
    let env = Jury::new();
    let refs = refs(&env, &["good 1"]);
    let silent = env.json(&["run", "x", "--", "true"]);
    let silent = silent["ref"].as_str().unwrap();
    let args = env.judged(&[
        "score-list",
        "gone/agent-0",
        silent,
        &refs[0],
        "--evaluator",
        "score:goodness",
    ]);
    let report = env.json(&args);
    assert_eq!(get(&report, "/ranked/0/ref"), &json!(refs[0]));
    assert_eq!(get(&report, "/total"), 3);
    for (i, said) in [(1, "gone/agent-0"), (2, "has empty text")] {
        let one = get(&report, &format!("/ranked/{i}")).clone();
        assert_eq!(one["verdict"], "UNKNOWN");
        assert_eq!(one["validation_ref"], Value::Null);
        assert!(one["issues"][0].as_str().unwrap().contains(said), "{one}");
    }
    // Nobody was paid for judging nothing.
    let run = get(&report, "/run_id").as_str().unwrap();
    let all = env.json(&["refs", "--run", run]);
    assert_eq!(
        all["ref"].as_str(),
        Some(format!("{run}/score-2").as_str()),
        "{all}"
    );
    let lost = env.swarm(&env.judged(&["filter", "gone/agent-0", "--evaluator", "score:x"]));
    drop(lost.code(1).says(&["gone/agent-0", "[ref_not_found]"]));
}

#[test]
fn a_list_is_ordered_by_score_and_cut() {
    let env = Jury::new();
    let refs = refs(&env, &["good 0.2", "good 0.9", "good 0.4", "good 0.9 too"]);
    let mut args = env.judged(&["score-list"]);
    args.extend(refs.iter().map(String::as_str));
    args.extend(["--evaluator", "score:goodness", "--top-k", "2"]);
    let report = env.json(&args);
    // Of equals, the earlier one is first.
    assert_eq!(get(&report, "/winners"), &json!([refs[1], refs[3]]));
    let pruned: Vec<_> = report["ranked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["pruned"].clone())
        .collect();
    assert_eq!(pruned, [false, false, true, true]);
    let stamp = found(&env, &refs[2])["search"].clone();
    assert_eq!(
        (&stamp["beam_rank"], &stamp["pruned"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(stamp["evaluator"], "score:goodness");
    assert_eq!(found(&env, &refs[1])["search"]["score"], json!(0.9));
}

#[test]
fn a_command_judges_in_the_runtime_and_finds_the_artifact_in_a_file() {
    let env = TestEnvironment::new();
    let refs = refs(&env, &["```sh\necho fine\n```", "if then", "true; exit 3"]);
    let mut args = vec!["score-list"];
    args.extend(refs.iter().map(String::as_str));
    args.extend(["--evaluator", "exec:sh -n {artifact} && sh \"$ARTIFACT\""]);
    let report = env.json(&args);
    assert_eq!(
        get(&report, "/ranked/0/ref"),
        &json!(refs[0]),
        "its fence is no part of it"
    );
    assert_eq!(get(&report, "/ranked/0/verdict"), "VALID");
    assert_eq!(get(&report, "/ranked/1/verdict"), "INVALID");
    let issue = get(&report, "/ranked/1/issues/0").as_str().unwrap();
    assert!(issue.to_lowercase().contains("syntax error"), "{issue}");
    assert_eq!(
        get(&report, "/ranked/2/issues/0"),
        "the command failed and did not say why"
    );
    // A command that takes too long says nothing for what it judges.
    let slow = [
        "filter",
        &refs[0],
        "--evaluator",
        "exec:exec sleep 60",
        "--judge-timeout",
        "300ms",
    ];
    let report = env
        .swarm(&[&slow[..], &["--json"]].concat())
        .code(3)
        .value();
    assert_eq!(get(&report, "/judged/0/verdict"), "UNKNOWN");
    let issue = get(&report, "/judged/0/issues/0").as_str().unwrap();
    assert!(issue.contains("timed out"), "{issue}");
}

#[test]
fn a_command_that_could_not_judge_says_nothing_and_one_that_objects_has_not_failed() {
    let env = TestEnvironment::new();
    let id = refs(&env, &["text"]).remove(0);
    for (command, said) in [
        ("exec:echo why >&2; exit 127", "not found (status 127): why"),
        ("exec:/dev/null", "cannot be run (status 126)"),
        ("exec:kill -9 $$", "killed by signal 9"),
    ] {
        let args = ["score-list", &id, "--evaluator", command, "--json"];
        let report = env.swarm(&args).code(1).value();
        assert_eq!(get(&report, "/ranked/0/verdict"), "UNKNOWN", "{command}");
        let issue = get(&report, "/ranked/0/issues/0").as_str().unwrap();
        assert!(issue.contains(said), "{issue}");
    }
    let shown = env
        .swarm(&["score-list", &id, "--evaluator", "exec:exit 255"])
        .ok()
        .stdout;
    assert!(shown.contains("1 succeeded, 0 failed"), "{shown}");
    let [heading, row] = shown.lines().take(2).collect::<Vec<_>>()[..] else {
        panic!("{shown}")
    };
    assert_eq!(heading.find("SCORE"), row.find("0.00"), "{shown}");
}

#[test]
fn the_texts_of_a_ranking_are_printed_in_its_order_and_none_is_judged_twice() {
    let env = Jury::new();
    let refs = refs(&env, &["good 0.2", "good 0.9", "good 0.5"]);
    let mut args = env.judged(&["score-list"]);
    args.extend(refs.iter().chain(&refs).map(String::as_str));
    args.extend(["--evaluator", "score:x"]);
    args.extend(["--top-k", "2"]);
    assert_eq!(get(&env.json(&args), "/total"), 3);
    args.extend(["--text", "-q"]);
    assert_eq!(env.swarm(&args).ok().stdout, "good 0.9\ngood 0.5");
}

#[test]
fn a_list_that_makes_no_sense_is_refused_before_anything_is_paid() {
    refused(&[
        (
            &["score-list", "r/a", "--evaluator", "exec:"],
            "`exec:` needs a shell command",
        ),
        (
            &["score-list", "r/a", "--evaluator", "score:x", "--top-k=-1"],
            "--top-k",
        ),
        (
            &["score-list", "r/a", "--evaluator", "exec:echo {input}"],
            "\"$INPUT\"",
        ),
    ]);
}
