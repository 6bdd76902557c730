//! `swarm iterate`

use serde_json::{Value, json};

use super::{COUNT, Jury, get, refused};

#[test]
fn an_iteration_tells_what_to_mend_and_ends_when_it_is_good_enough() {
    let env = Jury::new();
    let counter = env.work().display().to_string();
    let agent = format!(
        "{COUNT} cat; case $i in 0) echo good 0.4;; 1) echo nothing >&2; exit 1;; 2) echo good 0.3;; *) echo good 0.9;; esac"
    );
    let args = env.judged(&[
        "iterate",
        "THE TASK",
        "--target-type",
        "something good",
        "--",
        "sh",
        "-c",
        &agent,
        &counter,
    ]);
    let report = env.json(&args);
    assert_eq!(get(&report, "/halted_because"), "success_threshold");
    assert_eq!(get(&report, "/iterations"), 4);
    assert_eq!(
        (get(&report, "/best_iteration"), get(&report, "/best_score")),
        (&json!(4), &json!(0.9))
    );
    assert_eq!(get(&report, "/target_type"), "something good");
    assert_eq!(get(&report, "/attempts/1/error"), "agent error: nothing");
    assert_eq!(get(&report, "/attempts/1/verdict"), "UNKNOWN");
    assert_eq!(get(&report, "/best_ref/validation_score"), &json!(0.9));
    // The prompt of the last attempt, which its text begins with.
    let text = env
        .swarm(&[
            "unwrap",
            "-p",
            get(&report, "/best_ref/ref").as_str().unwrap(),
        ])
        .ok()
        .stdout;
    for told in [
        "# Output Type\nYou must produce: something good",
        "# Prior attempts\nThis was tried before. The best score so far is 0.40",
        "## Attempt 1 \u{2014} score 0.40\nOutput:\n",
        "Issues to fix:\n- more than 0.4",
        "## Attempt 2 \u{2014} score 0.00\nIssues to fix:\n- ",
        "# Your task (iteration 4)\n",
        "THE TASK",
    ] {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
}

#[test]
fn an_iteration_ends_for_each_reason_there_is() {
    let env = Jury::new();
    let run = |more: &[&str], agent: &[&str], code: i32| {
        let fixed = env.judged(&["iterate", "x", "--json", "--evaluator", "score:good"]);
        let args = [&fixed[..], more, &["--"], agent].concat();
        env.swarm(&args).code(code).value()
    };
    let half = ["echo", "good 0.5"];
    let patient = run(&["--patience", "2"], &half, 0);
    assert_eq!(
        (
            get(&patient, "/halted_because"),
            get(&patient, "/iterations")
        ),
        (&json!("patience_exhausted"), &json!(3))
    );
    assert_eq!(get(&patient, "/best_iteration"), 1);
    let most = run(&["--max-iterations", "2", "--patience", "9"], &half, 0);
    assert_eq!(
        (get(&most, "/halted_because"), get(&most, "/iterations")),
        (&json!("max_iterations"), &json!(2))
    );
    let poor = run(&["--budget", "2", "--max-budget", "1"], &half, 0);
    assert_eq!(
        (get(&poor, "/halted_because"), get(&poor, "/iterations")),
        (&json!("budget_exhausted"), &json!(2))
    );
    assert_eq!(get(&poor, "/total_cost"), &json!(2.0));
    let late = run(
        &["--max-wall-time", "1s", "--patience", "9"],
        &["sh", "-c", "echo good 0.5; sleep 0.6"],
        0,
    );
    assert_eq!(get(&late, "/halted_because"), "wall_time_exhausted");
    let low = run(&["--success-threshold", "0.5"], &half, 0);
    assert_eq!(
        (get(&low, "/halted_because"), get(&low, "/iterations")),
        (&json!("success_threshold"), &json!(1))
    );
    // Nothing good is a failure, whoever is to blame.
    let bad = run(&["--max-iterations", "1"], &["echo", "good 0"], 1);
    assert_eq!(get(&bad, "/error"), "No iteration made anything good");
    assert_eq!(get(&bad, "/best_ref"), &Value::Null);
    let dead = run(&["--patience", "2"], &["echo", "dead"], 1);
    assert_eq!(get(&dead, "/halted_because"), "patience_exhausted");
    let said = get(&dead, "/attempts/0/error").as_str().unwrap();
    assert!(said.starts_with("evaluator error: no judge"), "{said}");
}

#[test]
fn iterations_that_make_no_sense_are_refused_before_anything_is_paid() {
    refused(&[
        (&["iterate", "x", "--", "cat"], "--target-type TYPE"),
        (&["iterate", "x", "--", "cat"], "or --evaluator"),
        (
            &[
                "iterate",
                "x",
                "--evaluator",
                "score:x",
                "--success-threshold",
                "1.1",
                "--",
                "cat",
            ],
            "1.1 is not a score",
        ),
        (
            &[
                "iterate",
                "x",
                "--evaluator",
                "score:x",
                "--success-threshold",
                "NaN",
                "--",
                "cat",
            ],
            "NaN is not a score",
        ),
        (
            &[
                "iterate",
                "x",
                "--evaluator",
                "score:x",
                "--patience",
                "0",
                "--",
                "cat",
            ],
            "at least 1",
        ),
        (
            &[
                "iterate",
                "x",
                "--evaluator",
                "score:x",
                "--max-iterations",
                "0",
                "--",
                "cat",
            ],
            "at least 1",
        ),
        (
            &["iterate", "x", "--target-type", "no-such-type", "--", "cat"],
            "there is no type",
        ),
    ]);
}

#[test]
fn an_iteration_that_nobody_can_judge_stops_and_names_the_judge() {
    let env = Jury::of_program(&["./no-such-judge"]);
    let args = env.judged(&[
        "iterate",
        "x",
        "--evaluator",
        "score:x",
        "--json",
        "--",
        "echo",
        "done",
    ]);
    let report = env.swarm(&args).code(1).value();
    assert_eq!(get(&report, "/halted_because"), "evaluator_unavailable");
    assert_eq!(get(&report, "/iterations"), 1);
    let said = get(&report, "/attempts/0/error").as_str().unwrap();
    assert!(
        said.starts_with("evaluator error: ") && said.contains("no-such-judge"),
        "{said}"
    );
}
