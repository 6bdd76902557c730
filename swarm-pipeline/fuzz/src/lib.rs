//! What must hold for any input.

use serde_json::Value;
use swarm_core::{
    plan::{OnFail, Patcher as _, Program},
    spec::NoSandboxes,
    types::TypeRegistry,
};
use swarm_pipeline::{Definition, PipelinePatcher, Source, Surroundings, compile};

/// The program of a source, if it is one.
fn program(source: &Source) -> Option<Program> {
    let types = TypeRegistry::default();
    match compile(source, &Surroundings::new(&NoSandboxes, &types)) {
        Ok(compiled) => {
            is_sound(&compiled.program);
            Some(compiled.program)
        }
        Err(wrong) => {
            assert!(wrong.len() > 0);
            None
        }
    }
}

fn is_sound(program: &Program) {
    let is_step = |at: u32| assert!((at as usize) < program.steps.len());
    for step in &program.steps {
        step.next.into_iter().for_each(is_step);
        step.retry_if.iter().for_each(|word| is_step(word.step));
        if let Some(OnFail::Goto(at)) = step.on_fail {
            is_step(at);
        }
    }
}

/// Any text as a definition. What can be read is the same when its canonical form is read.
pub fn definition(text: &str) {
    for source in [Source::json(text), Source::toml(text), Source::text(text)] {
        let Ok(source) = source else { continue };
        let made = program(&source);
        if let Ok(definition) = Definition::read(&source) {
            let again = Source::value(&definition.to_value());
            assert_eq!(Definition::read(&again).expect("it was read"), definition);
            let digest = |program: Program| program.digest;
            assert_eq!(program(&again).map(digest), made.map(digest));
        }
    }
}

const BASE: &str = include_str!("../../../examples/pipelines/governed.toml");

/// Any text as what a governor wants changed. What is taken runs nothing that did not run before.
pub fn patch(text: &str) {
    let Ok(patch) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let present = program(&Source::toml(BASE).expect("it is TOML")).expect("it compiles");
    let patcher = PipelinePatcher::new(TypeRegistry::default());
    let Ok(changed) = patcher.patch(&present, &patch) else {
        return;
    };
    is_sound(&changed);
    // What came out is a definition that compiles to just this, and that the same patch changes no more.
    for patch in [patch, serde_json::json!({})] {
        let again = patcher.patch(&changed, &patch).expect("it was taken before");
        assert_eq!(again.digest, changed.digest);
    }
    assert_eq!(changed.governors, present.governors);
    let agents = |program: &Program| -> Vec<_> {
        let steps = program.steps.iter().flat_map(|step| step.work.agents());
        steps.map(|agent| (agent.agent.clone(), agent.sandbox.mounts.clone())).collect()
    };
    let before = agents(&present);
    for agent in agents(&changed) {
        assert!(before.contains(&agent), "{agent:?}");
    }
}
