//! `swarm beam`

use serde_json::json;

use super::{COUNT, Jury, found, get, refused};
use crate::common::TestEnvironment;

#[test]
fn the_best_of_a_beam_wins_and_names_the_others() {
    let env = Jury::new();
    let counter = env.work().display().to_string();
    let agent =
        format!("{COUNT} case $i in 3) echo no >&2; exit 4;; *) echo good 0.$((i*3+1));; esac");
    let args = env.judged(&[
        "beam",
        "Do it.",
        "--width",
        "4",
        "--evaluator",
        "validate:something good",
        "--",
        "sh",
        "-c",
        &agent,
        &counter,
    ]);
    let report = env.json(&args);
    assert_eq!(
        (get(&report, "/width"), get(&report, "/budget_exhausted")),
        (&json!(4), &json!(false))
    );
    let winner = get(&report, "/winner").clone();
    let text = env
        .swarm(&["unwrap", "-p", winner["ref"].as_str().unwrap()])
        .ok()
        .stdout;
    assert_eq!(text, "good 0.7\n");
    assert_eq!(winner["search"]["pruned"], false);
    assert_eq!(
        winner["search"]["alternatives"].as_array().unwrap().len(),
        2
    );
    assert_eq!(get(&report, "/winner_reason"), "more than 0.7");
    let reason = get(&report, "/alternatives/0/search/prune_reason")
        .as_str()
        .unwrap();
    assert_eq!(reason, "beam cut at rank 1: more than 0.4");
    let scores = report["scores"].as_array().unwrap();
    assert_eq!(scores.len(), 4);
    assert_eq!(scores[3]["reason"], "agent error: no");
    assert_eq!(scores[3]["score"], json!(0.0));
    let kept = found(&env, winner["ref"].as_str().unwrap());
    assert_eq!(kept["search"]["beam_rank"], 0);
    assert_eq!(kept["validation_verdict"], "PARTIAL");
}

#[test]
fn a_beam_without_anything_good_fails_and_names_each_candidate() {
    let env = Jury::new();
    let args = env.judged(&[
        "beam",
        "good 0",
        "--width",
        "2",
        "--no-losers",
        "--json",
        "--",
        "cat",
    ]);
    let report = env.swarm(&args).code(1).value();
    assert_eq!(
        get(&report, "/error"),
        "All beam candidates failed or scored 0"
    );
    assert_eq!(get(&report, "/candidates").as_array().unwrap().len(), 2);
    assert!(report.get("winner").is_none());
    let dead = env.judged(&[
        "beam",
        "x",
        "--width",
        "2",
        "--json",
        "--",
        "sh",
        "-c",
        "echo no >&2; exit 3",
    ]);
    let report = env.swarm(&dead).code(1).value();
    assert_eq!(get(&report, "/candidates/1/error"), "no");
    assert_eq!(get(&report, "/total_cost"), &json!(0.0));
}

#[test]
fn a_beam_whose_budget_is_spent_keeps_the_best_so_far() {
    let env = Jury::new();
    // A program that says what it may cost is counted with that, since it does not say what it did cost.
    let args = env.judged(&[
        "beam",
        "good 0.5",
        "--width",
        "3",
        "--budget",
        "2.5",
        "--max-budget",
        "1",
        "--",
        "cat",
    ]);
    let report = env.json(&args);
    assert_eq!(get(&report, "/budget_exhausted"), &json!(true));
    assert_eq!(get(&report, "/total_cost"), &json!(2.0));
    assert!(get(&report, "/winner/ref").is_string());
    assert_eq!(
        get(&report, "/winner/search/prune_reason"),
        "budget exhausted (best-so-far)"
    );
    let last = get(&report, "/scores/2/reason").as_str().unwrap();
    assert!(last.contains("budget exhausted"), "{last}");
}

#[test]
fn a_beam_that_makes_no_sense_is_refused_before_anything_is_paid() {
    refused(&[
        (&["beam", "x", "--width", "0", "--", "cat"], "at least 1"),
        (
            &["beam", "x", "--evaluator", "exec", "--", "cat"],
            "is not an evaluator",
        ),
    ]);
}

#[test]
fn a_cached_beam_has_as_many_results_as_candidates() {
    let env = Jury::new();
    let counter = env.work().display().to_string();
    let agent = format!("{COUNT} echo good 0.$((i+1))");
    let args = env.judged(&[
        "beam", "x", "--width", "3", "--cache", "--", "/bin/sh", "-c", &agent, &counter,
    ]);
    let refs = |report: &serde_json::Value| {
        let losers = report["alternatives"].as_array().unwrap().clone();
        let all = losers.iter().chain([&report["winner"]]);
        let ids = all.map(|found| found["ref"].as_str().unwrap().to_owned());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    let first = refs(&env.json(&args));
    assert_eq!(first.len(), 3);
    assert_eq!(refs(&env.json(&args)), first);
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 3);
}

#[test]
fn all_that_is_wrong_with_a_beam_is_said_at_once() {
    let env = TestEnvironment::new();
    let beam = ["beam", "x", "--evaluator", "wrong", "--agent", "cloude"];
    drop(env.swarm(&beam).code(2).says(&[
        "2 things are wrong",
        "`claude`?",
        "is not an evaluator",
    ]));
}
