//! `swarm hunt`

use serde_json::{Value, json};

use super::{Jury, found, get, refused};
use crate::common::TestEnvironment;

#[test]
fn a_hunt_fetches_plans_judges_and_merges_what_it_found() {
    let env = Jury::new();
    let strategies = json!([
        {"name": "listed", "planner_template": "good {input}", "rubric": "score:x", "seeds": ["0.2", "0.8", "0.4"], "top_k": 2},
        {"name": "fetched", "planner_template": "good {input}", "rubric": "score:x", "fetcher_prompt": "[\"0.5\", \"0.9; more\"]"},
        {"name": "lost", "planner_template": "good {input}", "rubric": "score:x", "fetcher_prompt": "nothing to be found"},
        {"name": "checked", "planner_template": "{input}", "rubric": "exec:grep -q 1", "seeds": ["1", "2"]},
    ]);
    env.write("hunt.json", &strategies.to_string());
    let args = env.judged(&["hunt", "@hunt.json", "--top-k-global", "4", "--", "cat"]);
    let report = env.json(&args);
    let leaders: Vec<_> = report["leaderboard"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| {
            (
                l["strategy"].as_str().unwrap(),
                l["score"].as_f64().unwrap(),
                l["seed_preview"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        leaders,
        [
            ("checked", 1.0, "1"),
            ("fetched", 0.9, "0.9; more"),
            ("listed", 0.8, "0.8"),
            ("fetched", 0.5, "0.5")
        ]
    );
    assert_eq!(get(&report, "/strategies/0/seeds_count"), 3);
    assert_eq!(get(&report, "/strategies/1/plans_count"), 2);
    let error = get(&report, "/strategies/2/error").as_str().unwrap();
    assert!(error.starts_with("fetcher failed: "), "{error}");
    assert_eq!(get(&report, "/strategies/2/winner_ref"), &Value::Null);
    assert_eq!(get(&report, "/strategy_details/0/ranked/2/pruned"), true);
    assert_eq!(
        get(&report, "/strategy_details/0/ranked/0/seed_preview"),
        "0.8"
    );
    let best = get(&report, "/leaderboard/1/ref").as_str().unwrap();
    assert_eq!(found(&env, best)["search"]["beam_rank"], 0);
    let shown = env.swarm(&args).ok().stdout;
    assert!(shown.contains("lost: 0 seeds, 0 results"), "{shown}");
}

#[test]
fn a_hunt_that_makes_no_sense_is_refused_before_anything_is_paid() {
    refused(&[
        (&["hunt", "[]", "--", "cat"], "strategies list is empty"),
        (
            &["hunt", "[{\"name\": \"a\"}]", "--", "cat"],
            "strategies[0] missing 'planner_template'",
        ),
    ]);
}

#[test]
fn all_that_is_wrong_with_a_hunt_is_said_at_once() {
    let env = TestEnvironment::new();
    let strategies = json!([
        {"name": "a", "planner_template": "p", "rubrik": "score:x", "seeds": []},
        {"name": "a", "planner_template": "p", "rubric": "wrong", "fetcher_prompt": "list", "topk": 1},
    ]);
    let outcome = env
        .swarm(&["hunt", &strategies.to_string(), "--", "cat"])
        .code(2);
    drop(outcome.says(&[
        "5 things are wrong",
        "missing 'rubric'; is `rubrik`",
        "seeds: expected a list",
        "another one has this name",
        "unknown field `topk`; did you mean `top_k`?",
        "is not an evaluator",
    ]));
}

#[test]
fn a_rubric_finds_the_seed_and_the_texts_of_a_hunt_are_those_of_its_leaderboard() {
    let env = TestEnvironment::new();
    let rubric = "exec:echo \"got <$INPUT>\"; test \"$INPUT\" = b";
    let listed = json!(["a", "b"]);
    for (seeds, fetcher, is_both) in [
        (listed.clone(), Value::Null, false),
        (Value::Null, json!(r#"["a", "b"]"#), false),
        (listed, json!("x"), true),
    ] {
        let strategies = json!([{"name": "x", "planner_template": "p {input}", "rubric": rubric,
            "seeds": seeds, "fetcher_prompt": fetcher}]);
        let strategies = strategies.to_string();
        let args = ["hunt", &strategies, "--json", "--", "cat"];
        let shown = env.swarm(&args).ok();
        let warned = shown.stderr.contains("its `fetcher_prompt` is not asked");
        assert_eq!(warned, is_both, "{}", shown.stderr);
        let report = shown.value();
        assert_eq!(get(&report, "/leaderboard/0/seed_preview"), "b");
        assert_eq!(get(&report, "/leaderboard/0/verdict"), "VALID");
        assert_eq!(get(&report, "/leaderboard/1/issues/0"), "got <a>");
        let args = ["hunt", &strategies, "--text", "-q", "--", "cat"];
        assert_eq!(env.swarm(&args).ok().stdout, "p b\np a");
    }
}
