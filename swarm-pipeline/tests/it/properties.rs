//! What holds for every definition.

use proptest::prelude::*;
use serde_json::{Value, json};
use swarm_core::{
    plan::{OnFail, Patcher as _, Plan, Program},
    spec::{Agent, Network},
    types::TypeRegistry,
};
use swarm_pipeline::{Definition, PipelinePatcher, Source};

use crate::{
    definitions::{any_json, mutated, places, valid},
    support::Shelf,
};

fn compiled(value: &Value) -> Option<Program> {
    let compiled = Shelf::default().compile(&Source::value(value));
    compiled.ok().map(|compiled| compiled.program)
}

/// Everything in a program that points somewhere points to something.
fn is_sound(program: &Program) {
    let is_step = |at: u32| assert!((at as usize) < program.steps.len());
    assert!(!program.steps.is_empty());
    is_step(program.entry);
    let is_governor = |name: &str| assert!(program.governors.contains_key(name), "{name}");
    for step in &program.steps {
        step.next.into_iter().for_each(is_step);
        step.retry_if.iter().for_each(|word| is_step(word.step));
        match &step.on_fail {
            Some(OnFail::Goto(at)) => is_step(*at),
            Some(OnFail::Ask(ask)) => is_governor(&ask.governor),
            None => {}
        }
        step.on_success
            .iter()
            .for_each(|ask| is_governor(&ask.governor));
        let same = program.steps.iter().filter(|other| other.id == step.id);
        assert_eq!(same.count(), 1, "{}", step.id);
        if let Plan::Pipeline { program } = &step.work {
            is_sound(program);
        }
    }
    assert_eq!(program.digest.len(), 64);
}

#[test]
fn every_definition_to_start_from_compiles() {
    for value in valid() {
        if let Err(error) = Shelf::default().compile(&Source::value(&value)) {
            panic!("{error}\n{value:#}");
        }
    }
}

/// The fields of objects in another order, and other space between.
fn shuffled(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            text.push_str("{\n ");
            for (i, (name, inner)) in fields.iter().rev().enumerate() {
                if i > 0 {
                    text.push_str(" ,\t");
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push_str("  : ");
                shuffled(inner, text);
            }
            text.push_str("\n}");
        }
        Value::Array(items) => {
            text.push('[');
            for (i, inner) in items.iter().enumerate() {
                if i > 0 {
                    text.push_str(",\n\n");
                }
                shuffled(inner, text);
            }
            text.push_str(" ]");
        }
        other => text.push_str(&other.to_string()),
    }
}

#[test]
fn the_digest_depends_on_neither_order_nor_space_nor_notation() {
    for mut value in valid() {
        // The order of words counts.
        if let Some(step) = value.pointer_mut("/steps/3") {
            step["retry_if"] = json!([{"keyword": "Z", "step": "one"}]);
        }
        let program = compiled(&value).unwrap();
        let mut text = String::new();
        shuffled(&value, &mut text);
        let other = Shelf::default().program(&text);
        assert_eq!(other.digest, program.digest);
        assert_eq!(other, program);
        let again =
            compiled(&Definition::read(&Source::value(&value)).unwrap().to_value()).unwrap();
        assert_eq!(again.digest, program.digest);
    }
}

#[test]
fn the_digest_depends_on_everything_that_is_done() {
    let [value, ..] = &valid()[..] else { return };
    let digest = compiled(value).unwrap().digest;
    // What is said of it, and what is nowhere used.
    let silent = [
        "/description",
        "/governors/g/description",
        "/governors/g/beam_width",
        "/sandbox/env_vars/TOKEN",
    ];
    let mut changed = 0;
    for place in places(value) {
        if silent.contains(&place.as_str()) {
            continue;
        }
        let mut other = value.clone();
        let Some(at) = other.pointer_mut(&place) else {
            continue;
        };
        *at = match at.take() {
            Value::String(text) if place.ends_with("/network/allow/0") => {
                format!("b.{text}").into()
            }
            Value::String(text) => format!("{text}x").into(),
            Value::Number(number) => match number.as_u64() {
                Some(whole) => (whole + 1).into(),
                None => (number.as_f64().unwrap() / 2.0).into(),
            },
            Value::Bool(is) => (!is).into(),
            other => other,
        };
        if other == *value {
            continue;
        }
        if let Some(program) = compiled(&other) {
            assert_ne!(program.digest, digest, "{place}");
            changed += 1;
        }
    }
    assert!(changed > 50, "{changed}");
    let mut secret = value.clone();
    secret["sandbox"]["env_vars"]["TOKEN"] = json!("other");
    assert_eq!(compiled(&secret).unwrap().digest, digest);
    let mut named = value.clone();
    named["sandbox"]["env_vars"] = json!({"OTHER": "secret"});
    assert_ne!(compiled(&named).unwrap().digest, digest);
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&swarm_pipeline::schema()).unwrap()
}

#[test]
fn the_schema_accepts_what_compiles_and_refuses_what_nobody_knows() {
    let validator = validator();
    for value in valid() {
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        for place in places(&value) {
            let mut other = value.clone();
            let Some(Value::Object(fields)) = other.pointer_mut(&place) else {
                continue;
            };
            fields.insert("nobody_knows".to_owned(), json!({"a": 1}));
            let is_read = Definition::read(&Source::value(&other)).is_ok();
            let is_valid = validator.is_valid(&other);
            assert_eq!(is_read, is_valid, "{place}: {other}");
        }
    }
}

/// A definition with this many mistakes, each of another kind and at another place.
fn planted(kinds: &[usize]) -> Value {
    let mut value = json!({"steps": [{"id": "first", "prompt": "x"}]});
    for (i, kind) in kinds.iter().enumerate() {
        let mut step = json!({"id": format!("s{i}"), "prompt": "x"});
        match kind {
            0 => step["nxet"] = json!("first"),
            1 => step["next"] = json!("nowhere"),
            2 => step["timeout"] = json!("soon"),
            3 => step["sandbox"] = json!("nowhere"),
            4 => step["id"] = json!("first"),
            5 => step["output_type"] = json!("nowhere"),
            6 => step["on_fail"] = json!({"governor": "nobody"}),
            7 => step["par"] = json!(["y"]),
            8 => step["agent"] = json!("nobody"),
            9 => step["retry_if"] = json!({"X": "nowhere"}),
            10 => step["max_retries"] = json!(-1),
            _ => step["condition"] = json!("never"),
        }
        value["steps"].as_array_mut().unwrap().push(step);
    }
    value
}

/// What the steps of a program may do, all together, told in another way than by the code that decides.
fn union(program: &Program) -> Vec<String> {
    let mut may = Vec::new();
    let works = program.steps.iter().flat_map(|step| step.work.agents());
    for agent in works {
        let sandbox = &agent.sandbox;
        may.push(format!("{:?}", agent.agent));
        may.push(format!("image {:?}", sandbox.image));
        may.push(format!("model {:?}", sandbox.model));
        may.extend(sandbox.tools.iter().map(|tool| format!("tool {tool}")));
        may.extend(sandbox.mcps.iter().map(|mcp| format!("mcp {mcp}")));
        may.extend(
            sandbox
                .mounts
                .iter()
                .map(|m| format!("mount {} {}", m.host_path, m.readonly)),
        );
        may.extend(sandbox.env_vars.iter().map(|var| format!("{var:?}")));
        // Files and folder count together with what finds them.
        may.push(format!(
            "{:?} in {} with {:?}",
            agent.agent, sandbox.workdir, sandbox.input_files
        ));
        if let Agent::Command(_) = agent.agent {
            may.push(format!(
                "{:?} counts as {}",
                agent.agent,
                sandbox.max_budget.unwrap_or_default()
            ));
        }
        may.push(match &sandbox.network {
            Network::None => continue,
            network => format!("{network:?}"),
        });
    }
    may
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn no_json_makes_the_compiler_panic(value in any_json()) {
        if let Some(program) = compiled(&value) {
            is_sound(&program);
        }
    }

    #[test]
    fn what_compiles_is_sound_and_what_does_not_is_told_why(value in mutated()) {
        let source = Source::json(&value.to_string()).unwrap();
        match Shelf::default().compile(&source) {
            Ok(compiled) => {
                is_sound(&compiled.program);
                let definition = Definition::read(&source).unwrap();
                let again = Definition::read(&Source::value(&definition.to_value())).unwrap();
                prop_assert_eq!(&again, &definition);
                // What the program keeps is a definition of the same program.
                let kept = compiled_as_kept(&compiled.program);
                prop_assert_eq!(kept.digest, compiled.program.digest);
                prop_assert!(validator().is_valid(&value), "{}", value);
            }
            Err(wrong) => {
                for one in &wrong {
                    prop_assert!(one.position.is_some() && !one.message.is_empty());
                }
            }
        }
    }

    #[test]
    fn every_mistake_that_was_made_is_told(kinds in prop::collection::vec(0..12usize, 1..12)) {
        let wrong = Shelf::default().compile(&Source::value(&planted(&kinds))).unwrap_err();
        prop_assert_eq!(wrong.len(), kinds.len(), "{}", wrong);
    }

    #[test]
    fn no_patch_leads_out_of_what_the_program_could_do(
        base in prop::sample::select(valid()), patch in patch(),
    ) {
        let program = compiled(&base).unwrap();
        let patcher = PipelinePatcher::new(TypeRegistry::default());
        if let Ok(changed) = patcher.patch(&program, &patch) {
            is_sound(&changed);
            let may = union(&program);
            for does in union(&changed) {
                prop_assert!(may.contains(&does), "{}", does);
            }
            if let Some(budget) = program.limits.budget {
                prop_assert!(changed.limits.budget.unwrap() <= budget);
            }
            if let Some(time) = program.limits.wall_time {
                prop_assert!(changed.limits.wall_time.unwrap() <= time);
            }
            let guards = |program: &Program| program.steps.iter()
                .filter(|step| matches!(step.work, Plan::Guard { .. } | Plan::Approve { .. })).count();
            prop_assert!(guards(&changed) >= guards(&program));
            // What came out is a definition that compiles to just this, and that the same patch changes no more.
            prop_assert_eq!(&compiled_as_kept(&changed).digest, &changed.digest);
            let again = patcher.patch(&changed, &patch).map(|again| again.digest);
            prop_assert_eq!(again.as_ref(), Ok(&changed.digest));
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in r#"[\[\]{}":,a-z0-9=.\n #é-]{0,80}"#) {
        let read = [Source::json(&text), Source::toml(&text), Source::text(&text)];
        for source in read.into_iter().flatten() {
            drop(Shelf::default().compile(&source));
        }
    }
}

fn compiled_as_kept(program: &Program) -> Program {
    PipelinePatcher::new(TypeRegistry::default())
        .patch(program, &json!({}))
        .unwrap()
}

/// Patches that may make sense: parts of definitions, changed.
fn patch() -> impl Strategy<Value = Value> {
    let whole = mutated();
    let tempting = prop::sample::select(vec![
        json!({"sandbox": {"mounts": [{"host_path": "/", "container_path": "/host"}]}}),
        json!({"sandbox": {"network": true}}),
        json!({"sandbox": null}),
        json!({"agent": {"command": ["sh"]}}),
        json!({"judge": {"agent": {"command": ["sh"]}}}),
        json!({"sandboxes": {"off": {"network": true, "tools": "Bash"}}}),
        json!({"budget": null}),
        json!({"budget": 1}),
        json!({"governor_beam": 1}),
        json!({"classification": "restricted"}),
        json!({"steps": ["a"]}),
        json!({"sandbox": {"input_files": {".claude/settings.json": "{}"}}}),
        json!({"sandbox": {"workdir": "/opt"}}),
        json!({"sandbox": {"max_budget": 0}}),
    ]);
    let planted = (
        prop::sample::select(valid()),
        any::<prop::sample::Index>(),
        prop::sample::select(vec![
            json!({"input_files": {"test.sh": "evil"}}),
            json!({"input_files": {}}),
            json!({"workdir": "/opt"}),
            json!({"workdir": "/workspace"}),
            json!({"max_budget": 0}),
            json!({"max_budget": null}),
        ]),
    )
        .prop_map(|(mut value, at, fields)| {
            let steps = value["steps"].as_array_mut().unwrap();
            let at = at.index(steps.len());
            if let Some(Value::Object(step)) = steps.get_mut(at) {
                step.extend(fields.as_object().unwrap().clone());
            }
            json!({ "steps": steps })
        });
    prop_oneof![whole, tempting, planted, any_json()]
}
