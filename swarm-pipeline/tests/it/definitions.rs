//! Definitions to start from, and random changes of them.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Definitions that compile, with every key and every kind of work.
pub(crate) fn valid() -> Vec<Value> {
    let kinds = json!({
        "name": "kinds", "description": "All of them.", "agent": "claude", "judge": {"model": "sonnet"},
        "sandbox": {"network": {"allow": ["a.example"]}, "env_vars": {"TOKEN": "secret"}},
        "budget": 100, "deadline_seconds": 3600.5, "classification": {"level": "internal", "denied_mcps": ["mail"]},
        "sandboxes": {"off": {"network": false, "tools": "Read"}}, "governor_beam": 2,
        "governors": {"g": {"spec": "Decide.", "description": "x", "model": "haiku", "beam_width": 3},
                      "own": {"spec": "Decide.", "agent": {"command": ["decide"]}}},
        "steps": [
            {"id": "one", "prompt": "a", "tools": ["Read"], "on_success": {"governor": "g"}, "on_fail": {"governor": "own", "beam_width": 1}},
            {"id": "side", "par": {"tasks": ["a", {"prompt": "b", "sandbox": "off"}], "max_concurrency": 1}, "on_fail": "mend"},
            {"chain": ["a", {"race": ["b", {"prompt": "c", "agent": {"command": ["c", "{input}"]}}]}], "model": "opus"},
            {"id": "many", "map": {"template": "x {input}", "inputs": ["a", 7, {"b": null}]}, "retry_if": {"Z": "one", "A": "side"}},
            {"id": "both", "map_reduce": {"template": {"chain": ["x", "y"]}, "inputs": ["a"], "synthesis": "z"}},
            {"id": "sum", "reduce": {"synthesis": "z", "of": "x", "inputs": ["text", {"ref": "run/agent-0"}]}},
            {"id": "again", "retry": {"of": "x", "max_attempts": 2, "declared_type": "code-review", "judge": "off"}},
            {"id": "keep", "filter": {"of": {"par": ["a", "b"]}, "declared_type": "A list of findings."}},
            {"id": "valid", "validate": {"of": "x", "declared_type": "code-review"}},
            {"id": "best", "beam": {"of": "x", "width": 2, "evaluator": "score:clarity", "keep_losers": false, "budget": 2}},
            {"id": "round", "iterate": {"of": "x", "evaluator": "exec:test -s x", "max_iterations": 3, "success_threshold": 1,
                "patience": 1, "max_budget": 1, "max_wall_time": 60}},
            {"id": "order", "score_list": {"refs": ["run/agent-0"], "evaluator": "validate:code-review", "top_k": 1}},
            {"id": "search", "hunt": {"strategies": [
                {"name": "a", "planner_template": "x {input}", "rubric": "score:x", "seeds": ["1"], "top_k": 0},
                {"name": "b", "planner_template": {"chain": ["x"]}, "rubric": "score:x", "fetcher_prompt": "List.",
                 "model_planner": "opus", "model_fetcher": "haiku", "timeout": 5}],
                "top_k_global": 5, "max_parallel_strategies": 1}},
            {"id": "check", "guard": {"checks": ["exists", {"check": "classification", "value": ["mail"]}], "refs": ["run/agent-1"]}},
            {"id": "ask", "approve": "Go on?"},
            {"id": "inner", "pipeline": {"budget": 1, "steps": [{"prompt": "x", "sandbox": "off"}]}},
            {"id": "mend", "prompt": "y", "condition": "prev.error", "next": "one", "max_retries": 7}
        ]
    });
    let small = json!({"steps": [
        {"id": "test", "prompt": "Test.", "on_fail": "fix", "retry_if": [{"keyword": "FLAKY", "step": "test"}]},
        {"id": "fix", "prompt": "Fix.", "condition": "prev.error", "next": "test"}
    ]});
    let scripts = json!({"steps": [
        {"prompt": "a", "agent": {"command": ["sh", "test.sh"]}, "env_vars": {"TOKEN": "secret"},
         "input_files": {"test.sh": "make test"}, "workdir": "/work", "max_budget": 1},
        {"prompt": "b", "agent": {"command": ["sh", "other.sh"]}, "input_files": {"other.sh": "true"}}
    ]});
    vec![kinds, small, scripts, json!({"steps": ["a"]})]
}

/// Any JSON, with words of definitions in it.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(WORDS.to_vec()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(WORDS.to_vec()), inner, 0..4)
                .prop_map(|fields| Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect()
                )),
        ]
    })
}

const WORDS: [&str; 64] = [
    "steps",
    "prompt",
    "id",
    "par",
    "tasks",
    "chain",
    "race",
    "map",
    "template",
    "inputs",
    "reduce",
    "synthesis",
    "of",
    "retry",
    "filter",
    "evaluator",
    "score:x",
    "exec:true",
    "validate:code-review",
    "beam",
    "iterate",
    "hunt",
    "strategies",
    "guard",
    "checks",
    "approve",
    "pipeline",
    "next",
    "on_fail",
    "on_success",
    "governor",
    "g",
    "governors",
    "spec",
    "retry_if",
    "condition",
    "prev.error",
    "max_retries",
    "sandbox",
    "sandboxes",
    "judge",
    "agent",
    "command",
    "claude",
    "network",
    "tools",
    "mounts",
    "env_vars",
    "{\"network\": false}",
    "budget",
    "deadline_seconds",
    "classification",
    "internal",
    "step-0",
    "one",
    "test",
    "fix",
    "code-review",
    "timeout",
    "output_schema",
    "host_path",
    "/",
    "off",
    "refs",
];

/// A definition with something in it replaced, removed, renamed or added.
pub(crate) fn mutated() -> impl Strategy<Value = Value> {
    let change = (
        any::<prop::sample::Index>(),
        0..4u8,
        any_json(),
        prop::sample::select(WORDS.to_vec()),
    );
    (
        prop::sample::select(valid()),
        prop::collection::vec(change, 0..4),
    )
        .prop_map(|(mut value, changes)| {
            for (at, how, with, word) in changes {
                let places = places(&value);
                let place = at.get(&places).clone();
                change_at(&mut value, &place, how, with, word);
            }
            value
        })
}

fn change_at(value: &mut Value, place: &str, how: u8, with: Value, word: &str) {
    let (around, last) = place.rsplit_once('/').unwrap_or(("", ""));
    match (how, value.pointer_mut(around)) {
        (1, Some(Value::Object(fields))) => drop(fields.remove(last)),
        (1, Some(Value::Array(items))) if items.len() > 1 => {
            let at: usize = last.parse().unwrap_or_default();
            items.remove(at);
        }
        (2, Some(Value::Object(fields))) => {
            if let Some(value) = fields.remove(last) {
                fields.insert(word.to_owned(), value);
            }
        }
        (3, Some(Value::Object(fields))) => drop(fields.insert(word.to_owned(), with)),
        _ => {
            if let Some(place) = value.pointer_mut(place) {
                *place = with;
            }
        }
    }
}

/// The pointers to everything in a value but itself.
pub(crate) fn places(value: &Value) -> Vec<String> {
    fn below(value: &Value, at: &str, found: &mut Vec<String>) {
        let mut see = |name: String, inner: &Value| {
            let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            found.push(place.clone());
            below(inner, &place, found);
        };
        match value {
            Value::Object(fields) => fields
                .iter()
                .for_each(|(name, inner)| see(name.clone(), inner)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(i, inner)| see(i.to_string(), inner)),
            _ => {}
        }
    }
    let mut found = vec![String::new()];
    below(value, "", &mut found);
    found
}
