//! What is said of definitions that are wrong.

use serde_json::json;
use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    types::TypeRegistry,
};
use swarm_pipeline::{Source, Surroundings, compile};

use crate::support::{Shelf, program, wrong};

/// What is wrong, without lines and columns.
fn places(text: &str) -> Vec<String> {
    let told = wrong(text).into_iter();
    told.map(|told| match told.strip_prefix("line ") {
        Some(rest) => rest.split_once(": ").unwrap().1.to_owned(),
        None => told,
    })
    .collect()
}

fn one(steps: &str) -> String {
    let told = places(&format!("{{\"steps\": {steps}}}"));
    assert_eq!(told.len(), 1, "{told:#?}");
    told[0].clone()
}

#[test]
fn all_mistakes_of_a_definition_are_told_at_once_in_the_order_of_the_text() {
    let text = r#"{
        "nmae": "x",
        "budget": -1,
        "deadline_seconds": 0,
        "classification": "sectret",
        "sandbox": "airgap",
        "governors": {"boss": {"model": "opus"}},
        "steps": [
            {"id": "a", "prompt": "x", "timeot": 5},
            {"id": "a", "prompt": "x", "tools": 7},
            {"id": "../b", "prompt": "x", "on_fail": {"governor": "bos"}},
            {"id": "shared", "prompt": "x", "next": "nowhere"},
            {"id": "c"},
            {"id": "d", "prompt": "x", "par": ["y"]},
            {"id": "e", "prompt": "x", "condition": "always"},
            {"id": "f", "prompt": "x", "sandbox": {"timeout": 0}},
            {"id": "g", "prompt": "x", "output_type": "code-reviw"},
            {"id": "h", "prompt": "x", "agent": "claud"},
            {"id": "i", "filter": {"of": "x", "evaluator": "judge it"}},
            {"id": "j", "pipeline": "releas"},
            {"id": "k", "prompt": "x", "max_retries": 1001},
            {"id": "l", "map": {"template": "x"}},
            {"id": "m", "prompt": "x", "retry_if": {"AGAIN": "z"}},
            {"id": "n", "guard": ["exist"]},
            {"id": "o", "prompt": ""},
            {"id": "p", "approve": "Fine?", "model": "opus"}
        ]
    }"#;
    let told = places(text);
    let expected = [
        "nmae: unknown field `nmae`; did you mean `name`?",
        "budget: it must be an amount of dollars",
        "deadline_seconds: it must be a number of seconds",
        "classification: \"sectret\" is not a classification level",
        "sandbox: there is no sandbox `airgap`",
        "governors.boss: it has no `spec`",
        "steps[0].timeot: unknown field `timeot`; did you mean `timeout`?",
        "steps[1].id: `a` is the id of steps[0] already",
        "steps[1].tools: expected a list of strings or a comma-separated string",
        "steps[2].id: a step cannot be called \"../b\"",
        "steps[2].on_fail.governor: there is no governor `bos`",
        "steps[3].id: a step cannot be called \"shared\": this is the folder that all steps share",
        "steps[3].next: there is no step `nowhere`",
        "steps[4]: nothing says what is to be done",
        "steps[5]: it is to be both `prompt` and `par`",
        "steps[6].condition: there is no condition \"always\"",
        "steps[7]: timeout: it must be more than zero seconds",
        "steps[8].output_type: there is no type `code-reviw`",
        "steps[9]: there is no agent kind `claud`",
        "steps[10].filter.evaluator: ",
        "steps[11].pipeline: there is no pipeline `releas`",
        "steps[12].max_retries: it must be a whole number from 0 to 1000",
        "steps[13].map: it has no `inputs`",
        "steps[14].retry_if.AGAIN: there is no step `z`",
        "steps[15].guard[0]: unknown check \"exist\"; did you mean `exists`?",
        "steps[16].prompt: it is empty",
        "steps[17].model: it has no effect here",
    ];
    for (told, expected) in told.iter().zip(expected) {
        assert!(
            told.starts_with(expected),
            "{told}\n instead of\n{expected}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn several_mistakes_have_a_code_of_their_own_and_a_single_one_has_its_own() {
    let shelf = Shelf::default();
    let code = |text: &str| {
        shelf
            .compile(&Source::text(text).unwrap())
            .unwrap_err()
            .code()
    };
    assert_eq!(code(r#"{"steps": [], "x": 1}"#), ErrorCode::InvalidPipeline);
    assert_eq!(
        code(r#"{"steps": [{"prompt": "a", "next": "b"}]}"#),
        ErrorCode::UnknownStep
    );
}

#[test]
fn a_diagnostic_is_json_with_its_place() {
    let source = Source::toml("[[steps]]\nprompt = \"a\"\nnext = \"step-1\"\n").unwrap();
    let error = Shelf::default().compile(&source).unwrap_err();
    assert_eq!(
        serde_json::to_value(&error).unwrap(),
        json!([{
            "code": "unknown_step", "place": "steps[0].next", "line": 3, "column": 8,
            "message": "there is no step `step-1`", "suggestion": "step-0"
        }])
    );
}

#[test]
fn what_could_not_be_read_brings_no_further_mistakes_with_it() {
    // The unknown sandbox counts once, however many agents would run in it.
    let told = wrong(r#"{"sandbox": "airgap", "steps": ["a", "b", {"prompt": "c"}]}"#);
    assert_eq!(told.len(), 1, "{told:#?}");
    let told =
        places(r#"{"sandbox": {"timeout": 0}, "steps": [{"prompt": "a"}, {"prompt": "b"}]}"#);
    assert_eq!(
        told,
        ["sandbox: timeout: it must be more than zero seconds"]
    );
    // A jump that leads nowhere might have led anywhere.
    let told = one(r#"[{"prompt": "a", "next": "x"}, {"id": "b", "prompt": "b"}]"#);
    assert!(told.contains("there is no step `x`"), "{told}");
}

#[test]
fn a_step_that_nothing_leads_to_is_a_mistake() {
    let told = one(
        r#"[{"id": "a", "prompt": "x", "next": "c"}, {"id": "b", "prompt": "x"}, {"id": "c", "prompt": "x"}]"#,
    );
    assert!(told.starts_with("steps[1]: nothing leads to `b`"), "{told}");
    // A governor may lead anywhere.
    program(
        r#"{"governors": {"g": {"spec": "x"}}, "steps": [
            {"id": "a", "prompt": "x", "next": "c", "on_fail": {"governor": "g"}},
            {"id": "b", "prompt": "x"}, {"id": "c", "prompt": "x"}]}"#,
    );
}

#[test]
fn a_step_that_is_left_out_every_time_is_a_mistake() {
    let told = one(r#"[{"prompt": "x"}, {"prompt": "y", "condition": "prev.error"}]"#);
    assert!(
        told.starts_with("steps[1]: it is left out every time"),
        "{told}"
    );
    // A failure that leads there, and a first step, which runs whatever its condition is.
    program(
        r#"{"steps": [{"prompt": "x", "on_fail": "step-1"}, {"prompt": "y", "condition": "prev.error"}]}"#,
    );
    program(r#"{"steps": [{"prompt": "x", "condition": "prev.error"}]}"#);
    // One that is left out leads on to the next.
    program(
        r#"{"steps": [{"id": "a", "prompt": "x", "on_fail": "b"}, {"id": "b", "prompt": "x", "condition": "prev.error"},
            {"id": "c", "prompt": "x"}]}"#,
    );
}

#[test]
fn a_circle_that_nothing_leads_out_of_is_a_mistake() {
    let told = one(
        r#"[{"id": "a", "prompt": "x", "next": "b"}, {"id": "b", "prompt": "x", "next": "a"}]"#,
    );
    assert!(
        told.starts_with("steps[0]: it goes round for ever, a \u{2192} b \u{2192} a, until `max_retries` is spent"),
        "{told}"
    );
    let told = one(r#"[{"id": "a", "prompt": "x", "next": "a", "on_fail": "a"}]"#);
    assert!(told.contains("a \u{2192} a"), "{told}");
    let told = one(
        r#"[{"id": "in", "prompt": "x"}, {"id": "a", "prompt": "x", "next": "a", "retry_if": {"K": "in"}}]"#,
    );
    assert!(told.contains("it goes round for ever"), "{told}");
    // A word may lead out, and so may a failure that does not end it.
    program(
        r#"{"steps": [{"id": "a", "prompt": "x", "next": "a", "retry_if": {"DONE": "b"}}, {"id": "b", "prompt": "x"}]}"#,
    );
    program(
        r#"{"steps": [{"id": "a", "prompt": "x", "next": "a", "on_fail": "b"}, {"id": "b", "prompt": "x"}]}"#,
    );
}

// From each step the whole ring was walked, and at each step of the way all steps before it were looked through.
#[test]
fn a_ring_of_two_thousand_steps_is_one_mistake() {
    let ring = |steps: usize| -> String {
        let step = |i: usize| {
            let next = (i + 1) % steps;
            format!(r#"{{"id": "s{i}", "prompt": "x", "next": "s{next}"}}"#)
        };
        format!("[{}]", (0..steps).map(step).collect::<Vec<_>>().join(","))
    };
    let told = one(&ring(2000));
    assert!(
        told.starts_with("steps[0]: it goes round for ever, s0 \u{2192} s1 \u{2192}")
            && told.contains("s9 \u{2192} \u{2026} \u{2192} s0, until"),
        "{told}"
    );
    one(&ring(18_000));
}

#[test]
fn two_circles_are_two_mistakes_and_what_leads_into_one_is_none() {
    let told = places(
        r#"{"steps": [{"id": "in", "prompt": "x", "retry_if": {"A": "c"}}, {"id": "b", "prompt": "x"}, {"id": "a", "prompt": "x", "next": "b"},
            {"id": "c", "prompt": "x", "next": "c"}]}"#,
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("steps[1]: ") && told[0].contains("b \u{2192} a \u{2192} b"),
        "{told:?}"
    );
    assert!(told[1].starts_with("steps[3]: "), "{told:?}");
}

#[test]
fn only_the_first_of_many_mistakes_say_what_was_probably_meant() {
    let step = |i: usize| format!(r#"{{"id": "step{i}", "prompt": "x", "on_fail": "stepp{i}"}}"#);
    let steps = (0..5000).map(step).collect::<Vec<_>>().join(",");
    let told = places(&format!(r#"{{"steps": [{steps}]}}"#));
    assert_eq!(told.len(), 5000);
    let suggested = told.iter().filter(|one| one.contains("did you mean"));
    assert_eq!(suggested.count(), 20);
}

#[test]
fn a_way_that_counts_only_without_a_decision_is_worth_a_second_look() {
    let text = r#"{"governors": {"g": {"spec": "Decide."}}, "steps": [
        {"id": "a", "prompt": "x", "on_success": {"governor": "g"}, "next": "c", "retry_if": {"AGAIN": "a"}},
        {"id": "b", "prompt": "x"}, {"id": "c", "prompt": "x", "next": "d"}, {"id": "d", "prompt": "x"}]}"#;
    let source = Source::json(&format!("\u{feff}{text}")).unwrap();
    let compiled = Shelf::default().compile(&source).unwrap();
    let warned: Vec<&str> = compiled
        .warnings
        .iter()
        .map(|one| one.place.as_str())
        .collect();
    assert_eq!(warned, ["steps[0].next", "steps[0].retry_if"]);
}

#[test]
fn a_jump_to_a_step_that_allows_none_is_a_mistake() {
    let told = one(
        r#"[{"id": "a", "prompt": "x", "on_fail": "b"}, {"id": "b", "prompt": "x", "max_retries": 0}]"#,
    );
    assert!(
        told.starts_with("steps[0].on_fail: no jump may lead to the step `b`"),
        "{told}"
    );
}

#[test]
fn ids_that_could_be_mistaken_for_something_else_are_refused() {
    for id in [
        "shared",
        "Shared",
        "7",
        "a.b",
        "a/b",
        "..",
        "-a",
        "_a",
        " ",
        "a b",
        "\u{e9}",
        "a\u{0}",
        &"x".repeat(61),
    ] {
        let steps = json!([{"id": id, "prompt": "x"}]);
        let told = one(&steps.to_string());
        assert!(told.starts_with("steps[0].id: "), "{id:?}: {told}");
    }
    for id in ["a", "A-b_c", "7a", &"x".repeat(60)] {
        program(&json!({"steps": [{"id": id, "prompt": "x"}]}).to_string());
    }
}

// An id with a line break made a line that looked like one more mistake, at a place of its choice.
#[test]
fn what_somebody_wrote_stays_in_its_line() {
    let forged = "a\n- line 9, column 9: steps[8].id: forged\r\u{1b}[2J\u{202e}\u{2028}";
    let near = &forged.replace("line 9", "line 8");
    let steps = [
        json!([{"id": forged, "prompt": "x"}, {"id": forged, "prompt": "x"}]),
        json!([{"prompt": "x", "next": forged}]),
        json!([{"id": forged, "prompt": "x"}, {"prompt": "x", "next": near}]),
        json!([{"id": forged, "prompt": "x", "max_retries": 0}, {"prompt": "x", "next": forged}]),
        json!([{"prompt": "x", "condition": forged}, {"prompt": "x", "on_fail": {"governor": forged}}]),
        json!([{"prompt": "x", "sandbox": forged, "input_type": forged, "output_type": forged}]),
        json!([{"prompt": "x", "agent": forged, "model": forged}, {"pipeline": forged}]),
        json!([{forged: 1, "prompt": "x"}, {"score": {"refs": [forged], "by": forged}}]),
    ];
    for steps in steps {
        for told in wrong(&json!({"steps": steps}).to_string()) {
            let is_odd = |c: char| c.is_control() || "\u{202e}\u{2028}".contains(c);
            assert!(!told.contains(is_odd), "{told:?}");
        }
    }
    let told = places("'a\u{1b}' = 1\n'a\u{1b}' = 2\n");
    assert!(told.iter().all(|told| !told.contains('\u{1b}')), "{told:?}");
}

#[test]
fn max_retries_says_how_many_there_may_be() {
    for number in ["-1", "1001", "1.5", "4294967296"] {
        let told = one(&format!(r#"[{{"prompt": "x", "max_retries": {number}}}]"#));
        assert_eq!(
            told,
            "steps[0].max_retries: it must be a whole number from 0 to 1000"
        );
    }
    program(r#"{"steps": [{"prompt": "x", "max_retries": 1000}]}"#);
}

#[test]
fn amounts_that_are_none_are_refused() {
    for (key, toml) in [
        ("budget", "nan"),
        ("budget", "inf"),
        ("budget", "-0.0"),
        ("budget", "0"),
        ("budget", "1e10"),
        ("budget", "\"5\""),
        ("budget", "2026-01-01"),
        ("deadline_seconds", "-1"),
        ("deadline_seconds", "nan"),
        ("deadline_seconds", "1e12"),
        ("deadline_seconds", "[]"),
        ("governor_beam", "0"),
        ("governor_beam", "1.5"),
    ] {
        let told = places(&format!("{key} = {toml}\n[[steps]]\nprompt = \"a\"\n"));
        assert_eq!(told.len(), 1, "{key} = {toml}: {told:?}");
        assert!(told[0].starts_with(&format!("{key}: ")), "{told:?}");
    }
}

#[test]
fn a_pipeline_that_contains_itself_is_told_so_and_not_followed() {
    let inner = |name: &str| format!("{{\"steps\": [{{\"pipeline\": \"{name}\"}}]}}");
    let shelf = Shelf {
        pipelines: vec![
            ("a", inner("b")),
            ("b", inner("a")),
            ("fine", r#"{"steps": [{"prompt": "x"}]}"#.to_owned()),
        ],
        ..Shelf::default()
    };
    let told = shelf.wrong(&inner("a"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("a pipeline cannot contain itself: `a` \u{2192} `b` \u{2192} `a`"),
        "{told:?}"
    );
    let own = Source::json(&inner("own")).unwrap().named("own");
    let error = shelf.compile(&own).unwrap_err();
    assert_eq!(error.code(), ErrorCode::RecursivePipeline);
    let twice = r#"{"steps": [{"pipeline": "fine"}, {"pipeline": "fine"}]}"#;
    assert_eq!(shelf.program(twice).steps.len(), 2);
}

#[test]
fn pipelines_that_double_each_other_do_not_grow_without_bound() {
    const NAMES: [&str; 40] = [
        "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",
        "p14", "p15", "p16", "p17", "p18", "p19", "p20", "p21", "p22", "p23", "p24", "p25", "p26",
        "p27", "p28", "p29", "p30", "p31", "p32", "p33", "p34", "p35", "p36", "p37", "p38", "p39",
    ];
    let mut pipelines = vec![("p0", r#"{"steps": [{"prompt": "x"}]}"#.to_owned())];
    for pair in NAMES.windows(2) {
        let text = format!(
            "{{\"steps\": [{{\"pipeline\": \"{0}\"}}, {{\"pipeline\": \"{0}\"}}]}}",
            pair[0]
        );
        pipelines.push((pair[1], text));
    }
    let shelf = Shelf {
        pipelines,
        ..Shelf::default()
    };
    let told = shelf.wrong(r#"{"steps": [{"pipeline": "p39"}]}"#);
    assert!(
        told.iter()
            .any(|told| told.contains("more than 20000 works")),
        "{told:?}"
    );
}

// Each of these took seconds, since everything was read, looked up and checked before anybody counted.
#[test]
fn what_is_too_large_is_told_alone_with_its_number_and_nothing_of_it_is_read() {
    let shelf = Shelf::default();
    let one = |text: &str| {
        let told = shelf.wrong(text);
        assert_eq!(told.len(), 1, "{:?}", told.first());
        told.into_iter().next().unwrap()
    };
    // Each of these steps has a mistake of its own.
    let steps = vec![r#"{"promt": "x"}"#; 100_000].join(",");
    let told = one(&format!("{{\"steps\": [{steps}]}}"));
    assert!(told.contains("it has 100000 steps and works"), "{told}");
    assert!(told.contains("at most 20000"), "{told}");

    let par = vec![r#""x""#; 15_000].join(",");
    let told = one(&format!(
        "{{\"steps\": [{{\"par\": [{par}]}}, {{\"chain\": [{{\"race\": [{par}]}}]}}]}}"
    ));
    assert!(told.contains("it has 30003 steps and works"), "{told}");

    let inputs = vec!["1"; 200_001].join(",");
    let map = format!("{{\"map\": {{\"template\": \"{{input}}\", \"inputs\": [{inputs}]}}}}");
    let told = one(&format!("{{\"steps\": [\"x\", {map}]}}"));
    assert!(told.contains("steps[1].map.inputs"), "{told}");
    assert!(told.contains("200001 items, and at most 200000"), "{told}");
}

#[test]
fn lists_in_what_is_no_work_are_not_counted_as_work() {
    let many = vec!["1"; 20_001].join(",");
    let text = format!(
        "{{\"steps\": [{{\"prompt\": \"x\", \"output_schema\": {{\"enum\": [1], \"examples\": [{{\"steps\": [{many}]}}]}}}}]}}"
    );
    drop(program(&text));
}

#[test]
fn what_is_wrong_in_another_pipeline_is_told_with_its_name_and_its_line() {
    let shelf = Shelf {
        pipelines: vec![("inner", "{\n \"steps\": [{\"promt\": \"x\"}]}".to_owned())],
        ..Shelf::default()
    };
    assert_eq!(
        shelf.wrong(r#"{"steps": [{"pipeline": "inner"}, {"pipeline": "inner"}]}"#),
        [
            "pipeline `inner`: line 2, column 22: steps[0].promt: unknown field `promt`; did you mean `prompt`?"
        ]
    );
}

#[test]
fn a_field_that_is_there_twice_is_a_mistake() {
    let told = places(r#"{"steps": [{"prompt": "a", "prompt": "b"}]}"#);
    assert_eq!(
        told,
        ["steps[0].prompt: `prompt` is there twice, and only one could count"]
    );
}

#[test]
fn a_warning_is_no_mistake() {
    let text = r#"{"budget": 0.01, "governors": {"g": {"spec": "x"}}, "steps": [{"prompt": "x", "timeout": 600}]}"#;
    let source = Source::text(text).unwrap();
    let compiled = Shelf::default().compile(&source).unwrap();
    let warnings: Vec<String> = compiled.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("no step asks the governor `g`"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].contains("which is more than the budget"),
        "{warnings:?}"
    );
}

#[test]
fn a_secret_is_not_in_what_is_told() {
    let told = wrong(
        r#"{"sandbox": "{\"env_vars\": {\"TOKEN\": 7001}}", "steps": [
        {"prompt": "x", "env_vars": ["canary-7001"]}, {"prompt": "x", "env_vars": "{\"T\": canary-7001"}]}"#,
    );
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(!format!("{told:?}").contains("7001"), "{told:?}");
}

#[test]
fn a_step_without_work_is_a_mistake_whatever_else_it_says() {
    for field in [
        r#""on_fail": "b""#,
        r#""retry_if": {"K": "b"}"#,
        r#""next": "b""#,
        r#""model": "haiku""#,
    ] {
        let text =
            format!(r#"{{"steps": [{{"id": "a", {field}}}, {{"id": "b", "prompt": "x"}}]}}"#);
        let source = Source::json(&text).unwrap();
        let wrong = Shelf::default().compile(&source).unwrap_err();
        assert!(
            wrong
                .to_string()
                .contains("nothing says what is to be done"),
            "{field}: {wrong}"
        );
    }
}

#[test]
fn an_agent_that_nobody_chose_is_a_mistake_unless_a_sandbox_that_is_not_there_might_have() {
    let shelf = Shelf::default();
    let types = TypeRegistry::default();
    let around = Surroundings::new(&shelf, &types).with_agent(None);
    let told = |definition: serde_json::Value| {
        let wrong = compile(&Source::value(&definition), &around).unwrap_err();
        wrong.iter().map(|one| one.code).collect::<Vec<_>>()
    };
    let steps = json!([{"prompt": "a"}, {"prompt": "b", "agent": "codex"}]);
    assert_eq!(told(json!({"steps": steps})), [ErrorCode::UnknownAgent]);
    assert_eq!(
        told(json!({"sandbox": "airgap", "steps": steps})),
        [ErrorCode::UnknownSandbox]
    );
}

#[test]
fn what_several_agents_have_in_common_is_wrong_once() {
    for common in ["sandbox", "timeout"] {
        let value = match common {
            "sandbox" => json!({"timeout": 0}),
            _ => json!(0),
        };
        let steps = json!([{"par": ["a", "b"], common: value}]);
        let told = one(&steps.to_string());
        assert!(told.starts_with("steps[0]: "), "{told}");
    }
}

#[test]
fn what_only_a_step_for_errors_leads_to_is_come_to_after_an_error() {
    let steps = json!([
        {"id": "a", "prompt": "x", "on_fail": "mend", "next": "end"},
        {"id": "rescue", "prompt": "x", "next": "end"},
        {"id": "mend", "prompt": "x", "condition": "prev.error", "on_fail": "rescue", "next": "end"},
        {"id": "end", "prompt": "x"},
    ]);
    program(&json!({"steps": steps}).to_string());
    // After a success it is left out, and what it leads to, too.
    let mut never = steps;
    never[0] = json!({"id": "a", "prompt": "x", "next": "mend"});
    let told = places(&json!({"steps": never}).to_string());
    assert!(
        told[0].starts_with("steps[1]: nothing leads to `rescue`"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("steps[2]: it is left out every time"),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
}

#[test]
fn a_governor_that_is_not_there_is_told_with_the_nearest_of_the_definition() {
    let source = json!({
        "governors": {"boss": {"spec": "Decide."}},
        "steps": [{"prompt": "x", "on_fail": {"governor": "bos"}}],
    });
    let wrong = Shelf::default()
        .compile(&Source::value(&source))
        .unwrap_err();
    let told: Vec<_> = wrong
        .iter()
        .map(|one| (one.code, one.suggestion.as_deref()))
        .collect();
    assert_eq!(told, [(ErrorCode::UnknownGovernor, Some("boss"))]);
}
